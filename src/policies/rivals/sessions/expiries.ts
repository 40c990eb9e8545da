import { RankedHeap } from '../../cache-sage/ranked-heap.ts';

/** Who expires when, earliest first, by small numbers. */
export class Expiries {
  readonly #heap = new RankedHeap();

  set(slot: number, atMs: number): void { this.#heap.set(slot, atMs); }

  remove(slot: number): void { this.#heap.remove(slot); }

  /** One that has expired by now, taken out, or -1. */
  next(nowMs: number): number {
    const slot = this.#heap.top();
    if (slot < 0 || this.#heap.keyOf(slot) > nowMs) return -1;
    this.#heap.remove(slot);
    return slot;
  }

  get bytes(): number { return this.#heap.bytes; }
}
