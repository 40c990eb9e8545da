/** Translated streams obey the grammar of their protocol, whatever the engine sends and however its bytes are cut. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordingAnswer } from '../../engines/embedded/testing/recording-answer.ts';
import { LOCAL_TENANT } from '../../core/index.ts';
import { Translator } from './translate.ts';

interface Piece {
  readonly kind: 'reasoning' | 'text' | 'refusal' | 'call' | 'arguments';
  readonly call: number;
  readonly text: string;
}
const calls = ['{"query":"a\\"}"}', '{}', '', '{"n":[1,{"m":2}]}'];
/** Pieces of text, reasoning and parallel tool calls, woven into each other as servers may. */
const pieces: fc.Arbitrary<Piece[]> = fc.record({
  texts: fc.array(fc.record({ kind: fc.constantFrom('reasoning' as const, 'text' as const, 'refusal' as const), text: fc.string({ unit: 'grapheme', maxLength: 8 }) }), { maxLength: 8 }),
  calls: fc.array(fc.constantFrom(...calls), { maxLength: 3 }),
  size: fc.integer({ min: 1, max: 6 }),
  order: fc.array(fc.nat(), { minLength: 60, maxLength: 60 }),
}).map(({ texts, calls: chosen, size, order }) => {
  const lanes: Piece[][] = [texts.map(({ kind, text }) => ({ kind, text, call: 0 }))];
  chosen.forEach((json, call) => lanes.push([{ kind: 'call', call, text: '' }, ...(json.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? []).map((text): Piece => ({ kind: 'arguments', call, text }))]));
  const woven: Piece[] = [];
  for (let turn = 0; lanes.some((lane) => lane.length > 0); turn++) {
    const open = lanes.filter((lane) => lane.length > 0);
    woven.push(open[order[turn % order.length] % open.length].shift()!);
  }
  return woven;
});
const FIELDS = { reasoning: 'reasoning_content', text: 'content', refusal: 'refusal' } as const;
function chunk(piece: Piece): unknown {
  const delta = piece.kind === 'call' ? { tool_calls: [{ index: piece.call, id: `call_${piece.call}`, type: 'function', function: { name: `tool_${piece.call}`, arguments: '' } }] }
    : piece.kind === 'arguments' ? { tool_calls: [{ index: piece.call, function: { arguments: piece.text } }] } : { [FIELDS[piece.kind]]: piece.text };
  return { id: 'c', model: 'm', choices: [{ index: 0, delta, finish_reason: null }] };
}
const finishes = fc.constantFrom('stop', 'length', 'tool_calls', 'content_filter');

function streamed(dialect: 'messages' | 'responses', woven: readonly Piece[], finish: string, size: number): RecordingAnswer {
  const to = new RecordingAnswer();
  const request = { model: 'm', stream: true, ...(dialect === 'messages' ? { messages: [] } : { input: 'x', store: false }) };
  const answer = new Translator().translate(dialect, request, LOCAL_TENANT).answer(to, { requestId: 'r', promptTokens: 0, nowSeconds: 1 });
  const last = [{ choices: [{ index: 0, delta: {}, finish_reason: finish }] }, { choices: [], usage: { prompt_tokens: 5, completion_tokens: 2 } }];
  const bytes = Buffer.from(`${[...woven.map(chunk), ...last].map((value) => `data: ${JSON.stringify(value)}\r\n\r\n`).join('')}data: [DONE]\n\n`);
  answer.head(200, ['content-type', 'text/event-stream']);
  for (let at = 0; at < bytes.length; at += size) void answer.write(bytes.subarray(at, at + size));
  answer.end();
  return to;
}
interface Event { readonly type: string; readonly [field: string]: unknown }
const eventsOf = (answer: RecordingAnswer): Event[] => answer.body.split('\n\n').filter((text) => text !== '').map((text) => JSON.parse(text.slice(text.indexOf('data: ') + 6)) as Event);
/** Ids are random: the same answer twice has others. */
const withoutIds = (text: string): string => text.replace(/\b(?:msg|resp|rs|fc)_[0-9a-f]{32}/g, 'ID');
const joined = (woven: readonly Piece[], kind: Piece['kind'], call = 0): string => woven.filter((piece) => piece.kind === kind && piece.call === call).map((piece) => piece.text).join('');
const called = (woven: readonly Piece[]): number[] => woven.filter((piece) => piece.kind === 'call').map((piece) => piece.call);
const sizes = fc.constantFrom(1, 2, 7, 64, 1_000_000);

