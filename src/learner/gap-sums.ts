/**
 * Sums of several further gaps: where a call lands that comes n gaps after the next one. Three quantiles of each sum
 * stand for its distribution, tabulated as shifts on the time grid and drawn anew now and then from the global histogram.
 */
import { seededRandom } from '../core/index.ts';
import { BIN_HIGH_MS, BIN_MIDDLE_MS, SUM_BINS, TIME_BINS } from './time-grid.ts';

/** Calls per horizon: the next six one by one, then lumped, up to 1,500: one session may stand for many conversations that a client does not tell apart. */
export const CALLS_IN_HORIZON = [1, 1, 1, 1, 1, 1, 6, 12, 24, 48, 96, 192, 384, 768] as const;
/** How many calls come before the first one of each horizon. */
export const CALLS_BEFORE_HORIZON = CALLS_IN_HORIZON.map((_, horizon) => CALLS_IN_HORIZON.slice(0, horizon).reduce<number>((sum, calls) => sum + calls, 0));
const GAPS_BEFORE = [0, 1, 2, 3, 4, 5, 8, 17, 35, 70, 140, 280, 560, 1120] as const;
const SAMPLES = 60;
const QUANTILE_SAMPLES = [10, 30, 50] as const;
/** From here on the sum of twice as many gaps is drawn as the sum of two of these sums. */
const LEAST_DOUBLED = 35;
/** Coprime to the number of samples: pairs each of them with another one. */
const COPRIME = 7;
const FALLBACK_GAP_MS = 3000;
const GAPS_PER_PART = 3;

function emptyShifts(): Uint8Array[] {
  return GAPS_BEFORE.map(() => new Uint8Array(TIME_BINS * 3));
}

export class GapSums {
  /** shifts[horizon][bin × 3 + quantile]: the bin in which the later call lands if the next one falls in `bin`. */
  private shifts = emptyShifts();
  /** Those that are being made. */
  private next = emptyShifts();
  private readonly cumulated = new Float64Array(TIME_BINS);
  private work: Generator<void, void> | undefined;

  constructor() {
    this.begin(new Float64Array(TIME_BINS));
    while (!this.goOn());
  }

  /** From now on the sums are drawn anew, a part with each `goOn`; until they are there the old ones hold. */
  begin(histogram: Float64Array): void {
    this.work = this.draw(histogram);
  }
  /** Returns whether that was the last part. */
  goOn(): boolean {
    if (this.work?.next().done !== true) return false;
    this.work = undefined;
    [this.shifts, this.next] = [this.next, this.shifts];
    return true;
  }

  private * draw(histogram: Float64Array): Generator<void, void> {
    const random = seededRandom(12345);
    const total = this.cumulate(histogram);
    const draw = (): number => (total === 0 ? FALLBACK_GAP_MS : BIN_MIDDLE_MS[this.binBelow(random() * total)]);
    const sums = new Float64Array(SAMPLES);
    let gaps = 0;
    for (const [horizon, wanted] of GAPS_BEFORE.entries()) {
      if (wanted === 2 * gaps && gaps >= LEAST_DOUBLED) {
        const half = Float64Array.from(sums);
        for (let sample = 0; sample < SAMPLES; sample++) sums[sample] += half[(sample * COPRIME + 1) % SAMPLES];
        gaps = wanted;
      }
      for (; gaps < wanted; gaps++) {
        for (let sample = 0; sample < SAMPLES; sample++) sums[sample] += draw();
        if (gaps % GAPS_PER_PART === 0) yield;
      }
      const sorted = Float64Array.from(sums).sort();
      QUANTILE_SAMPLES.forEach((sample, index) => this.tabulate(this.next[horizon], index, sorted[sample]));
      yield;
    }
  }

  private cumulate(histogram: Float64Array): number {
    let total = 0;
    for (let bin = 0; bin < TIME_BINS; bin++) this.cumulated[bin] = total += histogram[bin];
    return total;
  }
  /** The first bin up to whose end more than this has been counted. */
  private binBelow(count: number): number {
    let low = 0;
    let high = TIME_BINS - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (count < this.cumulated[middle]) high = middle;
      else low = middle + 1;
    }
    return low;
  }
  /** Where each bin's middle comes to lie so much later. */
  private tabulate(shift: Uint8Array, index: number, laterMs: number): void {
    let later = 0;
    for (let bin = 0; bin < TIME_BINS; bin++) {
      while (later < SUM_BINS - 1 && BIN_MIDDLE_MS[bin] + laterMs >= BIN_HIGH_MS[later]) later++;
      shift[bin * 3 + index] = later;
    }
  }

  later(next: Float64Array, horizon: number, out: Float64Array): void {
    const shift = this.shifts[horizon];
    out.fill(0);
    for (let bin = 0; bin < TIME_BINS; bin++) {
      const third = next[bin] / 3;
      if (third < 1e-7) continue;
      out[shift[bin * 3]] += third;
      out[shift[bin * 3 + 1]] += third;
      out[shift[bin * 3 + 2]] += third;
    }
  }
}
