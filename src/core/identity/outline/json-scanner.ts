/**
 * Walks JSON in its bytes, without decoding or keeping it. The structure, literals and numbers are checked; what lies
 * within strings (escapes, control characters, UTF-8) is left to whoever decodes them, so that long strings can be skipped
 * by a search for their quote.
 */
import { EntresolError } from '../../errors.ts';
import type { BodyBytes } from '../hashing.ts';
import { LONGEST_WORD, OUTLINE_WORDS } from './words.ts';

export const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
export const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
export const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** Of one value in a body: deeper than any real request. What recurses over a body stays far from the end of the stack. */
export const MAXIMUM_DEPTH = 256;
/** Of messages, their parts, tools and members that are walked one by one: each leaves something in memory until the body is read. */
export const MAXIMUM_WALKED = 131_072;
/** What is longer as it stands in a body is no role and no type that anybody knows. */
const LONGEST_NAME = 64;
/** Stands for all of those: neither empty nor anything that is asked for. */
export const UNKNOWN_NAME = '…';
/** From here on a search for the quote is faster than a look at each byte. */
const SHORT_STRING = 8;

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** What may stand next in an array or object. */
const enum Expect { Value, ValueOrClose, KeyOrClose, Key, Colon, CommaOrClose }

export class JsonScanner {
  /** Where the next byte is read. */
  at: number;
  readonly bytes: Buffer;

  readonly body: BodyBytes | undefined;
  private readonly budget: { left: number };

  /**
   * @param body the same bytes, where they have been taken in; nothing else may be taken in until this scanner is done
   * @param budget how much may be walked yet, by all scanners of one body together
   */
  constructor(bytes: Buffer, at = 0, body?: BodyBytes, budget = { left: MAXIMUM_WALKED }) {
    this.bytes = bytes;
    this.at = at;
    this.body = body;
    this.budget = budget;
  }

  /** @throws EntresolError `ENT_BAD_JSON` */
  fail(why: string): never {
    throw new EntresolError('ENT_BAD_JSON', `The body is not JSON: ${why} at byte ${this.at}.`, { at: 'body' });
  }

  /** @returns the next byte that is no white space, -1 at the end */
  peek(): number {
    const { bytes } = this;
    let { at } = this;
    while (at < bytes.length) {
      const byte = bytes[at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
      at += 1;
    }
    this.at = at;
    return at < bytes.length ? bytes[at] : -1;
  }

  /** Takes the next byte if it is this one. */
  take(wanted: number): boolean {
    if (this.peek() !== wanted) return false;
    this.at += 1;
    return true;
  }

  /** Past the string that opens here. */
  skipString(): void {
    const end = this.body === undefined ? this.searchQuote() : this.body.stringEnd(this.at);
    if (end < 0) this.fail('a string without end');
    this.at = end + 1;
  }

  /** Where the string ends that opens here; -1 if it does not. */
  private searchQuote(): number {
    const { bytes } = this;
    let index = this.at + 1;
    let near = index + SHORT_STRING;
    for (;;) {
      if (index >= bytes.length) return -1;
      const byte = bytes[index];
      if (byte === QUOTE) return index;
      if (byte === BACKSLASH) index += 1;
      index += 1;
      if (index <= near) continue;
      const quote = bytes.indexOf(QUOTE, index);
      if (quote < 0) return -1;
      let slash = quote - 1;
      while (slash >= index && bytes[slash] === BACKSLASH) slash -= 1;
      if ((quote - slash) % 2 === 1) return quote;
      index = quote + 1;
      near = index + SHORT_STRING;
    }
  }

  /** Past the literal or number that begins here. */
  private skipBare(): void {
    const { bytes } = this;
    const start = this.at;
    let end = start;
    while (end < bytes.length) {
      const byte = bytes[end];
      if (byte <= 0x20 || byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY || byte === COLON) break;
      end += 1;
    }
    const text = bytes.toString('latin1', start, end);
    if (text !== 'true' && text !== 'false' && text !== 'null' && !NUMBER.test(text)) this.fail(text === '' ? 'a value is missing' : 'no value');
    this.at = end;
  }

  /** Past the value that begins here, whatever it is. */
  skipValue(): void {
    const first = this.peek();
    if (first === QUOTE) this.skipString();
    else if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
      const end = this.body?.valueEnd(this.at) ?? -1;
      if (end < 0) this.skipContainer(first);
      else this.at = end;
    } else this.skipBare();
  }

