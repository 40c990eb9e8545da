/**
 * Most events of a stream differ from the one before in their piece of text alone. Once one has been parsed, the next
 * ones are read by comparing what stands around their text: bytes that are equal but for the inside of one JSON string
 * say the same but for that string. Whatever does not fit is parsed as any event.
 */
import type { AnswerReader } from './answer-reader.ts';
import { jsonOrUndefined } from '../json-fields.ts';

/** A stream whose events differ in more than their text is not tried for ever. */
const MOST_PATTERNS = 8;
const EVENT_END = '\n\n';
/** Stands where the text stood, to see that it was the text. */
const PROBE = 'entresol was here';
/** A JSON string's inside that means what it says. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

const latin1 = (text: string): string => Buffer.from(text).toString('latin1');

export class RepeatedEvents {
  readonly #reader: AnswerReader;
  /** As latin1, a character per byte: what stands before and after the text, from one event's first byte to its last. */
  #before = '';
  #after = '';
  #patterns = 0;

  constructor(reader: AnswerReader) {
    this.#reader = reader;
  }

  get known(): boolean { return this.#before !== ''; }

  /**
   * Reads events that repeat the pattern.
   * @param bytes as latin1
   * @param from where an event begins
   * @returns where the first byte is that was not read
   */
  pass(bytes: string, from: number): number {
    const before = this.#before;
    const after = this.#after;
    if (before === '') return from;
    let position = from;
    while (bytes.startsWith(before, position)) {
      const start = position + before.length;
      const quote = bytes.indexOf('"', start);
      if (quote < 0 || !bytes.startsWith(after, quote)) break;
      const inside = bytes.slice(start, quote);
      const text = PLAIN.test(inside) ? inside : meantBy(inside);
      if (text === undefined) break;
      this.#reader.readText(text);
      position = quote + after.length;
    }
    return position;
  }

  /** @param raw one event's bytes, its blank line included @param data its data @param value the same, parsed */
  learn(raw: Buffer, data: string, value: unknown): void {
    if (this.#patterns >= MOST_PATTERNS) return;
    const text = this.#reader.textAlone(value);
    if (text === undefined || text === '') return;
    this.#patterns += 1;
    const event = raw.toString('latin1');
    const tail = latin1(data) + EVENT_END;
    if (!event.endsWith(tail)) return;
    const quoted = JSON.stringify(text);
    const at = data.indexOf(quoted);
    if (at < 0) return;
    const [head, rest] = [data.slice(0, at + 1), data.slice(at + quoted.length - 1)];
    if (this.#reader.textAlone(jsonOrUndefined(head + PROBE + rest)) !== PROBE) return;
    this.#before = event.slice(0, -tail.length) + latin1(head);
    this.#after = latin1(rest) + EVENT_END;
  }
}

/** Undefined where it is no inside of a JSON string. */
function meantBy(inside: string): string | undefined {
  const meant = jsonOrUndefined(`"${Buffer.from(inside, 'latin1').toString('utf8')}"`);
  return typeof meant === 'string' ? meant : undefined;
}
