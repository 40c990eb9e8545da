/**
 * The synthetic model's vocabulary: a SentencePiece one with byte fallback, so that any text has tokens.
 *
 * The tokeniser joins neighbouring pieces as long as their concatenation is a piece, the highest score first. A
 * word is therefore reachable only through its prefixes, which are all pieces too.
 */
import { CAPITALISED_WORDS, PUNCTUATION_RUNS, WORDS } from './word-list.ts';

export type PieceKind = 'normal' | 'unknown' | 'control' | 'byte';
export interface Piece {
  readonly text: string;
  readonly kind: PieceKind;
  readonly score: number;
}

/** SentencePiece writes a space as U+2581. */
const SPACE = '\u2581';

/** Marks of the chat format; never produced by tokenising a client's text. */
export const CONTROL_TEXTS = ['<|end|>', '<|system|>', '<|user|>', '<|assistant|>', '<|tool|>', '<|tool_call|>', '<|/tool_call|>', '<|tools|>'] as const;
export type ControlText = (typeof CONTROL_TEXTS)[number];

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const COMMON_ENDINGS = 'ing ed er ers es ly tion tions ment ness able ible al ic ive ous ful less ity ism ist ize est ies ent ant ance ence'.split(' ');

function* prefixes(word: string): Iterable<string> {
  for (let length = 1; length <= word.length; length++) yield word.slice(0, length);
}

/** Every piece that can be joined, most wanted first. */
function* joinedPieces(): Iterable<string> {
  for (let code = 33; code < 127; code++) yield String.fromCharCode(code);
  yield SPACE;
  yield '\n';
  for (const run of [SPACE.repeat(2), SPACE.repeat(3), SPACE.repeat(4), SPACE.repeat(6), SPACE.repeat(8), '\n\n', `\n${SPACE}${SPACE}`]) yield run;
  for (const word of WORDS) yield* prefixes(SPACE + word);
  for (const word of CAPITALISED_WORDS) yield* prefixes(SPACE + word);
  for (const ending of COMMON_ENDINGS) yield* prefixes(ending);
  for (const run of PUNCTUATION_RUNS) yield* prefixes(run);
  for (const word of WORDS) yield* prefixes(word);
  for (const first of LETTERS) for (const second of LETTERS) yield first + second;
  for (let number = 0; number < 100; number++) yield String(number).padStart(2, '0');
  for (let number = 0; number < 100; number++) yield SPACE + String(number);
  for (const letter of LETTERS) yield SPACE + letter.toUpperCase();
  for (const word of CAPITALISED_WORDS) yield* prefixes(word);
}

/** Id of a piece is its place. `<unk>` is 0, `<s>` 1, `</s>` 2; then the control marks, then the bytes, then the joined pieces. */
export function buildVocabulary(): Piece[] {
  const pieces: Piece[] = [
    { text: '<unk>', kind: 'unknown', score: 0 },
    { text: '<s>', kind: 'control', score: 0 },
    { text: '</s>', kind: 'control', score: 0 },
    ...CONTROL_TEXTS.map((text): Piece => ({ text, kind: 'control', score: 0 })),
  ];
  for (let byte = 0; byte < 256; byte++) pieces.push({ text: `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, kind: 'byte', score: 0 });
  const known = new Set(pieces.map((piece) => piece.text));
  let rank = 0;
  for (const text of joinedPieces()) {
    if (known.has(text)) continue;
    known.add(text);
    rank++;
    pieces.push({ text, kind: 'normal', score: -rank });
  }
  return pieces;
}
