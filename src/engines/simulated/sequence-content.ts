/**
 * What a simulated sequence holds: its tokens and, after each, a hash of all so far. The next token is a function of
 * that hash, so a sequence that holds anything but what its user believes gives another output: leaks show.
 */
import { grownInt32 } from '../../core/growing.ts';

const SEED_LOW = 0x2545f491;
const SEED_HIGH = 0x9e3779b9;

function scramble(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return mixed ^ (mixed >>> 15);
}

export class SequenceContent {
  #tokens: Int32Array<ArrayBuffer>;
  #low: Int32Array<ArrayBuffer>;
  #high: Int32Array<ArrayBuffer>;
  #length = 0;

  constructor(room = 64) {
    this.#tokens = new Int32Array(room);
    this.#low = new Int32Array(room);
    this.#high = new Int32Array(room);
  }

  get length(): number { return this.#length; }

  append(token: number): void {
    if (this.#length === this.#tokens.length) this.#grow();
    const at = this.#length;
    const low = at === 0 ? SEED_LOW : this.#low[at - 1];
    const high = at === 0 ? SEED_HIGH : this.#high[at - 1];
    this.#tokens[at] = token;
    this.#low[at] = scramble(Math.imul(low, 31) + token);
    this.#high[at] = scramble(Math.imul(high, 0x01000193) ^ (token + at));
    this.#length = at + 1;
  }

  appendAll(tokens: Int32Array): void {
    for (const token of tokens) this.append(token);
  }

  trim(length: number): void {
    this.#length = length;
  }

  tokens(): Int32Array {
    return this.#tokens.slice(0, this.#length);
  }

  /** Of the first `length` tokens. */
  hashAt(length: number): string {
    return `${this.#low[length - 1]}.${this.#high[length - 1]}`;
  }

  copy(): SequenceContent {
    const copy = new SequenceContent(Math.max(1, this.#length));
    copy.#tokens.set(this.#tokens.subarray(0, this.#length));
    copy.#low.set(this.#low.subarray(0, this.#length));
    copy.#high.set(this.#high.subarray(0, this.#length));
    copy.#length = this.#length;
    return copy;
  }

  /** The token that the simulated model puts next: in [0, vocabulary). `seed` only matters where sampling is random. */
  nextToken(vocabulary: number, seed: number): number {
    const last = this.#length - 1;
    const low = last < 0 ? SEED_LOW : this.#low[last];
    const high = last < 0 ? SEED_HIGH : this.#high[last];
    return (scramble(low ^ scramble(high ^ seed)) >>> 0) % vocabulary;
  }

  #grow(): void {
    this.#tokens = grownInt32(this.#tokens, this.#length + 1);
    this.#low = grownInt32(this.#low, this.#length + 1);
    this.#high = grownInt32(this.#high, this.#length + 1);
  }
}
