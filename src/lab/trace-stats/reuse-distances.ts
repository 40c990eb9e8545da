/**
 * How far apart the uses of a block lie, as LRU sees it (Mattson et al. 1970, stack distance): the number of distinct
 * blocks that were used since its last use. A block is found by LRU in a cache of more blocks than its distance.
 */

/** Counts per position, with prefix sums in O(log n) (Fenwick 1994). */
class PositionCounts {
  readonly #sums: Int32Array;
  constructor(size: number) { this.#sums = new Int32Array(size + 1); }

  add(position: number, by: number): void {
    for (let at = position + 1; at < this.#sums.length; at += at & -at) this.#sums[at] += by;
  }

  /** Sum of positions up to and with this one. */
  upTo(position: number): number {
    let sum = 0;
    for (let at = position + 1; at > 0; at -= at & -at) sum += this.#sums[at];
    return sum;
  }
}

export class ReuseDistances {
  /** Position of each block's last use; -1: none. Positions are packed anew when they run out. */
  readonly #last: Int32Array;
  #counts: PositionCounts;
  #capacity: number;
  #next = 0;
  #live = 0;

  constructor(blocks: number) {
    this.#last = new Int32Array(blocks).fill(-1);
    this.#capacity = Math.max(1024, 2 * blocks);
    this.#counts = new PositionCounts(this.#capacity);
  }

  /** Distinct blocks used since this one's last use; -1: it was never used. */
  distanceOf(block: number): number {
    const last = this.#last[block];
    return last === -1 ? -1 : this.#live - this.#counts.upTo(last);
  }

  use(block: number): void {
    if (this.#next === this.#capacity) this.#pack();
    const last = this.#last[block];
    if (last === -1) this.#live++;
    else this.#counts.add(last, -1);
    this.#last[block] = this.#next;
    this.#counts.add(this.#next++, 1);
  }

  #pack(): void {
    const used = Array.from(this.#last.keys()).filter((block) => this.#last[block] !== -1).toSorted((one, other) => this.#last[one] - this.#last[other]);
    this.#counts = new PositionCounts(this.#capacity);
    used.forEach((block, position) => {
      this.#last[block] = position;
      this.#counts.add(position, 1);
    });
    this.#next = used.length;
  }
}
