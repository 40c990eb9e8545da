import { describe, expect, it } from 'vitest';
import { testHashing } from '../../../../test/support/hash.ts';
import { JsonScanner } from './json-scanner.ts';
import { MessageParts } from './message-parts.ts';

/** Ids of the calls that are read in an assistant's text. */
function idsIn(content: string): string[] {
  const bytes = Buffer.from(JSON.stringify({ role: 'assistant', content }));
  testHashing.body.take(bytes);
  const parts = new MessageParts(testHashing);
  parts.begin(bytes, { start: -1, end: -1 });
  const scanner = new JsonScanner(bytes, 0);
  expect(parts.open(scanner)).toBe('answer');
  parts.addAnswer();
  return parts.calls.map(({ id }) => /^'(\w*)'/.exec(bytes.toString('latin1', id))?.[1] ?? '');
}
const printed = (count: number): string => `Calling tools:\n[${Array.from({ length: count }, (_, call) => `{'id': 'c${call}', 'type': 'function'}`).join(', ')}]`;

describe('calls within a text', () => {
  it('are read in their order, only the latest of many', () => {
    expect(idsIn(printed(0))).toEqual([]);
    expect(idsIn(printed(2))).toEqual(['c0', 'c1']);
    expect(idsIn(printed(4))).toEqual(['c0', 'c1', 'c2', 'c3']);
    expect(idsIn(printed(50_000))).toEqual(['c49996', 'c49997', 'c49998', 'c49999']);
  });
});