  private skipContainer(first: number): void {
    const { bytes } = this;
    const kinds: number[] = [first];
    let expect = (first === OPEN_OBJECT ? Expect.KeyOrClose : Expect.ValueOrClose) as Expect;
    this.at += 1;
    while (kinds.length > 0) {
      const byte = this.peek();
      if (byte === QUOTE) {
        if (expect === Expect.Colon || expect === Expect.CommaOrClose) this.fail('a string that nothing separates');
        this.skipString();
        expect = expect === Expect.KeyOrClose || expect === Expect.Key ? Expect.Colon : Expect.CommaOrClose;
      } else if (byte === COMMA || byte === COLON) {
        if (expect !== (byte === COMMA ? Expect.CommaOrClose : Expect.Colon)) this.fail('a separator out of place');
        this.at += 1;
        expect = byte === COLON || kinds[kinds.length - 1] === OPEN_ARRAY ? Expect.Value : Expect.Key;
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        const closes = byte === CLOSE_OBJECT ? OPEN_OBJECT : OPEN_ARRAY;
        if (kinds[kinds.length - 1] !== closes || expect === Expect.Value || expect === Expect.Key || expect === Expect.Colon) this.fail('a bracket out of place');
        kinds.pop();
        this.at += 1;
        expect = Expect.CommaOrClose;
      } else {
        if (expect !== Expect.Value && expect !== Expect.ValueOrClose) this.fail(byte < 0 ? 'it ends too early' : 'a value out of place');
        if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
          kinds.push(byte);
          if (kinds.length > MAXIMUM_DEPTH) throw new EntresolError('ENT_BAD_REQUEST', `The body is nested deeper than ${MAXIMUM_DEPTH} levels.`, { at: 'body' });
          this.at += 1;
          expect = byte === OPEN_OBJECT ? Expect.KeyOrClose : Expect.ValueOrClose;
        } else {
          if (byte < 0) this.fail('it ends too early');
          this.skipBare();
          expect = Expect.CommaOrClose;
        }
      }
      if (this.at > bytes.length) this.fail('it ends too early');
    }
  }

  /** Another scanner of the same bytes. */
  from(at: number): JsonScanner { return new JsonScanner(this.bytes, at, this.body, this.budget); }

  /** Past the object that begins here. @returns where the value of its member of that name begins, the last of equal names; -1 if it has none */
  memberAt(name: string): number {
    let found = -1;
    this.at += 1;
    for (let first = true; ; first = false) {
      const key = this.nextKey(first);
      if (key === undefined) return found;
      if (key === name) found = this.at;
      this.skipValue();
    }
  }

  /**
   * The next key of the object that is being walked, decoded; undefined past its last member. Call with the position
   * after the brace or after a value; afterwards it is at the value.
   */
  nextKey(first: boolean): string | undefined {
    let byte = this.peek();
    if (byte === CLOSE_OBJECT) {
      this.at += 1;
      return undefined;
    }
    if (!first) {
      if (byte !== COMMA) this.fail(byte < 0 ? 'it ends too early' : 'a comma is missing');
      this.at += 1;
      byte = this.peek();
    }
    if (byte !== QUOTE) this.fail(byte < 0 ? 'it ends too early' : 'a key is missing');
    this.spend();
    const start = this.at;
    this.skipString();
    const key = this.stringAt(start, this.at);
    if (!this.take(COLON)) this.fail('a colon is missing');
    this.peek();
    return key;
  }

  private spend(): void {
    this.budget.left -= 1;
    if (this.budget.left < 0) throw new EntresolError('ENT_BAD_REQUEST', `The body has more than ${MAXIMUM_WALKED} messages, parts and members.`, { at: 'body' });
  }

  /** Goes to the next entry of the array that is being walked; false past its last one. */
  nextEntry(first: boolean): boolean {
    const byte = this.peek();
    if (byte === CLOSE_ARRAY) {
      this.at += 1;
      return false;
    }
    this.spend();
    if (first) return true;
    if (byte !== COMMA) this.fail(byte < 0 ? 'it ends too early' : 'a comma is missing');
    this.at += 1;
    this.peek();
    return true;
  }

  /** The string whose quotes are at `start` and before `end`, decoded; a broken one as it stands. */
  stringAt(start: number, end: number): string {
    const { bytes } = this;
    if (end - start > LONGEST_WORD + 2) return decodeString(bytes.toString('utf8', start, end));
    const candidates = WORDS[slotOf(end - start - 2, bytes[start + 1], bytes[end - 2])];
    for (let index = 0; index < candidates.length; index++) if (standsAt(bytes, start + 1, end - 1, candidates[index].codes)) return candidates[index].word;
    for (let index = start + 1; index < end - 1; index++) {
      const byte = bytes[index];
      if (byte >= 0x80 || byte === BACKSLASH) return decodeString(bytes.toString('utf8', start, end));
    }
    return bytes.toString('latin1', start + 1, end - 1);
  }

  /** The short string at a place that was walked over already: '' where there is none, `UNKNOWN_NAME` where it is no short one. */
  wordAt(at: number): string {
    const { bytes } = this;
    if (at < 0 || bytes[at] !== QUOTE) return '';
    let end = at + 1;
    while (end < bytes.length && bytes[end] !== QUOTE) {
      end += bytes[end] === BACKSLASH ? 2 : 1;
      if (end - at > LONGEST_NAME) return UNKNOWN_NAME;
    }
    return this.stringAt(at, end + 1);
  }
}

/** Words by their length, first and last byte. */
const SLOTS = 128;
interface Word { readonly word: string; readonly codes: Uint8Array }
const slotOf = (length: number, first: number, last: number): number => (length * 5 + first * 3 + last) % SLOTS;

const WORDS: readonly (readonly Word[])[] = slotted(OUTLINE_WORDS.map(({ word }) => word));

function slotted(words: readonly string[]): Word[][] {
  const slots: Word[][] = Array.from({ length: SLOTS }, () => []);
  for (const word of words) slots[slotOf(word.length, word.charCodeAt(0), word.charCodeAt(word.length - 1))].push({ word, codes: Uint8Array.from(Buffer.from(word)) });
  return slots;
}

function standsAt(bytes: Buffer, start: number, end: number, codes: Uint8Array): boolean {
  if (end - start !== codes.length) return false;
  for (let index = 0; index < codes.length; index++) if (bytes[start + index] !== codes[index]) return false;
  return true;
}

/** @param quoted a JSON string with its quotes */
export function decodeString(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch (error) {
    if (error instanceof SyntaxError) return quoted.slice(1, -1);
    throw error;
  }
}
