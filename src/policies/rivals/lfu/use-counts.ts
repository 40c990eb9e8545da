import { grownFloat64, grownInt32 } from '../../../core/growing.ts';
import type { Touch } from '../../../core/index.ts';
import type { LeafRanking } from '../leaves/leaf-index.ts';
import type { PrefixUnits } from '../prefix-units.ts';

/**
 * LFU with dynamic aging: rank = uses while resident + the rank of what was evicted last when it was used last
 * (LFU-DA, Arlitt et al. 2000). Counts go with the unit when it is evicted.
 */
export class UseCounts implements LeafRanking {
  readonly #units: PrefixUnits;
  readonly #aging: boolean;
  #uses = new Int32Array(1024);
  #ranks = new Float64Array(1024);
  /** L: the rank of the last unit evicted. */
  #age = 0;

  constructor(units: PrefixUnits, aging: boolean) {
    this.#units = units;
    this.#aging = aging;
  }

  rank(unit: number): number { return this.#ranks[unit]; }

  touch({ units, origin }: Touch): void {
    if (origin !== 'prompt') return;
    for (const unit of units) if (this.#units.isResident(unit)) this.#use(unit);
  }

  /** @param uses of earlier stays, where they are remembered */
  stored(unit: number, uses = 0): void {
    this.#uses = grownInt32(this.#uses, unit + 1);
    this.#ranks = grownFloat64(this.#ranks, unit + 1);
    this.#uses[unit] = uses;
    this.#use(unit);
  }

  dropped(unit: number): void {
    if (this.#aging && this.#ranks[unit] > this.#age) this.#age = this.#ranks[unit];
  }

  /** Of a resident unit, or what it had when it went. */
  usesOf(unit: number): number { return this.#uses[unit]; }

  stateBytes() { return { learned: 0, working: this.#uses.byteLength + this.#ranks.byteLength, ghosts: 0 }; }

  #use(unit: number): void {
    this.#uses[unit]++;
    this.#ranks[unit] = this.#uses[unit] + this.#age;
  }
}
