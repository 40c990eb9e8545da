import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Dialect, OutlinedToolCall } from '../../core/index.ts';
import { BodyTap, StreamTap, type AnswerTap } from './answer-tap.ts';
import { SseScanner } from './sse-scanner.ts';

interface Seen { readonly tap: AnswerTap; readonly calls: OutlinedToolCall[]; readonly counts: { first: number } }

function tapped(make: (options: ConstructorParameters<typeof StreamTap>[0]) => AnswerTap, removeUsageChunk: boolean, dialect: Dialect = 'chat'): Seen {
  const calls: OutlinedToolCall[] = [];
  const counts = { first: 0 };
  return { calls, counts, tap: make({ dialect, removeUsageChunk, firstContent: () => void (counts.first += 1), toolCall: (call) => void calls.push(call) }) };
}
const stream = (removeUsageChunk: boolean): Seen => tapped((options) => new StreamTap(options), removeUsageChunk);

/** Cuts bytes at any places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, index) => bytes.subarray(start, at[index] ?? bytes.length)).filter((part) => part.length > 0);
}
function run(tap: AnswerTap, chunks: readonly Buffer[]): Buffer {
  return Buffer.concat([...chunks.flatMap((chunk) => [...tap.push(chunk)]), ...tap.flush()]);
}

const chunk = (delta: unknown, finish: string | null = null): string => JSON.stringify({ id: 'c', choices: [{ index: 0, delta, finish_reason: finish }] });
const USAGE = JSON.stringify({ id: 'c', choices: [], usage: { prompt_tokens: 12, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 8 } } });
const piece = (index: number, id: string | undefined, name: string | undefined, text: string): unknown =>
  ({ tool_calls: [{ index, ...(id === undefined ? {} : { id }), function: { ...(name === undefined ? {} : { name }), arguments: text } }] });

const EVENTS = [
  chunk({ role: 'assistant', content: '' }),
  chunk({ content: 'Grüße 🌍' }),
  chunk(piece(0, 'call_a', 'search', '{"query":"a}')),
  chunk(piece(1, 'call_b', 'read', '')),
  chunk(piece(0, undefined, undefined, '\\"b"}')),
  chunk(piece(1, undefined, undefined, '{}')),
  chunk({}, 'tool_calls'),
];

describe('the stream tap', () => {
  const styles = fc.record({ newline: fc.constantFrom('\n', '\r\n', '\r'), space: fc.constantFrom(' ', ''), comments: fc.boolean(), places: fc.array(fc.nat(), { maxLength: 400 }), single: fc.boolean() });

  it('reads the same and changes no byte, however the stream is written and cut', () => {
    fc.assert(fc.property(styles, ({ newline, space, comments, places, single }) => {
      const text = [...EVENTS, USAGE, '[DONE]'].map((data) => `${comments ? `: ping${newline}` : ''}data:${space}${data}${newline}${newline}`).join('');
      const bytes = Buffer.from(text);
      const { tap, calls, counts } = stream(false);
      const out = run(tap, single ? cut(bytes, [...bytes.keys()]) : cut(bytes, places));
      expect(out.equals(bytes)).toBe(true);
      expect(tap.reader.usage).toEqual({ promptTokens: 12, cachedTokens: 8, outputTokens: 3 });
      expect(calls).toEqual([{ id: 'call_a', name: 'search', arguments: '{"query":"a}\\"b"}' }, { id: 'call_b', name: 'read', arguments: '{}' }]);
      expect(tap.reader).toMatchObject({ stop: 'tool_calls', text: 'Grüße 🌍', failed: false });
      expect(counts.first).toBe(1);
    }));
  });

  it('takes the usage chunk out and nothing else', () => {
    fc.assert(fc.property(styles, ({ newline, space, comments, places, single }) => {
      const events = (list: readonly string[]): string => list.map((data) => `data:${space}${data}${newline}${newline}${comments ? `:${newline}${newline}` : ''}`).join('');
      const bytes = Buffer.from(events([...EVENTS]) + `data:${space}${USAGE}${newline}${newline}` + events(['[DONE]']));
      const { tap } = stream(true);
      const out = run(tap, single ? cut(bytes, [...bytes.keys()]) : cut(bytes, places));
      expect(out.toString()).toBe(events([...EVENTS, '[DONE]']));
      expect(tap.reader.usage?.promptTokens).toBe(12);
    }));
  });

  it('announces a tool call when its arguments are complete, before the answer ends', () => {
    const { tap, calls } = stream(false);
    tap.push(Buffer.from(`data: ${chunk(piece(0, 'call_a', 'search', '{"query":"x'))}\n\n`));
    expect(calls).toEqual([]);
    tap.push(Buffer.from(`data: ${chunk(piece(0, undefined, undefined, '"}'))}\n\n`));
    expect(calls).toHaveLength(1);
    tap.push(Buffer.from(`data: ${chunk({}, 'tool_calls')}\n\ndata: [DONE]\n\n`));
    tap.flush();
    expect(calls).toHaveLength(1);
  });

  it('writes what it held back when the stream is cut inside an event', () => {
    const { tap } = stream(true);
    const bytes = Buffer.from(`data: ${EVENTS[1]}\n\ndata: {"choi`);
    expect(run(tap, [bytes]).equals(bytes)).toBe(true);
  });

  it('passes broken events and an error object on', () => {
    const { tap } = stream(true);
    const bytes = Buffer.from('data: not json\n\nevent: error\ndata: {"error":{"message":"x"}}\n\n');
    expect(run(tap, [bytes]).equals(bytes)).toBe(true);
    expect(tap.reader.failed).toBe(true);
  });

  it('stops reading an event beyond its bound and goes on passing bytes', () => {
    const scanner = new SseScanner(16);
    const bytes = [Buffer.from('data: 1\n\ndata: 0123456789abcdef'), Buffer.from('0\n\ndata: 2\n\n')];
    const segments = bytes.flatMap((part) => scanner.push(part));
    expect(scanner.overflowed).toBe(true);
    expect(Buffer.concat(segments.map((segment) => segment.raw)).equals(Buffer.concat(bytes))).toBe(true);
  });
});

describe('the body tap', () => {
  it('reads a whole answer', () => {
    const { tap, calls, counts } = tapped((options) => new BodyTap(options), false);
    const body = Buffer.from(JSON.stringify({
      choices: [{ index: 0, finish_reason: 'tool_calls', message: { content: null, tool_calls: [{ id: 'call_a', type: 'function', function: { name: 'search', arguments: '{}' } }, { id: 'call_b', type: 'function', function: { name: 'read', arguments: '{"a":1}' } }] } }],
      usage: { prompt_tokens: 4, completion_tokens: 2 },
    }));
    expect(run(tap, cut(body, [3, 9, 40])).equals(body)).toBe(true);
    expect(calls.map((call) => call.name)).toEqual(['search', 'read']);
    expect(tap.reader).toMatchObject({ stop: 'tool_calls', usage: { promptTokens: 4, cachedTokens: 0, outputTokens: 2 } });
    expect(counts.first).toBe(1);
  });
});
