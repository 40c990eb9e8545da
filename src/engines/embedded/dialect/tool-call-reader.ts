import type { ToolCallText } from './forced-answer.ts';

/** `{"name":"…","arguments":` up to the first character of the arguments, with spaces where JSON allows them. */
const HEAD = /^\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*(?=\S)/u;

const LAST_BRACE = /\}\s*$/u;

/**
 * Reads one tool call as the model writes it, `{"name": …, "arguments": {…}}`, while it comes: its name as soon as it
 * is known, then its arguments. The closing brace of the whole is held back.
 */
export class ToolCallReader {
  #text = '';
  #argumentsFrom = -1;
  #sent = 0;
  name: string | undefined;

  /** The part of the arguments that is certain now. */
  push(piece: string): string {
    this.#text += piece;
    if (this.#argumentsFrom < 0) {
      const head = HEAD.exec(this.#text);
      if (head === null) return '';
      this.name = JSON.parse(head[1]) as string;
      this.#argumentsFrom = head[0].length;
      this.#sent = this.#argumentsFrom;
    }
    // The last brace may be the one that closes the whole.
    const closing = this.#text.search(LAST_BRACE);
    const until = Math.max(this.#sent, closing < 0 ? this.#text.length : closing);
    const certain = this.#text.slice(this.#sent, until);
    this.#sent = until;
    return certain;
  }

  /** The call, and what of its arguments is still to be sent; undefined if the text is no tool call. */
  finish(): { call: ToolCallText; rest: string } | undefined {
    if (this.name === undefined) return undefined;
    const closing = this.#text.search(LAST_BRACE);
    const until = closing < 0 ? this.#text.length : closing;
    return { call: { name: this.name, argumentsJson: this.#text.slice(this.#argumentsFrom, until) }, rest: this.#text.slice(this.#sent, until) };
  }

  /** Everything read, for a call that is none. */
  get text(): string { return this.#text; }
}
