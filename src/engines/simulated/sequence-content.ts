/**
 * What a simulated sequence holds: its tokens and, after each, a hash of all so far. The next token is a function of
 * that hash, so a sequence that holds anything but what its user believes gives another output: leaks show.
 */
const SEED_LOW = 0x2545f491;
const SEED_HIGH = 0x9e3779b9;

function scramble(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return mixed ^ (mixed >>> 15);
}

export class SequenceContent {
  #tokens: Int32Array;
  #low: Int32Array;
  #high: Int32Array;
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
    this.#tokens = doubled(this.#tokens);
    this.#low = doubled(this.#low);
    this.#high = doubled(this.#high);
  }
}

function doubled(old: Int32Array): Int32Array {
  const array = new Int32Array(old.length * 2);
  array.set(old);
  return array;
}
