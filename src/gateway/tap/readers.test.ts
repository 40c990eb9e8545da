import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chatBody, chatStream, messagesBody, messagesStream, responsesBody, responsesStream, type SpokenAnswer } from '../../../test/support/spoken-answer.ts';
import type { Dialect, OutlinedToolCall } from '../../core/index.ts';
import { BodyTap, StreamTap, type AnswerTap } from './answer-tap.ts';

const answers: fc.Arbitrary<SpokenAnswer> = fc.record({
  text: fc.option(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), { nil: undefined }),
  thinking: fc.option(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), { nil: undefined }),
  toolCalls: fc.array(fc.record({ name: fc.constantFrom('search', 'read_file'), arguments: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }).map((value) => JSON.stringify(value)) }), { maxLength: 3 })
    .map((calls) => calls.map((call, index) => ({ id: `call_${index}`, ...call }))),
  cut: fc.boolean(),
});

const WRITTEN: Partial<Record<Dialect, { body(answer: SpokenAnswer): string; stream(answer: SpokenAnswer): string }>> = {
  chat: { body: chatBody, stream: (answer) => chatStream(answer, true) },
  messages: { body: messagesBody, stream: messagesStream },
  responses: { body: responsesBody, stream: responsesStream },
};

describe.each(Object.entries(WRITTEN))('the tap on %s', (dialect, written) => {
  const read = (make: (options: ConstructorParameters<typeof StreamTap>[0]) => AnswerTap, text: string, size: number): { reader: AnswerTap['reader']; calls: OutlinedToolCall[]; first: number; out: string } => {
    const calls: OutlinedToolCall[] = [];
    let first = 0;
    const tap = make({ dialect: dialect as Dialect, removeUsageChunk: false, firstContent: () => { first += 1; }, toolCall: (call) => { calls.push(call); } });
    const bytes = Buffer.from(text);
    const out: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) out.push(...tap.push(bytes.subarray(at, at + size)));
    out.push(...tap.flush());
    return { reader: tap.reader, calls, first, out: Buffer.concat(out).toString() };
  };
  const expected = (answer: SpokenAnswer): object => ({
    text: answer.text ?? '', failed: false, usage: { promptTokens: 12, cachedTokens: 8, outputTokens: 3 },
    stop: answer.cut === true ? 'length' : (answer.toolCalls ?? []).length > 0 ? 'tool_calls' : 'stop',
  });

  it('reads streams of any chunking, one byte at a time too, and changes no byte', () => {
    fc.assert(fc.property(answers, fc.constantFrom(1, 2, 3, 17, 100_000), (answer, size) => {
      const text = written.stream(answer);
      const { reader, calls, first, out } = read((options) => new StreamTap(options), text, size);
      expect(out).toBe(text);
      expect(reader).toMatchObject(expected(answer));
      expect(calls.map(({ id, name, arguments: json }) => ({ id, name, arguments: JSON.parse(json) as unknown }))).toEqual((answer.toolCalls ?? []).map((call) => ({ ...call, arguments: JSON.parse(call.arguments) as unknown })));
      expect(first).toBe(answer.text === undefined && answer.thinking === undefined && calls.length === 0 ? 0 : 1);
    }));
  });

  it('reads whole answers', () => {
    fc.assert(fc.property(answers, (answer) => {
      const { reader, calls } = read((options) => new BodyTap(options), written.body(answer), 50);
      expect(reader).toMatchObject(expected(answer));
      expect(calls.map((call) => call.id)).toEqual((answer.toolCalls ?? []).map((call) => call.id));
    }));
  });

  it('announces a tool call before the answer ends', () => {
    const text = written.stream({ toolCalls: [{ id: 'call_a', name: 'search', arguments: '{"query":"x"}' }, { id: 'call_b', name: 'read', arguments: '{}' }] });
    const announced: string[] = [];
    const tap = new StreamTap({ dialect: dialect as Dialect, removeUsageChunk: false, firstContent: () => undefined, toolCall: (call) => { announced.push(call.id); } });
    tap.push(Buffer.from(text.slice(0, text.indexOf('call_b'))));
    expect(announced).toEqual(['call_a']);
  });

  it('tells a failed answer', () => {
    const error = { chat: { error: { message: 'x' } }, messages: { type: 'error', error: { type: 'overloaded_error', message: 'x' } }, responses: { type: 'response.failed', response: { status: 'failed', error: { code: 'x' } } } }[dialect];
    expect(read((options) => new StreamTap(options), `data: ${JSON.stringify(error)}\n\n`, 5).reader.failed).toBe(true);
  });
});
