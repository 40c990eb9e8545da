/** The gateway before an engine that runs within Entresol: what upstreams do not do. */
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, eventsOf, post, until } from '../../test/support/gateway-setup.ts';
import { startServer, type RunningServer } from '../cli/compose.ts';
import { requestId, type Event } from '../core/index.ts';
import { SIMULATED_MODEL, SimulatedEngine, type SimulatedEngineOptions } from '../engines/simulated/engine.ts';

afterEach(closeAll);

const QUICK = { prefillMsPerToken: 0.01, decodeMs: 0.1 };
async function simulated(options: SimulatedEngineOptions = {}): Promise<{ server: RunningServer; client: OpenAI; events: Event[] }> {
  const server = await startServer({ engines: [new SimulatedEngine({ cost: QUICK, ...options })], log: () => undefined });
  closeLater(() => server.close(0));
  const events: Event[] = [];
  server.runtime.subscribe((event) => events.push(event));
  return { server, events, client: new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 }) };
}
const messages = [{ role: 'system' as const, content: 'You are the planner. '.repeat(40) }, { role: 'user' as const, content: 'Plan a day.' }];
const body = { model: SIMULATED_MODEL, messages, max_tokens: 8 };

describe('the gateway before a local engine', () => {
  it('retains by cache-sage by default, counts exactly, and explains', async () => {
    const { server, client, events } = await simulated();
    expect(server.runtime.policies().map((policy) => policy.name)).toEqual(['cache-sage']);
    const headers = { 'x-entresol-session': 's1', 'x-entresol-agent': 'planner' };
    const first = await client.chat.completions.create(body, { headers });
    const { data, response } = await client.chat.completions.create({ ...body, messages: [...messages, first.choices[0].message, { role: 'user', content: 'And the next?' }] }, { headers }).withResponse();
    const [, end] = eventsOf(events, 'request-end');
    expect(end).toMatchObject({ status: 'ok', promptTokens: data.usage?.prompt_tokens, cachedTokens: data.usage?.prompt_tokens_details?.cached_tokens, by: { step: 1 } });
    expect((end as { cachedTokens: number }).cachedTokens).toBeGreaterThan(0);
    expect(server.runtime.explain(requestId(response.headers.get('x-entresol-request-id') ?? ''))).toMatchObject({
      status: 'ok', engine: { replica: server.engine.replica, notes: [expect.stringMatching(/^extended a slot/)] },
      decisions: [{ decision: 'retention', result: 'kept by cache-sage', policies: [{ policy: 'cache-sage', mode: 'on', answer: { value: expect.any(Number) } }] }],
    });
  });

  it('streams, with usage if asked', async () => {
    const { client } = await simulated();
    const stream = client.chat.completions.stream({ ...body, stream_options: { include_usage: true } });
    const answer = await stream.finalChatCompletion();
    expect(answer.usage?.completion_tokens).toBe(8);
    expect(answer.choices[0].finish_reason).toBe('length');
  });

  it('serves completions, and several calls at once', async () => {
    const { client } = await simulated();
    const answers = await Promise.all(['one', 'two', 'three', 'four', 'five'].map((prompt) => client.completions.create({ model: SIMULATED_MODEL, prompt, max_tokens: 4 })));
    expect(answers.map((answer) => answer.usage?.completion_tokens)).toEqual([4, 4, 4, 4, 4]);
  });

  it('lists its model, and says so where one is unknown', async () => {
    const { client, server } = await simulated();
    expect(await client.models.retrieve(SIMULATED_MODEL)).toMatchObject({ id: SIMULATED_MODEL, synthetic: true, owned_by: 'simulated' });
    await expect(client.models.retrieve('gpt')).rejects.toMatchObject({ status: 404, code: 'ENT_UNKNOWN_MODEL' });
    await expect(client.chat.completions.create({ ...body, model: 'gpt' })).rejects.toMatchObject({ status: 404, code: 'ENT_UNKNOWN_MODEL', message: expect.stringContaining('/v1/models') });
    expect((await post(`${server.url}/v1/embeddings`, '{}')).status).toBe(404);
  });

  it('refuses a prompt that is too long, in whole answers and streams alike', async () => {
    const { client, server, events } = await simulated({ contextTokens: 256 });
    for (const stream of [false, true]) {
      await expect(client.chat.completions.create({ ...body, stream, messages: [{ role: 'user', content: 'word '.repeat(2000) }] })).rejects.toMatchObject({ status: 400, code: 'ENT_PROMPT_TOO_LONG', param: 'messages' });
    }
    await expect(client.chat.completions.create({ ...body, model: 'gpt' })).rejects.toMatchObject({ status: 404 });
    expect(eventsOf(events, 'request-arrive')).toHaveLength(3);
    expect(eventsOf(events, 'request-end')).toMatchObject(Array.from({ length: 3 }, () => ({ status: 'rejected', promptTokens: 0, outputTokens: 0 })));
    expect(await server.runtime.metrics.render()).toContain('entresol_requests_total{status="rejected"} 3');
    expect(server.runtime.openRequests).toBe(0);
  });

  it('frees the engine when a client leaves in mid-stream', async () => {
    const { client, server, events } = await simulated({ cost: {} });
    const stream = await client.chat.completions.create({ ...body, max_tokens: 5000, stream: true });
    for await (const chunk of stream) if (chunk.choices.length > 0) stream.controller.abort();
    await until(() => eventsOf(events, 'request-end').length > 0);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'cancelled' }]);
    await until(() => server.engine.load().runningRequests === 0);
  });
});
