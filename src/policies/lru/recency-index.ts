import type { CacheUnit, Lease, RetentionIndex, StateBytes, Touch, UnitId } from '../../core/index.ts';
import { grownFloat64, grownInt32, grownUint8 } from '../../core/growing.ts';
import { NONE, RecencyLists } from './recency-lists.ts';

const LEASE_MS = 60_000;
const noPins = (): boolean => false;

/**
 * Least recently used as a retention index. Within one call a deeper unit counts as older, so a prefix outlives what
 * hangs from it. Units may be put into classes: a lower class goes before a higher one, least recently used first in
 * each. With one class, the default, it knows nothing of agents: the baseline, and what an engine falls back to
 * without a policy.
 */
export class RecencyIndex implements RetentionIndex {
  readonly #lists: RecencyLists;
  #resident = new Uint8Array(1024);
  #lastUseMs = new Float64Array(1024);
  #parents = new Int32Array(1024).fill(NONE);
  /** The class that a unit joins at its next touch. */
  #classes = new Uint8Array(1024);
  /** Deepest unit of the last touch, while nothing else has been touched: then its chain is the newest run of its list. */
  #newestChainEnd = NONE;

  constructor(classes = 1) {
    this.#lists = new RecencyLists(classes);
  }

  define(unit: CacheUnit): void {
    this.#lists.reserve(unit.id);
    this.#grow(unit.id);
    this.#parents[unit.id] = unit.parent ?? NONE;
  }

  #grow(unit: number): void {
    this.#resident = grownUint8(this.#resident, unit + 1);
    this.#classes = grownUint8(this.#classes, unit + 1);
    this.#lastUseMs = grownFloat64(this.#lastUseMs, unit + 1);
    this.#parents = grownInt32(this.#parents, unit + 1, NONE);
  }

  /** Puts a unit into a class, from its next touch on. */
  classify(unit: number, toClass: number): void { this.#classes[unit] = toClass; }

  classOf(unit: number): number { return this.#classes[unit]; }

  touch(touch: Touch, nowMs: number): void {
    const { units, first } = touch;
    const length = units.length;
    if (length === 0) return;
    const last = units[length - 1];
    const continues = first > 0 && units[first - 1] === this.#newestChainEnd && this.#classes[units[first - 1]] === this.#classes[last];
    if (continues) {
      // The prompt's units lie newest already: the answer's go right behind them.
      for (let position = first; position < length; position++) {
        this.#lists.moveBehind(units[position], units[position - 1]);
        this.#lastUseMs[units[position]] = nowMs;
      }
    } else {
      for (let position = length - 1; position >= 0; position--) {
        this.#lists.moveToNewest(units[position], this.#classes[units[position]]);
        this.#lastUseMs[units[position]] = nowMs;
      }
    }
    this.#newestChainEnd = last;
  }

  setResident(unit: UnitId, resident: boolean): void {
    this.#resident[unit] = resident ? 1 : 0;
    if (!resident) this.#unlink(unit);
    else if (this.#lists.classOf(unit) === NONE) this.#listUntouched(unit);
  }

  forget(unit: UnitId): void {
    this.#resident[unit] = 0;
    this.#classes[unit] = 0;
    this.#unlink(unit);
  }

  /** An order, not an amount: from the class on upward, more for what was used later. */
  value(unit: UnitId, nowMs: number): number {
    if (this.#lists.classOf(unit) === NONE) return 0;
    return this.#classes[unit] + 1 / (1 + Math.max(0, nowMs - this.#lastUseMs[unit]));
  }

  *victims(_blocks: number, pinned: (unit: UnitId) => boolean): Iterable<UnitId> {
    for (let ofClass = 0; ofClass < this.#lists.classCount; ofClass++) {
      let next = this.#lists.oldest(ofClass);
      while (next !== NONE) {
        const unit = next as UnitId;
        next = this.#lists.newerThan(unit);
        if (pinned(unit)) continue;
        if (this.#resident[unit] === 1) yield unit;
        else this.#unlink(unit);
      }
    }
  }

  leases(nowMs: number, max: number): readonly Lease[] {
    const mostRecent = [...this.victims(0, noPins)].toReversed().slice(0, max);
    return mostRecent.map((unit) => ({ unit, steps: [{ untilMs: nowMs + LEASE_MS, value: this.value(unit, nowMs) }] }));
  }

  stateBytes(): StateBytes {
    return { learned: 0, working: this.#lists.bytes + this.#resident.byteLength + this.#classes.byteLength + this.#lastUseMs.byteLength + this.#parents.byteLength, ghosts: 0 };
  }

  /** An answer in the making: resident before its touch. It counts as used with what it hangs from, and as deeper. */
  #listUntouched(unit: number): void {
    const parent = this.#parents[unit];
    const toClass = this.#classes[unit];
    if (parent !== NONE && this.#lists.classOf(parent) === toClass) this.#lists.moveBehind(unit, parent);
    else this.#lists.moveToNewest(unit, toClass);
  }

  #unlink(unit: number): void {
    if (unit === this.#newestChainEnd) this.#newestChainEnd = NONE;
    this.#lists.remove(unit);
  }
}
