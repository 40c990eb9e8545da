/** Units in the order of their last use: a doubly linked list over typed arrays, every operation O(1). */
const NONE = -1;

export class RecencyList {
  #newer = new Int32Array(1024);
  #older = new Int32Array(1024);
  #linked = new Uint8Array(1024);
  #oldest = NONE;
  #newest = NONE;

  /** Makes room for ids up to and including `unit`. */
  reserve(unit: number): void {
    if (unit < this.#linked.length) return;
    const size = Math.max(unit + 1, this.#linked.length * 2);
    const grow = <A extends Int32Array | Uint8Array>(from: A, to: A): A => { to.set(from); return to; };
    this.#newer = grow(this.#newer, new Int32Array(size));
    this.#older = grow(this.#older, new Int32Array(size));
    this.#linked = grow(this.#linked, new Uint8Array(size));
  }

  has(unit: number): boolean { return this.#linked[unit] === 1; }

  /** -1 when the list is empty. */
  get oldest(): number { return this.#oldest; }
  get newest(): number { return this.#newest; }

  /** The next more recently used unit, or -1. */
  newerThan(unit: number): number { return this.#newer[unit]; }

  /** The unit becomes the most recently used. */
  moveToNewest(unit: number): void {
    if (this.#newest === unit) return;
    this.remove(unit);
    this.#link(unit, this.#newest, NONE);
  }

  /** The unit becomes the next older one than `reference`, which is in the list. */
  moveBefore(unit: number, reference: number): void {
    if (unit === reference) return;
    this.remove(unit);
    this.#link(unit, this.#older[reference], reference);
  }

  remove(unit: number): void {
    if (this.#linked[unit] === 0) return;
    const newer = this.#newer[unit];
    const older = this.#older[unit];
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
    this.#linked[unit] = 0;
  }

  get bytes(): number { return this.#linked.length * 9; }

  #link(unit: number, older: number, newer: number): void {
    this.#older[unit] = older;
    this.#newer[unit] = newer;
    if (older === NONE) this.#oldest = unit;
    else this.#newer[older] = unit;
    if (newer === NONE) this.#newest = unit;
    else this.#older[newer] = unit;
    this.#linked[unit] = 1;
  }
}
