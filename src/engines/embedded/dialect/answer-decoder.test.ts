import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { marksOf } from '../synthetic-model/marks.ts';
import { PieceTokeniser } from '../synthetic-model/piece-tokeniser.ts';
import { AnswerDecoder, type DecoderOptions } from './answer-decoder.ts';
import type { AnswerText } from './chat-format.ts';
import { MarkedFormat } from './marked-format.ts';
import { StopScanner } from './stop-scanner.ts';
import { TokenText } from './token-text.ts';

const pieces = new PieceTokeniser();
const marks = await marksOf((text) => pieces.mark(text));
const format = new MarkedFormat(pieces, marks);

interface Heard { text: string; calls: { name: string; argumentsJson: string }[]; deltas: string[]; stopped: boolean }

async function decode(tokens: Iterable<number>, stop: readonly string[] = [], more: Partial<DecoderOptions> = {}): Promise<{ heard: Heard; answer: AnswerText & { exact: boolean } }> {
  const heard: Heard = { text: '', calls: [], deltas: [], stopped: false };
  const decoder = new AnswerDecoder({
    text: new TokenText(pieces, new Map()), stop, toolCallMarks: format.toolCallMarks,
    sink: {
      text: (delta) => { heard.text += delta; heard.deltas.push(delta); },
      toolCallBegin: (index, name) => { heard.calls[index] = { name, argumentsJson: '' }; },
      toolCallArguments: (index, delta) => { heard.calls[index].argumentsJson += delta; },
    },
    onEnough: () => { heard.stopped = true; }, ...more,
  });
  for (const token of tokens) decoder.push(token);
  return { heard, answer: await decoder.finish() };
}

const text = fc.string({ unit: fc.oneof({ weight: 5, arbitrary: fc.string({ minLength: 1, maxLength: 1 }) }, { weight: 1, arbitrary: fc.constantFrom('é', '→', '語', '😀') }), maxLength: 40 });
const toolCall = fc.record({ name: fc.string({ minLength: 1, maxLength: 12 }), argumentsJson: fc.oneof(fc.json({ maxDepth: 3 }), fc.constant('{}'), fc.constant('{"a": {"b": []}}')) });

describe('decoding an answer', () => {
  it('gives back the text and the tool calls that went in, whole and in pieces', async () => {
    await fc.assert(fc.asyncProperty(text, fc.array(toolCall, { maxLength: 3 }), async (content, toolCalls) => {
      const given = { text: content, toolCalls: toolCalls.map((call) => ({ name: call.name, argumentsJson: call.argumentsJson.trim() })) };
      const { heard, answer } = await decode(await format.answer(given));
      expect(answer).toEqual({ ...given, exact: true });
      expect(heard.text).toBe(content);
      expect(heard.calls).toEqual(given.toolCalls);
    }), { numRuns: 150 });
  });

  it('never gives half a character', async () => {
    const { heard } = await decode(await pieces.tokenise('a→b語😀'));
    expect(heard.deltas.join('')).toBe('a→b語😀');
    expect(heard.deltas.every((delta) => !delta.includes('\uFFFD'))).toBe(true);
  });

  it('says stray bytes as replacement characters rather than to wait for ever', async () => {
    const [byte] = await pieces.tokenise('→');
    const { heard } = await decode([byte]);
    expect(heard.text).toBe('\uFFFD');
  });

  it('ends at a stop string and says nothing of it', async () => {
    const { heard, answer } = await decode(await pieces.tokenise('one two STOP three'), ['STOP']);
    expect(heard).toMatchObject({ text: 'one two ', stopped: true });
    expect(answer.exact).toBe(false);
  });

  it('hands on what looks like a tool call and is none', async () => {
    const tokens = [marks.toolCall, ...(await pieces.tokenise('not json')), marks.toolCallEnd];
    const { answer } = await decode(tokens);
    expect(answer).toEqual({ text: 'not json', toolCalls: [], exact: false });
  });

  it('reads calls that are written as text, wherever the text is cut', async () => {
    const text = 'Look:\n<tool_call>\n{"name": "add", "arguments": {"a": {"b": "<tool"}}}\n</tool_call>\n<tool_call>\n{"name": "list", "arguments": {}}\n</tool_call>\n';
    const more = { toolCallMarks: undefined, toolCallTexts: { begin: '<tool_call>', end: '</tool_call>' } };
    const { heard, answer } = await decode(await pieces.tokenise(text), [], more);
    expect(heard.text).toBe('Look:\n');
    expect(heard.calls).toEqual([{ name: 'add', argumentsJson: '{"a": {"b": "<tool"}}' }, { name: 'list', argumentsJson: '{}' }]);
    expect(answer.toolCalls).toEqual(heard.calls);
    const letters = Int32Array.from((await Promise.all([...text].map((letter) => pieces.tokenise(letter)))).flatMap((tokens) => Array.from(tokens)));
    expect((await decode(letters, [], more)).heard.calls).toEqual(heard.calls);
  });

  it('ends after one call where no more are wanted', async () => {
    const { heard, answer } = await decode(await format.answer({ text: '', toolCalls: [{ name: 'a', argumentsJson: '{}' }, { name: 'b', argumentsJson: '{}' }] }), [], { oneToolCall: true });
    expect(heard).toMatchObject({ stopped: true, calls: [{ name: 'a', argumentsJson: '{}' }] });
    expect(answer).toMatchObject({ exact: false });
  });

  it('sends the arguments of a call that is cut off as far as they came', async () => {
    const tokens = [marks.toolCall, ...(await pieces.tokenise('{"name":"add","arguments":{"a": 12'))];
    const { heard, answer } = await decode(tokens);
    expect(heard.calls).toEqual([{ name: 'add', argumentsJson: '{"a": 12' }]);
    expect(answer).toMatchObject({ toolCalls: [], exact: false });
  });
});

describe('stop strings', () => {
  it('are found wherever the text is cut', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 30 }), fc.array(fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 }), fc.array(fc.nat(5)), (whole, stops, cuts) => {
      const scanner = new StopScanner(stops);
      let out = '';
      let place = 0;
      for (const cut of [...cuts, whole.length]) {
        out += scanner.push(whole.slice(place, place + cut));
        place += cut;
      }
      out += scanner.finish();
      const first = Math.min(...stops.map((stop) => whole.indexOf(stop)).filter((index) => index >= 0));
      expect(scanner.stopped).toBe(Number.isFinite(first));
      if (!scanner.stopped) expect(out).toBe(whole);
      // Where several stops overlap, the one that is complete first counts.
      else expect(whole.startsWith(out) && stops.some((stop) => whole.startsWith(stop, out.length))).toBe(true);
    }));
  });
});
