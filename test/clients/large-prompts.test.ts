/**
 * Prompts as large as Claude Code and Codex send them (60 KB of instructions and tools), to the embedded engine: llama.cpp
 * computes all of the first turn, and of the second one what is new. The weights are random: what is said is of no account.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { startServer } from '../../src/cli/compose.ts';
import type { Event } from '../../src/core/index.ts';
import { EmbeddedEngine } from '../../src/engines/embedded/engine.ts';
import { realEngine } from '../../src/engines/embedded/testing/real-engine.ts';
import { closeAll, closeLater, post } from '../support/gateway-setup.ts';
import { WIRES } from './support/harness-wires.ts';

afterEach(closeAll);

const engine = await realEngine();
const CONTEXT_TOKENS = 65_536;
const OUTPUT_TOKENS = 24;

const SUBJECTS = ['a file', 'a folder', 'a test', 'a commit', 'a branch', 'a type', 'an interface', 'a comment', 'a log', 'a report'];
const RULES = ['read it before it is changed', 'say what was found, and where', 'change nothing that was not asked for', 'run what proves it', 'ask when two ways are equally good', 'leave no trace of what was tried'];
/** Prose of about so many characters, no paragraph twice. */
function prose(title: string, characters: number): string {
  let text = `# ${title}\n`;
  for (let at = 0; text.length < characters; at++) text += `\n${at}. Where ${SUBJECTS[at % 10]} stands in ${title.toLowerCase()} ${Math.floor(at / 10)}, ${RULES[at % 6]}; and before ${SUBJECTS[(at * 7 + 3) % 10]} is touched, ${RULES[(at * 5 + 1) % 6]}.`;
  return text;
}
const schema = { type: 'object', properties: { path: { type: 'string', description: 'Where.' }, limit: { type: 'number' } }, required: ['path'] };
const names = Array.from({ length: 20 }, (_, index) => `tool_${index}`);

type Fields = Readonly<Record<string, unknown>>;
type Item = Fields & { readonly content?: unknown };

/** A wire with the instructions, tools and turns of a session in its midst. `turns`: how many questions were asked so far. */
function claudeCode(body: Fields, turns: number): object {
  const [billing, ...instructions] = body.system as Item[];
  const messages = body.messages as Item[];
  const asked = Array.from({ length: turns - 1 }, (_, turn) => [{ role: 'assistant', content: [{ type: 'text', text: `What was found in turn ${turn}.` }] }, { role: 'user', content: `And turn ${turn + 1}?` }]);
  return {
    ...body, max_tokens: OUTPUT_TOKENS, system: [billing, ...instructions, { type: 'text', text: prose('How to work', 38_000), cache_control: { type: 'ephemeral' } }],
    tools: names.map((name) => ({ name, description: prose(`The use of ${name}`, 1000), input_schema: schema })), messages: [...messages, ...asked.flat()],
  };
}
const message = (role: string, type: string, text: string): object => ({ type: 'message', role, content: [{ type, text }] });
function codex(body: Fields, turns: number): object {
  const asked = Array.from({ length: turns - 1 }, (_, turn) => [message('assistant', 'output_text', `What was found in turn ${turn}.`), message('user', 'input_text', `And turn ${turn + 1}?`)]);
  return {
    ...body, max_output_tokens: OUTPUT_TOKENS, instructions: `${String(body.instructions)}\n${prose('How to work', 38_000)}`,
    tools: [...body.tools as object[], ...names.map((name) => ({ type: 'function', name, description: prose(`The use of ${name}`, 1000), strict: false, parameters: schema }))], input: [...body.input as object[], ...asked.flat()],
  };
}

interface StreamedEvent { readonly type: string; readonly index?: number; readonly output_index?: number; readonly message?: { readonly usage: Fields }; readonly usage?: Fields; readonly response?: { readonly status: string; readonly usage?: Fields } }

function streamed(text: string): StreamedEvent[] {
  return text.trimEnd().split('\n\n').map((part) => {
    const [, name, data] = /^event: (\S+)\ndata: (.*)$/u.exec(part) ?? [];
    const event = JSON.parse(data) as StreamedEvent;
    expect(event.type).toBe(name);
    return event;
  });
}

/** Every block or item that is opened is closed, in its place, and the stream ends as it must. */
function checkWhole(events: readonly StreamedEvent[], [first, opens, closes, last]: readonly string[], indexOf: (event: StreamedEvent) => number | undefined): void {
  expect([events[0].type, events.at(-1)?.type]).toEqual([first, last]);
  const at = (type: string): (number | undefined)[] => events.filter((event) => event.type === type).map(indexOf);
  expect(at(opens)).not.toEqual([]);
  expect(at(closes)).toEqual(at(opens));
  expect(events.some(({ type }) => type.endsWith('delta') && type !== 'message_delta')).toBe(true);
}

describe.skipIf(engine === undefined)('prompts of 60 KB, on llama.cpp', () => {
  it.each([
    { name: 'Claude Code', sized: claudeCode, check: (events: readonly StreamedEvent[]) => checkWhole(events, ['message_start', 'content_block_start', 'content_block_stop', 'message_stop'], ({ index }) => index) },
    { name: 'Codex', sized: codex, check: (events: readonly StreamedEvent[]) => {
      checkWhole(events, ['response.created', 'response.output_item.added', 'response.output_item.done', events.at(-1)?.response?.status === 'incomplete' ? 'response.incomplete' : 'response.completed'], (event) => event.output_index);
    } },
  ])('$name: a first turn computed, a second one found', async ({ name, sized, check }) => {
    const wire = WIRES.find((each) => each.name.startsWith(name))!;
    const embedded = new EmbeddedEngine({ ...engine!, contextTokens: CONTEXT_TOKENS, slots: 2, storeTokens: CONTEXT_TOKENS });
    const server = await startServer({ engines: [embedded], hostedTools: 'leave-out', log: () => undefined });
    closeLater(() => server.close(0));
    const events: Event[] = [];
    server.runtime.subscribe((event) => events.push(event));
    const model = embedded.models()[0].id;
    for (const turns of [1, 2]) {
      const body = JSON.stringify(sized({ ...wire.body, model }, turns));
      expect(body.length).toBeGreaterThan(60_000);
      const answer = await post(server.url + wire.path, body, wire.headers);
      const text = await answer.text();
      expect([answer.status, answer.headers.get('content-type')], text.slice(0, 500)).toEqual([200, expect.stringContaining('text/event-stream')]);
      check(streamed(text));
    }
    const [first, second] = events.filter((event) => event.type === 'request-end');
    expect(first).toMatchObject({ status: 'ok', cachedTokens: 0 });
    expect(second).toMatchObject({ status: 'ok' });
    expect(first.promptTokens).toBeGreaterThan(8000);
    // All but the end of it: what comes after the last question of the first turn.
    expect(second.cachedTokens).toBeGreaterThan(first.promptTokens - 100);
    expect(second.promptTokens).toBeGreaterThan(second.cachedTokens);
    process.stderr.write(`${name}: ${first.promptTokens} tokens computed, then ${second.cachedTokens} of ${second.promptTokens} found\n`);
  }, 170_000);
});
