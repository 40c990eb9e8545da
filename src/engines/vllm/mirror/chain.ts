/**
 * The blocks of one prefix, root first: their keys as they came, their units, and themselves. It is only ever appended
 * to, so whoever remembers a length of it remembers a prefix; two that go on differently from there are two chains.
 */
import type { Block } from './block.ts';

export const KEY_BYTES = 8;
const FIRST_ROOM = 64;

export class Chain {
  #keys: Buffer;
  #units: Int32Array;
  readonly #blocks: Block[];

  constructor(room = FIRST_ROOM, blocks: Block[] = []) {
    this.#keys = Buffer.allocUnsafe(KEY_BYTES * room);
    this.#units = new Int32Array(room);
    this.#blocks = blocks;
  }

  get length(): number { return this.#blocks.length; }
  block(index: number): Block | undefined { return this.#blocks[index]; }
  /** Valid until the chain grows. */
  units(): Int32Array { return this.#units.subarray(0, this.length); }
  /** Valid until the chain grows. */
  keys(length: number): Uint8Array { return this.#keys.subarray(0, KEY_BYTES * length); }

  /** @param key big-endian, 8 bytes at `at` */
  append(packed: Uint8Array, at: number, block: Block): void {
    const { length } = this;
    if (length === this.#units.length) this.#grow(2 * length);
    this.#keys.set(packed.subarray(at, at + KEY_BYTES), KEY_BYTES * length);
    this.#units[length] = block.unit;
    this.#blocks.push(block);
  }

  /** Itself where it is no longer than that, else a chain of its own that begins with so many of these. */
  upTo(length: number): Chain {
    if (length === this.length) return this;
    const chain = new Chain(Math.max(FIRST_ROOM, length + (length >> 2)), this.#blocks.slice(0, length));
    chain.#keys.set(this.keys(length));
    chain.#units.set(this.#units.subarray(0, length));
    return chain;
  }

  /** How many leading blocks both have. Memory is compared, at bytes per nanosecond: no key is made a number. */
  commonWith(packed: Uint8Array): number {
    let agreed = 0;
    let differs = Math.min(this.length, Math.floor(packed.length / KEY_BYTES)) + 1;
    // Most turns go on where the one before ended: the whole is tried first, then halves of what is left.
    let tried = differs - 1;
    while (agreed < differs - 1) {
      if (this.#keys.compare(packed, KEY_BYTES * agreed, KEY_BYTES * tried, KEY_BYTES * agreed, KEY_BYTES * tried) === 0) agreed = tried;
      else differs = tried;
      tried = agreed + Math.max(1, (differs - agreed) >> 1);
    }
    return agreed;
  }

  #grow(room: number): void {
    const keys = Buffer.allocUnsafe(KEY_BYTES * room);
    keys.set(this.#keys);
    this.#keys = keys;
    const units = new Int32Array(room);
    units.set(this.#units);
    this.#units = units;
  }
}
