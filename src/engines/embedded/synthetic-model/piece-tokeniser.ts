/**
 * The synthetic vocabulary without llama.cpp: the longest piece at each place. Counts of tokens are close to, not
 * equal to, those of the real tokeniser; text comes back to the byte.
 */
import type { Tokeniser } from '../dialect/tokeniser.ts';
import { buildVocabulary, CONTROL_TEXTS, type ControlText, type Piece } from './vocabulary.ts';

const SPACE = '\u2581';

export class PieceTokeniser implements Tokeniser {
  readonly vocabularySize: number;
  readonly #pieces: readonly Piece[];
  readonly #ids = new Map<string, number>();
  readonly #firstByte: number;
  readonly #longest: number;

  constructor() {
    this.#pieces = buildVocabulary();
    this.vocabularySize = this.#pieces.length;
    this.#firstByte = this.#pieces.findIndex((piece) => piece.kind === 'byte');
    let longest = 1;
    this.#pieces.forEach((piece, id) => {
      if (piece.kind !== 'normal') return;
      this.#ids.set(piece.text.replaceAll(SPACE, ' '), id);
      longest = Math.max(longest, piece.text.length);
    });
    this.#longest = longest;
  }

  mark(text: ControlText): number {
    return this.#pieces.findIndex((piece) => piece.kind === 'control' && piece.text === text);
  }

  get marks(): readonly number[] {
    return CONTROL_TEXTS.map((text) => this.mark(text));
  }

  tokenise(text: string): Promise<Int32Array> {
    const tokens: number[] = [];
    for (let place = 0; place < text.length;) {
      let length = Math.min(this.#longest, text.length - place);
      let id: number | undefined;
      for (; length > 0; length--) {
        id = this.#ids.get(text.slice(place, place + length));
        if (id !== undefined) break;
      }
      if (id === undefined) {
        const character = String.fromCodePoint(text.codePointAt(place) ?? 0);
        for (const byte of Buffer.from(character, 'utf8')) tokens.push(this.#firstByte + byte);
        place += character.length;
      } else {
        tokens.push(id);
        place += length;
      }
    }
    return Promise.resolve(Int32Array.from(tokens));
  }

  detokenise(tokens: Int32Array): Promise<string> {
    const bytes: Buffer[] = [];
    for (const token of tokens) {
      const piece = this.#pieces[token];
      if (piece === undefined || piece.kind === 'control' || piece.kind === 'unknown') continue;
      bytes.push(piece.kind === 'byte' ? Buffer.from([token - this.#firstByte]) : Buffer.from(piece.text.replaceAll(SPACE, ' '), 'utf8'));
    }
    return Promise.resolve(Buffer.concat(bytes).toString('utf8'));
  }
}
