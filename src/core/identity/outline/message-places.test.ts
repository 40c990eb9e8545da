import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { testHashing } from '../../../../test/support/hash.ts';
import { formatted } from '../../../../test/support/json-style.ts';
import { JsonScanner } from './json-scanner.ts';
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
  fc.assert(fc.property(value, style, fc.option(fc.tuple(fc.nat(), fc.boolean(), damage)), (message, how, broken) => {
    let text = formatted([['message', message]], how);
    text = text.slice(text.indexOf(':') + 1, -1);
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

it('reads what is too deep or too much to be noted as it reads anything', () => {
  for (const text of [`[${'['.repeat(253)}${']'.repeat(253)}]`, `{"content":[${'{"type":"text","text":"x"},'.repeat(3000)}1]}`, `{"content":${'['.repeat(300)}${']'.repeat(300)}}`]) {
    expect(walked(text, true)).toEqual(walked(text, false));
  }
});
