/** Messages and Responses on an engine that runs within Entresol, which speaks chat completions. */
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, post, until } from '../../../test/support/gateway-setup.ts';
import { startServer, type RunningServer } from '../../cli/compose.ts';
import { requestId } from '../../core/index.ts';
import { SIMULATED_MODEL, SimulatedEngine } from '../../engines/simulated/engine.ts';

afterEach(closeAll);

async function simulated(): Promise<RunningServer> {
  const server = await startServer({ engines: [new SimulatedEngine({ cost: { prefillMsPerToken: 0.01, decodeMs: 0.1 }, teacherForcing: true })], log: () => undefined });
  closeLater(() => server.close(0));
  return server;
}
const tools = [{ name: 'search', description: 'Searches.', input_schema: { type: 'object', properties: { query: { type: 'string' } } } }];
const question = {
  model: SIMULATED_MODEL, max_tokens: 60, tools,
  system: [{ type: 'text', text: 'You are the planner of a long journey. '.repeat(20), cache_control: { type: 'ephemeral' } }],
  messages: [{ role: 'user', content: 'Find the way.' }] as unknown[],
};
const force = { content: 'Let me look.', tool_calls: [{ name: 'search', arguments: '{"query": "the way",  "deep": true}' }] };
interface Message { content: { type: string; id?: string; input?: unknown }[]; stop_reason: string; usage: { input_tokens: number; cache_read_input_tokens: number; output_tokens: number } }

describe('Messages on a local engine', () => {
  it('go through a loop of tools whose turns find all before them in the cache', async () => {
    const server = await simulated();
    const first = await post(`${server.url}/v1/messages`, JSON.stringify({ ...question, entresol_force: force }));
    const one = (await first.json()) as Message;
    expect(one).toMatchObject({ stop_reason: 'tool_use', content: [{ type: 'text', text: 'Let me look.' }, { type: 'tool_use', name: 'search', input: { query: 'the way', deep: true } }] });
    // The client sends the arguments back in its own spelling.
    const messages = [...question.messages, { role: 'assistant', content: one.content }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: one.content[1].id, content: 'North.' }] }];
    const second = await post(`${server.url}/v1/messages`, JSON.stringify({ ...question, messages }));
    const two = (await second.json()) as Message;
    expect(two.usage.cache_read_input_tokens).toBe(one.usage.input_tokens + one.usage.cache_read_input_tokens + one.usage.output_tokens - 1);
    expect(server.runtime.explain(requestId(second.headers.get('x-entresol-request-id') ?? ''))).toMatchObject({ engine: { notes: expect.arrayContaining(['translated messages to chat completions, without cache_control']) } });
  });

  it('stream the same, and tell the exact prompt at the start', async () => {
    const server = await simulated();
    const text = await (await post(`${server.url}/v1/messages`, JSON.stringify({ ...question, stream: true, entresol_force: force }))).text();
    const events = text.split('\n\n').filter((event) => event !== '').map((event) => JSON.parse(event.slice(event.indexOf('data: ') + 6)) as { type: string; message?: { usage: object }; usage?: { input_tokens: number }; delta?: { partial_json?: string } });
    expect(events[0].message?.usage).toMatchObject({ input_tokens: events.at(-2)?.usage?.input_tokens });
    expect(events.map((event) => event.delta?.partial_json ?? '').join('')).toBe('{"query": "the way",  "deep": true}');
    expect(events.at(-1)?.type).toBe('message_stop');
  });

  it('count their tokens exactly, and make no call of it', async () => {
    const server = await simulated();
    const { system, messages, model } = question;
    const counted = (await (await post(`${server.url}/v1/messages/count_tokens`, JSON.stringify({ system, messages, model, tools }))).json()) as { input_tokens: number };
    const { usage } = (await (await post(`${server.url}/v1/messages`, JSON.stringify(question))).json()) as Message;
    expect(counted).toEqual({ input_tokens: usage.input_tokens + usage.cache_read_input_tokens });
    expect(await server.runtime.metrics.render()).toContain('entresol_requests_total{status="ok"} 1');
  });

  it('tell which stop sequence ended them', async () => {
    const server = await simulated();
    const answer = await post(`${server.url}/v1/messages`, JSON.stringify({ ...question, stop_sequences: ['two'], entresol_force: { content: 'one two three' } }));
    expect(await answer.json()).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'two', content: [{ type: 'text', text: 'one ' }] });
  });

  it.each([
    ['an unknown model', { model: 'claude-x' }, 404, 'not_found_error', 'ENT_UNKNOWN_MODEL'],
    ['an image', { messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'url', url: 'x:y' } }] }] }, 400, 'invalid_request_error', 'ENT_BAD_REQUEST'],
    ['what the engine cannot do', { top_k: 3 }, 400, 'invalid_request_error', 'ENT_BAD_REQUEST'],
    ['what chat completions cannot do', { container: 'c' }, 400, 'invalid_request_error', 'ENT_UNTRANSLATABLE'],
    ['a prompt that is too long', { messages: [{ role: 'user', content: 'word '.repeat(20_000) }] }, 400, 'invalid_request_error', 'ENT_PROMPT_TOO_LONG'],
  ])('are refused in Anthropic\'s form for %s', async (_what, change, status, type, code) => {
    const server = await simulated();
    for (const stream of [false, true]) {
      const answer = await post(`${server.url}/v1/messages`, JSON.stringify({ ...question, ...change, stream }));
      expect(answer.status).toBe(status);
      expect(await answer.json()).toMatchObject({ type: 'error', error: { type, code }, request_id: expect.stringMatching(/^req_/) });
    }
  });
});

describe('Responses on a local engine', () => {
  it('free the engine when their client leaves', async () => {
    const server = await startServer({ engines: [new SimulatedEngine()], log: () => undefined });
    closeLater(() => server.close(0));
    const leaving = new AbortController();
    const answer = await fetch(`${server.url}/v1/responses`, { method: 'POST', signal: leaving.signal, body: JSON.stringify({ model: SIMULATED_MODEL, input: 'Talk.', max_output_tokens: 5000, stream: true }) });
    await answer.body?.getReader().read();
    expect(server.engine.load().runningRequests).toBe(1);
    leaving.abort();
    await until(() => server.engine.load().runningRequests === 0);
  });
});