describe('a translated stream', () => {
  it('of Messages is message_start, blocks one after the other, message_delta, message_stop', () => {
    fc.assert(fc.property(pieces, finishes, sizes, (woven, finish, size) => {
      const answer = streamed('messages', woven, finish, size);
      expect(answer.ended).toBe(true);
      expect(withoutIds(answer.body)).toBe(withoutIds(streamed('messages', woven, finish, 1_000_000).body));
      const events = eventsOf(answer);
      expect(events[0].type).toBe('message_start');
      expect(events.slice(-2).map((event) => event.type)).toEqual(['message_delta', 'message_stop']);
      let open: number | undefined;
      let next = 0;
      const told = new Map<string, string>();
      for (const event of events.slice(1, -2)) {
        if (event.type === 'content_block_start') {
          expect(open).toBeUndefined();
          expect(event.index).toBe(next);
          open = next++;
          const { type, name } = event.content_block as { type: string; name?: string };
          told.set(String(open), name ?? type);
        } else {
          expect(event.index).toBe(open);
          if (event.type === 'content_block_stop') open = undefined;
          else {
            expect(event.type).toBe('content_block_delta');
            const delta = event.delta as { text?: string; thinking?: string; partial_json?: string };
            const key = `${told.get(String(open))} said`;
            told.set(key, (told.get(key) ?? '') + (delta.text ?? delta.thinking ?? delta.partial_json ?? ''));
          }
        }
      }
      expect(open).toBeUndefined();
      expect(told.get('thinking said') ?? '').toBe(joined(woven, 'reasoning'));
      expect((told.get('text said') ?? '').length).toBe(joined(woven, 'text').length + joined(woven, 'refusal').length);
      for (const call of called(woven)) expect(told.get(`tool_${call} said`)).toBe(joined(woven, 'arguments', call) || '{}');
    }), { numRuns: 300 });
  });

  it('of Responses is created, in progress, items one after the other, then the whole once more', () => {
    fc.assert(fc.property(pieces, finishes, sizes, (woven, finish, size) => {
      const answer = streamed('responses', woven, finish, size);
      expect(withoutIds(answer.body)).toBe(withoutIds(streamed('responses', woven, finish, 1_000_000).body));
      const events = eventsOf(answer);
      expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
      expect(events.slice(0, 2).map((event) => event.type)).toEqual(['response.created', 'response.in_progress']);
      const last = events.at(-1)!;
      expect(last.type).toBe(finish === 'length' || finish === 'content_filter' ? 'response.incomplete' : 'response.completed');
      const { output } = last.response as { output: { id: string; type: string }[] };
      let open: number | undefined;
      const items: { id: string; type: string }[] = [];
      for (const event of events.slice(2, -1)) {
        if (event.type === 'response.output_item.added') {
          expect(open).toBeUndefined();
          expect(event.output_index).toBe(items.length);
          open = items.length;
          items.push(event.item as { id: string; type: string });
          continue;
        }
        expect(event.output_index).toBe(open);
        if (event.type !== 'response.output_item.done') {
          expect(event.item_id).toBe(items.at(-1)?.id);
          continue;
        }
        const done = event.item as { id: string; type: string };
        expect({ ...output[items.length - 1], status: 'completed' }).toEqual(done);
        open = undefined;
      }
      expect(open).toBeUndefined();
      expect(output.map((item) => item.id)).toEqual(items.map((item) => item.id));
      const calls = (output as unknown as { type: string; call_id: string; arguments: string }[]).filter((item) => item.type === 'function_call');
      expect(calls.map((call) => [call.call_id, call.arguments])).toEqual(called(woven).map((call) => [`call_${call}`, joined(woven, 'arguments', call) || '{}']));
    }), { numRuns: 300 });
  });
});
