/**
 * The distinct blocks of a trace, interned: a block is its own tokens and all before it, so its key is (parent
 * block, hash of its tokens). Ids are dense and a parent's id is less than its children's. An open-addressing table
 * over typed arrays: about 30 bytes per block while a trace is read, 8 after `finish`.
 */
import { avalanche } from './content-hash.ts';
import { GrowableInt32 } from './growable-int32.ts';

/** The parent of first blocks. */
export const NO_BLOCK = -1;

export class BlockTrie {
  readonly #parents = new GrowableInt32();
  readonly #depths = new GrowableInt32();
  readonly #hashesA = new GrowableInt32();
  readonly #hashesB = new GrowableInt32();
  /** Block ids plus one, 0 for an empty place; its length is a power of two. */
  #table = new Int32Array(4096);

  get size(): number { return this.#parents.length; }

  /** Number of blocks from the root to this one, itself included; 0 for `NO_BLOCK`. */
  chainLength(block: number): number {
    return block === NO_BLOCK ? 0 : this.#depths.at(block) + 1;
  }

  /** The id of the child of `parent` whose tokens hash to (a, b), made if it is new. */
  intern(parent: number, a: number, b: number): number {
    const mask = this.#table.length - 1;
    let place = this.#placeOf(parent, a, b) & mask;
    for (;;) {
      const found = this.#table[place] - 1;
      if (found === NO_BLOCK) break;
      if (this.#parents.at(found) === parent && this.#hashesA.at(found) === a && this.#hashesB.at(found) === b) return found;
      place = (place + 1) & mask;
    }
    const block = this.size;
    this.#depths.push(this.chainLength(parent));
    this.#parents.push(parent);
    this.#hashesA.push(a);
    this.#hashesB.push(b);
    this.#table[place] = block + 1;
    if (this.size * 10 > this.#table.length * 7) this.#rehash();
    return block;
  }

  /** Parent and depth (0 for first blocks) of every block, by id. */
  finish(): { parents: Int32Array; depths: Int32Array } {
    this.#table = new Int32Array(0);
    return { parents: this.#parents.toArray(), depths: this.#depths.toArray() };
  }

  #placeOf(parent: number, a: number, b: number): number {
    return avalanche(a ^ Math.imul(parent + 2, 0x9e3779b1) ^ (b >>> 7));
  }

  #rehash(): void {
    const table = new Int32Array(this.#table.length * 2);
    const mask = table.length - 1;
    for (let block = 0; block < this.size; block++) {
      let place = this.#placeOf(this.#parents.at(block), this.#hashesA.at(block), this.#hashesB.at(block)) & mask;
      while (table[place] !== 0) place = (place + 1) & mask;
      table[place] = block + 1;
    }
    this.#table = table;
  }
}
