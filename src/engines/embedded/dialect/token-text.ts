import type { Tokeniser } from './tokeniser.ts';

const REPLACEMENT = '\uFFFD';
/** A character has at most four bytes: after so many tokens without a whole one, the bytes are no text. */
const LONGEST_CHARACTER_TOKENS = 4;
const NOTHING = new Int32Array(0);

/** Text of tokens that come one by one: a character whose bytes are spread over several tokens comes out whole. */
export class TokenText {
  readonly #tokeniser: Tokeniser;
  /** What single tokens say in the middle of a text; shared by all answers of a model, bounded by its vocabulary. */
  readonly #single: Map<number, string>;
  #before: Int32Array = NOTHING;
  #partial: number[] = [];

  constructor(tokeniser: Tokeniser, single: Map<number, string>) {
    this.#tokeniser = tokeniser;
    this.#single = single;
  }

  /** The text that this token completes; empty while a character is incomplete. */
  async push(token: number): Promise<string> {
    const known = this.#partial.length === 0 && this.#before.length > 0 ? this.#single.get(token) : undefined;
    if (known !== undefined) {
      this.#before = Int32Array.of(token);
      return known;
    }
    this.#partial.push(token);
    const text = await this.#tokeniser.detokenise(Int32Array.from(this.#partial), this.#before);
    if (text.endsWith(REPLACEMENT) && this.#partial.length < LONGEST_CHARACTER_TOKENS) return '';
    if (this.#partial.length === 1 && this.#before.length > 0) this.#single.set(token, text);
    this.#before = Int32Array.of(token);
    this.#partial = [];
    return text;
  }

  /** What is left of an incomplete character when the answer ends. */
  async finish(): Promise<string> {
    if (this.#partial.length === 0) return '';
    const text = await this.#tokeniser.detokenise(Int32Array.from(this.#partial), this.#before);
    this.#partial = [];
    return text;
  }
}
