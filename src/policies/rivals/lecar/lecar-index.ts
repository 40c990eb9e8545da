/**
 * LeCaR (Vietri et al., HotStorage 2018): each eviction is made by LRU or by LFU, drawn by weight; who evicted what is
 * missed later loses weight, the more the sooner it is missed.
 */
import type { CacheUnit, Lease, Random, RetentionIndex, StateBytes, Touch, UnitId } from '../../../core/index.ts';
import { grownFloat64 } from '../../../core/growing.ts';
import { NONE, RecencyLists } from '../../lru/recency-lists.ts';
import { LeafHeap } from '../leaves/leaf-heap.ts';
import { pickLeaves } from '../leaves/pick-leaves.ts';
import { UseCounts } from '../lfu/use-counts.ts';
import { PrefixUnits } from '../prefix-units.ts';

export interface LecarConstants {
  readonly learningRate: number;
  /** What is left of a regret for a block missed as many evictions later as the cache has blocks. */
  readonly discountAtCapacity: number;
  readonly initialLruWeight: number;
}

const LRU = 0;
const LFU = 1;
const EXPERTS = [LRU, LFU];
const LEAST_WEIGHT = 0.01;

export class LecarIndex implements RetentionIndex {
  readonly #units = new PrefixUnits();
  readonly #counts = new UseCounts(this.#units, false);
  readonly #heaps: readonly LeafHeap[];
  readonly #constants: LecarConstants;
  readonly #random: Random;
  readonly #capacityBlocks: number | undefined;
  #lruWeight: number;
  #usedAt = new Float64Array(1024);
  #touches = 0;
  /** What each expert evicted, oldest first: at most as many units as the cache has blocks. */
  readonly #histories = new RecencyLists(EXPERTS.length);
  readonly #historyUnits = [0, 0];
  #evictedAt = new Float64Array(1024);
  #evictions = 0;
  /** Who chose the victims that are about to be dropped. */
  readonly #chosenBy = new Map<number, number>();

  constructor(constants: LecarConstants, random: Random, capacityBlocks: number | undefined) {
    this.#constants = constants;
    this.#random = random;
    this.#capacityBlocks = capacityBlocks;
    this.#lruWeight = constants.initialLruWeight;
    const usedAt = (unit: number): number => this.#usedAt[unit];
    this.#heaps = [new LeafHeap(this.#units, usedAt, usedAt), new LeafHeap(this.#units, (unit) => this.#counts.rank(unit), usedAt)];
  }

  /** The weight of LRU; the rest is LFU's. */
  get lruWeight(): number { return this.#lruWeight; }

  define(unit: CacheUnit): void {
    this.#units.define(unit);
    this.#histories.reserve(unit.id);
    this.#usedAt = grownFloat64(this.#usedAt, unit.id + 1);
    this.#evictedAt = grownFloat64(this.#evictedAt, unit.id + 1);
    this.#usedAt[unit.id] = 0;
  }

  touch(touch: Touch): void {
    if (touch.origin === 'prompt') this.#regret(touch.units);
    this.#counts.touch(touch);
    const ordinal = ++this.#touches;
    for (let position = touch.first; position < touch.units.length; position++) {
      const unit = touch.units[position];
      this.#usedAt[unit] = ordinal;
      for (const heap of this.#heaps) heap.rankAnew(unit);
    }
  }

  setResident(unit: UnitId, resident: boolean): void {
    if (!this.#units.setResident(unit, resident)) return;
    const parent = this.#units.parents[unit];
    if (resident) {
      if (parent !== NONE && this.#usedAt[unit] < this.#usedAt[parent]) this.#usedAt[unit] = this.#usedAt[parent];
      // Uses are remembered as long as a history remembers the unit.
      this.#counts.stored(unit, this.#histories.classOf(unit) === NONE ? 0 : this.#counts.usesOf(unit));
      this.#leaveHistory(unit);
      for (const heap of this.#heaps) heap.consider(unit);
      return;
    }
    for (const heap of this.#heaps) heap.remove(unit);
    if (parent !== NONE && this.#units.isLeaf(parent)) for (const heap of this.#heaps) heap.consider(parent);
    this.#enterHistory(unit);
  }

  forget(unit: UnitId): void {
    this.setResident(unit, false);
    this.#leaveHistory(unit);
    this.#usedAt[unit] = 0;
  }

  /** An order, not an amount: the experts' orders, mixed by weight. */
  value(unit: UnitId): number {
    if (!this.#units.isResident(unit)) return 0;
    const recency = 1 / (1 + this.#touches - this.#usedAt[unit]);
    return this.#lruWeight * recency + (1 - this.#lruWeight) * (1 - 1 / (1 + this.#counts.rank(unit)));
  }

  victims(blocks: number, pinned: (unit: UnitId) => boolean): Iterable<UnitId> {
    this.#chosenBy.clear();
    return pickLeaves(this.#units, {
      heaps: this.#heaps,
      choose: () => (this.#random() < this.#lruWeight ? LRU : LFU),
      chosen: (unit, expert) => this.#chosenBy.set(unit, expert),
    }, blocks, pinned);
  }

  leases(): readonly Lease[] { return []; }

  stateBytes(): StateBytes {
    const heaps = this.#heaps.reduce((sum, heap) => sum + heap.bytes, 0);
    return { learned: 8, working: this.#units.bytes + this.#counts.stateBytes().working + this.#usedAt.byteLength + heaps, ghosts: this.#histories.bytes + this.#evictedAt.byteLength };
  }

  get #capacity(): number { return Math.max(1, this.#capacityBlocks ?? this.#units.mostResidentBlocks); }

  /**
   * A call is one request: the regret of an expert is the mean, over the blocks that the call misses, of d^t for those
   * which that expert evicted t evictions ago.
   */
  #regret(prompt: Int32Array): void {
    const discount = this.#constants.discountAtCapacity ** (1 / this.#capacity);
    const regrets = [0, 0];
    let missed = 0;
    for (const unit of prompt) {
      if (this.#units.isResident(unit)) continue;
      missed++;
      const expert = this.#histories.classOf(unit);
      if (expert !== NONE) regrets[expert] += discount ** (this.#evictions - this.#evictedAt[unit]);
    }
    if (missed === 0) return;
    const { learningRate } = this.#constants;
    const lru = this.#lruWeight * Math.exp((learningRate * regrets[LFU]) / missed);
    const lfu = (1 - this.#lruWeight) * Math.exp((learningRate * regrets[LRU]) / missed);
    // Neither expert is silenced for good.
    this.#lruWeight = Math.min(1 - LEAST_WEIGHT, Math.max(LEAST_WEIGHT, lru / (lru + lfu)));
  }

  #enterHistory(unit: number): void {
    const expert = this.#chosenBy.get(unit);
    if (expert === undefined) return;
    this.#chosenBy.delete(unit);
    this.#evictedAt[unit] = ++this.#evictions;
    this.#histories.moveToNewest(unit, expert);
    this.#historyUnits[expert]++;
    while (this.#historyUnits[expert] > this.#capacity) this.#leaveHistory(this.#histories.oldest(expert));
  }

  #leaveHistory(unit: number): void {
    const expert = this.#histories.classOf(unit);
    if (expert === NONE) return;
    this.#histories.remove(unit);
    this.#historyUnits[expert]--;
  }
}
