import { NONE } from '../../lru/recency-lists.ts';
import { RankedHeap } from '../../cache-sage/ranked-heap.ts';
import type { PrefixUnits } from '../prefix-units.ts';

const MOST_CANDIDATES = 4096;

/**
 * The leaves of the resident prefix tree, lowest rank first: the only units that may be evicted. Units that become
 * leaves are ranked when the next victim is looked for, and what has ceased to be one is dropped when it comes up, so
 * that storing a chain costs O(1) a unit, and O(log leaves) for its end alone.
 */
export class LeafHeap {
  readonly #units: PrefixUnits;
  readonly #rank: (unit: number) => number;
  readonly #tie: (unit: number) => number;
  readonly #heap = new RankedHeap();
  readonly #candidates: number[] = [];

  /** @param rank lowest goes first; of equal ones the one with the lower `tie` */
  constructor(units: PrefixUnits, rank: (unit: number) => number, tie: (unit: number) => number) {
    this.#units = units;
    this.#rank = rank;
    this.#tie = tie;
  }

  /** The unit may have become a leaf. */
  consider(unit: number): void {
    this.#candidates.push(unit);
    // An engine may never ask for victims.
    if (this.#candidates.length >= MOST_CANDIDATES) this.#admit();
  }

  /** The rank of the unit may have changed. */
  rankAnew(unit: number): void {
    if (this.#heap.has(unit)) this.#set(unit);
  }

  /** The unit is no longer resident. */
  remove(unit: number): void { this.#heap.remove(unit); }

  /** Passes the unit over, although it is a leaf, until it is considered again. */
  skip(unit: number): void {
    this.#admit();
    this.#heap.remove(unit);
  }

  /** The leaf to go first, or -1. */
  first(): number {
    this.#admit();
    for (let unit = this.#heap.top(); unit !== NONE; unit = this.#heap.top()) {
      if (this.#units.isLeaf(unit)) return unit;
      this.#heap.remove(unit);
    }
    return NONE;
  }

  /** As many leaves as there are; which one has which number changes with every call of another method. */
  get size(): number {
    this.#admit();
    return this.#heap.size;
  }

  /** Some leaf, by its number below `size`; -1 if it has ceased to be one. */
  at(number: number): number {
    const unit = this.#heap.at(number);
    if (this.#units.isLeaf(unit)) return unit;
    this.#heap.remove(unit);
    return NONE;
  }

  get bytes(): number { return this.#heap.bytes + this.#candidates.length * 8; }

  #admit(): void {
    if (this.#candidates.length === 0) return;
    for (const unit of this.#candidates) if (this.#units.isLeaf(unit)) this.#set(unit);
    this.#candidates.length = 0;
  }

  #set(unit: number): void { this.#heap.set(unit, this.#rank(unit), this.#tie(unit)); }
}
