import type { CacheUnit, Lease, RetentionIndex, StateBytes, Touch, UnitId } from '../../../core/index.ts';
import { grownFloat64 } from '../../../core/growing.ts';
import { NONE } from '../../lru/recency-lists.ts';
import { PrefixUnits } from '../prefix-units.ts';
import { LeafHeap } from './leaf-heap.ts';
import { pickLeaves, type Electorate } from './pick-leaves.ts';

/** What a policy that ranks leaves knows; everything else is the `LeafIndex`. */
export interface LeafRanking {
  /** Lowest goes first, least recently used first among equals. Finite; asked when the unit becomes a leaf or is ranked anew. */
  rank(unit: number, nowMs: number): number;
  /** A call uses these units; asked before the units' own last use is noted. */
  touch(touch: Touch, nowMs: number): void;
  /** Time has passed: says which leaves to rank anew. Asked before victims are chosen and values told. */
  advance?(nowMs: number): void;
  stored?(unit: number): void;
  dropped?(unit: number): void;
  /** The engine may give the unit's id to other tokens now. */
  forget?(unit: number): void;
  stateBytes?(): StateBytes;
}

/** A retention index over the leaves of the resident prefix tree, in the order of a ranking. */
export class LeafIndex implements RetentionIndex {
  readonly units = new PrefixUnits();
  /** Ordinal of the touch that used each unit last. */
  usedAt = new Float64Array(1024);
  /** Ordinal of the last touch. */
  touches = 0;
  readonly #heap: LeafHeap;
  readonly #electorate: Electorate;
  readonly #ranking: LeafRanking;
  #nowMs = 0;

  /** @param makeRanking gets the index that it ranks for */
  constructor(makeRanking: (index: LeafIndex) => LeafRanking) {
    this.#ranking = makeRanking(this);
    this.#heap = new LeafHeap(this.units, (unit) => this.#ranking.rank(unit, this.#nowMs), (unit) => this.usedAt[unit]);
    this.#electorate = { heaps: [this.#heap], choose: () => 0, chosen: () => undefined };
  }

  define(unit: CacheUnit): void {
    this.units.define(unit);
    this.usedAt = grownFloat64(this.usedAt, unit.id + 1);
    this.usedAt[unit.id] = 0;
  }

  touch(touch: Touch, nowMs: number): void {
    this.#nowMs = nowMs;
    this.#ranking.touch(touch, nowMs);
    const ordinal = ++this.touches;
    const { units } = touch;
    for (let position = touch.first; position < units.length; position++) {
      this.usedAt[units[position]] = ordinal;
      this.#heap.rankAnew(units[position]);
    }
  }

  setResident(unit: UnitId, resident: boolean): void {
    if (!this.units.setResident(unit, resident)) return;
    if (resident) {
      this.#inheritUse(unit);
      this.#ranking.stored?.(unit);
      this.#heap.consider(unit);
      return;
    }
    this.#ranking.dropped?.(unit);
    this.#heap.remove(unit);
    const parent = this.units.parents[unit];
    if (parent !== NONE && this.units.isLeaf(parent)) this.#heap.consider(parent);
  }

  forget(unit: UnitId): void {
    this.setResident(unit, false);
    this.usedAt[unit] = 0;
    this.#ranking.forget?.(unit);
  }

  /** The rank of this unit may have changed. */
  rankAnew(unit: number): void { this.#heap.rankAnew(unit); }

  /** An order, not an amount: of the rank, and of the last use among equals. */
  value(unit: UnitId, nowMs: number): number {
    if (!this.units.isResident(unit)) return 0;
    this.#nowMs = nowMs;
    this.#ranking.advance?.(nowMs);
    const rank = this.#ranking.rank(unit, nowMs);
    const positive = rank >= 0 ? 1 + rank : 1 / (1 - rank);
    return positive + 1e-6 / (1 + this.touches - this.usedAt[unit]);
  }

  victims(blocks: number, pinned: (unit: UnitId) => boolean, nowMs: number): Iterable<UnitId> {
    this.#nowMs = nowMs;
    this.#ranking.advance?.(nowMs);
    return pickLeaves(this.units, this.#electorate, blocks, pinned);
  }

  leases(): readonly Lease[] { return []; }

  stateBytes(): StateBytes {
    const own = this.#ranking.stateBytes?.() ?? { learned: 0, working: 0, ghosts: 0 };
    return { ...own, working: own.working + this.units.bytes + this.usedAt.byteLength + this.#heap.bytes };
  }

  /** An answer in the making is resident before its touch: it counts as used with what it hangs from. */
  #inheritUse(unit: number): void {
    const parent = this.units.parents[unit];
    if (parent !== NONE && this.usedAt[unit] < this.usedAt[parent]) this.usedAt[unit] = this.usedAt[parent];
  }
}
