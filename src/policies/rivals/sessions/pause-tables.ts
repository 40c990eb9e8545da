/** How long sessions pause after a call that issued a given tool, and how often they do not come back: counts by tool on a logarithmic grid. */
import { BIN_HIGH_MS, BIN_MIDDLE_MS, TIME_BINS, timeBin } from '../../../learner/time-grid.ts';

/** Keys beyond share one table. */
const MOST_KEYS = 256;
const OTHERS = '';

export class PauseTable {
  readonly pauses = new Uint32Array(TIME_BINS);
  returned = 0;
  ended = 0;

  learn(pauseMs: number): void {
    this.pauses[timeBin(pauseMs)]++;
    this.returned++;
  }

  /** The time by which a share of those who come back have done so. */
  quantileMs(share: number): number {
    let left = share * this.returned;
    for (let bin = 0; bin < TIME_BINS; bin++) {
      left -= this.pauses[bin];
      if (left <= 0) return BIN_HIGH_MS[bin];
    }
    return BIN_HIGH_MS[TIME_BINS - 1];
  }

  /**
   * argmax over τ of P(pause ≤ τ) · benefit − cost · E[min(pause, τ)], where those who never come back never do so in
   * time; 0 if nothing is gained.
   */
  bestTimeToLiveMs(benefitMs: number, costPerMs: number): number {
    const all = this.returned + this.ended;
    let bestMs = 0;
    let mostMs = 0;
    let within = 0;
    let heldMs = 0;
    for (let bin = 0; bin < TIME_BINS; bin++) {
      within += this.pauses[bin];
      heldMs += this.pauses[bin] * BIN_MIDDLE_MS[bin];
      const gainMs = (within / all) * benefitMs - costPerMs * ((heldMs + (all - within) * BIN_HIGH_MS[bin]) / all);
      if (gainMs <= mostMs) continue;
      mostMs = gainMs;
      bestMs = BIN_HIGH_MS[bin];
    }
    return bestMs;
  }
}

export class PauseTables {
  readonly all = new PauseTable();
  readonly #tables = new Map<string, PauseTable>();

  of(key: string): PauseTable {
    const known = this.#tables.get(key);
    if (known !== undefined) return known;
    if (this.#tables.size >= MOST_KEYS && key !== OTHERS) return this.of(OTHERS);
    const table = new PauseTable();
    this.#tables.set(key, table);
    return table;
  }

  learn(key: string, pauseMs: number): void {
    this.of(key).learn(pauseMs);
    this.all.learn(pauseMs);
  }

  learnEnd(key: string): void {
    this.of(key).ended++;
    this.all.ended++;
  }

  get bytes(): number { return (this.#tables.size + 1) * (TIME_BINS * 4 + 8); }
}
