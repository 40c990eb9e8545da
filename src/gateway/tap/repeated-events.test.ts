import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Dialect } from '../../core/index.ts';
import { ChatReader } from './chat-reader.ts';
import { RepeatedEvents } from './repeated-events.ts';
import { StreamTap } from './answer-tap.ts';

const LISTENER = { firstContent: () => undefined, toolCall: () => undefined };
const chat = (content: string, more: object = {}): string => `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { content }, logprobs: null, finish_reason: null, ...more }] })}\n\n`;
const message = (text: string): string => `event: content_block_delta\ndata: ${JSON.stringify({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })}\n\n`;
const USAGE = `data: ${JSON.stringify({ id: 'c', choices: [], usage: { prompt_tokens: 12, completion_tokens: 3 } })}\n\n`;

/** Texts that hold what frames texts: quotes, escapes, ends of lines, characters of several bytes, names of fields. */
const texts = fc.array(fc.oneof(fc.string({ unit: 'grapheme', maxLength: 12 }), fc.constantFrom('c', '', '"', '\\', '\n\n', '"}}]}\n\n', 'Grüße 🌍', 'content', '\u2028', '\ud800', 'a'.repeat(300))), { minLength: 1, maxLength: 12 });

function read(dialect: Dialect, bytes: Buffer, size: number, removeUsageChunk: boolean): { tap: StreamTap; out: Buffer; first: number } {
  let first = 0;
  const tap = new StreamTap({ dialect, removeUsageChunk, firstContent: () => { first += 1; }, toolCall: () => undefined });
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) out.push(...tap.push(bytes.subarray(at, at + size)));
  out.push(...tap.flush());
  return { tap, out: Buffer.concat(out), first };
}

describe('events that repeat each other but for their text', () => {
  it.each([['chat', chat], ['messages', message]] as const)('are read as any other, however they are cut (%s)', (dialect, event) => {
    fc.assert(fc.property(texts, fc.constantFrom(1, 2, 7, 64, 201, 1_000_000), fc.boolean(), (pieces, size, removeUsageChunk) => {
      const text = pieces.map((piece) => event(piece)).join('');
      const { tap, out, first } = read(dialect, Buffer.from(`${text}${dialect === 'chat' ? USAGE : ''}data: [DONE]\n\n`), size, removeUsageChunk);
      const kept = `${text}${dialect === 'chat' && !removeUsageChunk ? USAGE : ''}data: [DONE]\n\n`;
      expect(out.equals(Buffer.from(kept))).toBe(true);
      expect(tap.reader.text).toBe(pieces.join(''));
      expect(first).toBe(pieces.join('') === '' ? 0 : 1);
    }));
  });

  it('do not hide what is no repetition: an end, a tool call, another choice, text in raw bytes', () => {
    const call = `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { tool_calls: [{ index: 0, id: 'call_a', function: { name: 'search', arguments: '{}' } }] }, finish_reason: null }] })}\n\n`;
    const stream = [chat('one'), chat(' two'), call, chat(' three', { index: 1 }), 'data: {"id":"c","choices":[{"index":0,"delta":{"content":"tab\there"},"logprobs":null,"finish_reason":null}]}\n\n', chat(' four', { finish_reason: 'tool_calls' })].join('');
    const { tap } = read('chat', Buffer.from(stream), 1_000_000, false);
    // A raw tab in a string is no JSON: that event says nothing.
    expect(tap.reader).toMatchObject({ text: 'one two four', stop: 'tool_calls', toolNames: ['search'] });
  });

  it('are compared and not parsed, once one has been', () => {
    const reader = new ChatReader(LISTENER);
    const repeated = new RepeatedEvents(reader);
    const data = chat('one').slice('data: '.length, -2);
    repeated.learn(Buffer.from(chat('one')), data, JSON.parse(data));
    const run = chat(' two') + chat(' "three"') + chat(' four');
    const bytes = (text: string): string => Buffer.from(text).toString('latin1');
    expect(repeated.pass(bytes(run), 0)).toBe(chat(' two').length);
    expect(repeated.pass(bytes(chat(' vier\n') + chat('ß') + USAGE), 0)).toBe(Buffer.byteLength(chat(' vier\n') + chat('ß')));
    expect(reader.text).toBe(' two vier\nß');
  });
});
