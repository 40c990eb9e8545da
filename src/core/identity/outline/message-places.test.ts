import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { testHashing } from '../../../../test/support/hash.ts';
import { formatted } from '../../../../test/support/json-style.ts';
import { JsonScanner, MAXIMUM_WALKED, UNKNOWN_NAME } from './json-scanner.ts';
import { MessagePlaces } from './message-places.ts';
import { OUTLINE_WORDS } from './words.ts';

const word = fc.oneof(fc.constantFrom(...OUTLINE_WORDS.map(({ word }) => word)), fc.string({ unit: 'grapheme', maxLength: 30 }), fc.constantFrom('rol', 'roles', 'constructor', '__proto__'));
const { value } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 5 }, fc.constantFrom(null, true, false, 0, -1.5e-7, '', 'user', 'tool_use', 'a "quoted" \\ text'), word, tie('list'), tie('record')),
  list: fc.array(tie('value'), { maxLength: 4 }),
  record: fc.array(fc.tuple(fc.oneof(fc.constantFrom('role', 'content', 'type', 'tool_calls', 'function', 'function_call', 'name', 'arguments', 'text', 'id', 'input', 'output', 'call_id'), word), tie('value')), { maxLength: 5 }).map((members) => Object.fromEntries(members)),
}));
const style = fc.record({ indent: fc.nat({ max: 3 }), spaceBefore: fc.boolean(), escape: fc.constantFrom('none' as const, 'ascii' as const, 'slashes' as const), newline: fc.constantFrom('\n' as const, '\r\n' as const) });
/** Bytes that break JSON, or nearly. */
const damage = fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', ' ', '0', '-', '.', 'e', 't', '\u0000', '\u00a0', '\\u0072', '1e', 'truex', '01');

/** One letter of the word in quotes that comes as number `which` is written by its number. */
function inDisguise(text: string, which: number): string {
  let seen = 0;
  return text.replace(/"([a-z]+)([a-z_]*)"/g, (quoted, [first, ...more]: string, rest: string) => (seen++ === which ? `"\\u00${first.charCodeAt(0).toString(16)}${more.join('')}${rest}"` : quoted));
}

/** What a walk finds, and where it ends or how it fails. */
function walked(text: string, known: boolean): unknown {
  const bytes = Buffer.from(text);
  testHashing.body.take(bytes);
  const places = new MessagePlaces();
  const scanner = new JsonScanner(bytes, 0, known ? testHashing.body : undefined);
  scanner.peek();
  try {
    places.walk(scanner);
  } catch (error) {
    return String(error);
  }
  const { parts, calls, ...rest } = places;
  return { ...rest, parts: parts.items.slice(0, parts.count), calls: calls.items.slice(0, calls.count), at: scanner.at };
}

it('finds in a message what a reader of its bytes finds, and fails where that fails: any JSON style, any damage', () => {
  let failed = 0;
  fc.assert(fc.property(value, style, fc.nat({ max: 40 }), fc.option(fc.tuple(fc.nat(), fc.boolean(), damage)), (message, how, disguised, broken) => {
    let text = formatted([['message', message]], how);
    text = inDisguise(text.slice(text.indexOf(':') + 1, -1), disguised);
    if (broken !== null) {
      const [place, replaces, what] = broken;
      const at = place % (text.length + 1);
      text = text.slice(0, at) + what + text.slice(at + (replaces ? what.length : 0));
    }
    const byBytes = walked(text, false);
    if (typeof byBytes === 'string') failed += 1;
    expect(walked(text, true)).toEqual(byBytes);
  }), { numRuns: 4000 });
  expect(failed).toBeGreaterThan(100);
});

it('takes a whole message of plain JSON from its notes, whatever stands between its values', () => {
  for (const text of ['{"role":"user","content":"hello"}', '{\t"role" :\r\n "user" ,\t"content":[ {"type":"text","text":"a \\"b\\" c"} ,\t1.5e-3 , true,false , null ] }', '{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{\\"a\\":\\\\}"}}]}']) {
    testHashing.body.take(Buffer.from(text));
    expect(testHashing.body.outline(0)).toBe(text.length);
  }
  // A key in disguise is left to the reader that decodes.
  testHashing.body.take(Buffer.from('{"r\\u006fle":"user"}'));
  expect(testHashing.body.outline(0)).toBe(-1);
});

it('tells each word from all that differ from it in one byte', () => {
  for (const { word } of OUTLINE_WORDS) {
    const near = [word, ...Array.from(word, (_, at) => `${word.slice(0, at)}${word[at] === 'q' ? 'z' : 'q'}${word.slice(at + 1)}`), `${word}s`, word.slice(1), `${word.slice(0, -1)}`].filter((text) => text !== '');
    for (const text of near) {
      for (const message of [`{"${text}":"user","type":"message"}`, `{"role":"${text}","type":"${text}","content":[{"type":"${text}","text":"x"}]}`, `{"content":[{"${text}":"x"}],"tool_calls":[{"${text}":{"${text}":"x"}}]}`]) {
        expect(walked(message, true)).toEqual(walked(message, false));
      }
    }
  }
});

it('keeps nothing of a role or a type that is longer than any that is known', () => {
  const long = 'q'.repeat(10_000);
  for (const known of [true, false]) {
    expect(walked(`{"role":"${long}","type":"${long}","content":[{"type":"${long}"}]}`, known)).toMatchObject({ role: UNKNOWN_NAME, type: UNKNOWN_NAME, parts: [{ type: UNKNOWN_NAME }] });
  }
});

it('reads what is too deep or too much to be noted as it reads anything', () => {
  const parts = (count: number): string => `{"content":[${'{"type":"text","text":"x"},'.repeat(count)}1]}`;
  const entries = (count: number): string => `{"role":"user","content":[${'1,'.repeat(count)}"last"]}`;
  const nested = (depth: number): string => `{"content":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  for (const text of [3000, ...Array.from({ length: 12 }, (_, index) => 674 + index)].map(parts)) expect(walked(text, true)).toEqual(walked(text, false));
  for (const text of [3000, 4096, 5000, ...Array.from({ length: 40 }, (_, index) => 2020 + index)].map(entries)) expect(walked(text, true)).toEqual(walked(text, false));
  for (const text of Array.from({ length: 30 }, (_, index) => 240 + index).map(nested)) expect(walked(text, true)).toEqual(walked(text, false));
});

it('refuses a message of more parts than any real one, before they fill memory', () => {
  for (const text of [`{"content":[${'1,'.repeat(MAXIMUM_WALKED)}1]}`, `{"tool_calls":[${'1,'.repeat(MAXIMUM_WALKED)}1]}`, `{${'"a":1,'.repeat(MAXIMUM_WALKED)}"b":1}`]) {
    expect(walked(text, true)).toMatch(/ENT_BAD_REQUEST|has more than 131072/);
  }
});
