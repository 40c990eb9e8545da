import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, eventsOf, hello, post, setUp, until, type Setup } from '../../../test/support/gateway-setup.ts';
import type { Script } from '../../../test/support/scripted-upstream.ts';
import { definePolicy, type PolicyDefinition } from '../../core/index.ts';

afterEach(closeAll);

/** Retains every lineage that has made a call, for so long. */
const retainer = (forMs: number): PolicyDefinition => definePolicy({
  name: 'retainer', summary: 'Retains all.', intents: ['retain'],
  create: ({ clock }) => {
    const ended: { tenant: never; workload: never; session: never; agent: never }[] = [];
    return {
      observe: (event) => { if (event.type === 'request-end') ended.push(event.by as never); },
      act: (moment) => (moment.kind !== 'step-end' ? [] : ended.splice(0).map(({ tenant, workload, session, agent }) => ({ kind: 'retain' as const, target: { kind: 'lineage' as const, tenant, workload, session, agent }, untilMs: clock.nowMs() + forMs }))),
    };
  },
});

const usage: Script = (request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(request.path === '/v1/messages'
    ? JSON.stringify({ type: 'message', role: 'assistant', content: [{ type: 'text', text: 'x' }], stop_reason: 'end_turn', usage: { input_tokens: 5, cache_read_input_tokens: 100, cache_creation_input_tokens: 70, cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 40 }, output_tokens: 2 } })
    : JSON.stringify({ choices: [{ index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: 'stop' }], usage: { prompt_tokens: 1200, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 1024, cache_write_tokens: 128 } } }));
};

const headers = { 'x-entresol-session': 's', 'x-entresol-agent': 'coder', 'x-api-key': 'k' };
const messages = { ...hello, max_tokens: 5 };
const say = async ({ server }: Setup, path: string, body: object): Promise<void> => { await (await post(server.url + path, JSON.stringify(body), headers)).text(); };
const bodies = ({ upstream }: Setup): string[] => upstream.received.map(({ body }) => body.toString());

describe('the cache of a hosted API', () => {
  it('is left to the client: what it says of caching goes on as it came, and nothing is added', async () => {
    const openai = await setUp(usage, { engine: { kind: 'openai' } });
    const sent = { ...hello, prompt_cache_key: 'mine', prompt_cache_options: { mode: 'implicit', ttl: '30m' } };
    await say(openai, '/v1/chat/completions', sent);
    expect(bodies(openai)).toEqual([JSON.stringify(sent)]);
    const anthropic = await setUp(usage, { engine: { kind: 'anthropic' } });
    const marked = { ...messages, system: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral', ttl: '1h' } }] };
    for (const body of [marked, messages]) await say(anthropic, '/v1/messages', body);
    expect(bodies(anthropic)).toEqual([JSON.stringify(marked), JSON.stringify(messages)]);
  });

  it('tells what it read and what it wrote, and for how long: in events and metrics', async () => {
    const anthropic = await setUp(usage, { engine: { kind: 'anthropic' } });
    await say(anthropic, '/v1/messages', messages);
    await until(() => eventsOf(anthropic.events, 'request-end').length === 1);
    expect(eventsOf(anthropic.events, 'request-end')[0]).toMatchObject({ promptTokens: 175, cachedTokens: 100, cacheWrites: { minutesTokens: 30, hourTokens: 40 } });
    const metrics = await (await fetch(`${anthropic.server.url}/metrics`)).text();
    expect(metrics).toContain('entresol_tokens_total{kind="cache-write-minutes"} 30');
    expect(metrics).toContain('entresol_tokens_total{kind="cache-write-hour"} 40');
    const openai = await setUp(usage, { engine: { kind: 'openai' } });
    await say(openai, '/v1/chat/completions', hello);
    await until(() => eventsOf(openai.events, 'request-end').length === 1);
    expect(eventsOf(openai.events, 'request-end')[0]).toMatchObject({ cachedTokens: 1024, cacheWrites: { minutesTokens: 128, hourTokens: 0 } });
  });

  it('is told what a policy retains, from the lineage\'s next call on', async () => {
    const openai = await setUp(usage, { engine: { kind: 'openai' }, policies: [{ definition: retainer(60_000) }] });
    await say(openai, '/v1/chat/completions', hello);
    await until(() => eventsOf(openai.events, 'intent-done').length === 1);
    await say(openai, '/v1/chat/completions', hello);
    await say(openai, '/v1/chat/completions', { ...hello, prompt_cache_key: 'mine' });
    const [first, second, third] = bodies(openai);
    expect(first).toBe(JSON.stringify(hello));
    expect(second).toMatch(new RegExp(`^${JSON.stringify(hello).slice(0, -1).replaceAll(/[[\]{}]/g, '\\$&')},"prompt_cache_key":"[0-9a-f]{32}"\\}$`));
    expect(third).toContain('"prompt_cache_key":"mine"}');
  });

  it.each([[60_000, '5m'], [1_800_000, '1h']])('for %i ms at Anthropic means a lifetime of %s, unless the client has breakpoints of its own', async (forMs, ttl) => {
    const anthropic = await setUp(usage, { engine: { kind: 'anthropic' }, policies: [{ definition: retainer(forMs) }] });
    await say(anthropic, '/v1/messages', messages);
    await until(() => eventsOf(anthropic.events, 'intent-done').length === 1);
    expect(eventsOf(anthropic.events, 'intent-done')[0]).toMatchObject({ outcome: { status: 'deferred' } });
    await say(anthropic, '/v1/messages', messages);
    const marked = { ...messages, system: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral' } }] };
    await say(anthropic, '/v1/messages', marked);
    expect(bodies(anthropic)).toEqual([JSON.stringify(messages), `${JSON.stringify(messages).slice(0, -1)},"cache_control":{"type":"ephemeral","ttl":"${ttl}"}}`, JSON.stringify(marked)]);
  });
});
