import type { CacheUnit, Lease, RetentionIndex, StateBytes, Touch, UnitId } from '../../core/index.ts';
import { RecencyList } from './recency-list.ts';

/**
 * Least recently used as a retention index. Within one call a deeper unit counts as older, so a prefix outlives what
 * hangs from it. Knows nothing of agents: the baseline, and what an engine falls back to without a policy.
 */
export class RecencyIndex implements RetentionIndex {
  readonly #list = new RecencyList();
  #resident = new Uint8Array(1024);
  #lastUseMs = new Float64Array(1024);
  /** Deepest unit of the last touch, while nothing else has been touched; then its chain is the newest run of the list. */
  #newestChainEnd = -1;

  define(unit: CacheUnit): void {
    this.#list.reserve(unit.id);
    if (unit.id < this.#resident.length) return;
    const size = Math.max(unit.id + 1, this.#resident.length * 2);
    const resident = new Uint8Array(size);
    resident.set(this.#resident);
    this.#resident = resident;
    const lastUseMs = new Float64Array(size);
    lastUseMs.set(this.#lastUseMs);
    this.#lastUseMs = lastUseMs;
  }

  touch(touch: Touch, nowMs: number): void {
    const { units, first } = touch;
    const length = units.length;
    if (length === 0) return;
    const continues = first > 0 && units[first - 1] === this.#newestChainEnd;
    if (continues) {
      // The prompt's units lie newest already: the answer's go right behind them.
      for (let position = first; position < length; position++) {
        this.#list.moveBefore(units[position], units[position - 1]);
        this.#lastUseMs[units[position]] = nowMs;
      }
    } else {
      for (let position = length - 1; position >= 0; position--) {
        this.#list.moveToNewest(units[position]);
        this.#lastUseMs[units[position]] = nowMs;
      }
    }
    this.#newestChainEnd = units[length - 1];
  }

  setResident(unit: UnitId, resident: boolean): void {
    this.#resident[unit] = resident ? 1 : 0;
    if (!resident) this.#unlink(unit);
    else if (!this.#list.has(unit)) this.#list.moveToNewest(unit);
  }

  forget(unit: UnitId): void {
    this.#resident[unit] = 0;
    this.#unlink(unit);
  }

  /** An order, not an amount: 1 for what is used now, falling with the time since its last use. */
  value(unit: UnitId, nowMs: number): number {
    if (!this.#list.has(unit)) return 0;
    return 1 / (1 + Math.max(0, nowMs - this.#lastUseMs[unit]));
  }

  *victims(_blocks: number, pinned: (unit: UnitId) => boolean): Iterable<UnitId> {
    let next = this.#list.oldest;
    while (next !== -1) {
      const unit = next as UnitId;
      next = this.#list.newerThan(unit);
      if (pinned(unit)) continue;
      if (this.#resident[unit] === 1) yield unit;
      else this.#unlink(unit);
    }
  }

  leases(nowMs: number, max: number): readonly Lease[] {
    const leases: Lease[] = [];
    const residents: UnitId[] = [...this.victims(0, () => false)];
    for (const unit of residents.reverse().slice(0, max)) leases.push({ unit, steps: [{ untilMs: nowMs + 60_000, value: this.value(unit, nowMs) }] });
    return leases;
  }

  stateBytes(): StateBytes {
    return { learned: 0, working: this.#list.bytes + this.#resident.byteLength + this.#lastUseMs.byteLength, ghosts: 0 };
  }

  #unlink(unit: number): void {
    if (unit === this.#newestChainEnd) this.#newestChainEnd = -1;
    this.#list.remove(unit);
  }
}
