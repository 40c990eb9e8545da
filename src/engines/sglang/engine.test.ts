/** Against a stand-in (testing/stand-in.ts): the real SGLang needs an accelerator. */
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, post, until } from '../../../test/support/gateway-setup.ts';
import { startUpstream, type ScriptedUpstream } from '../../../test/support/scripted-upstream.ts';
import { startServer } from '../../cli/compose.ts';
import { hashOfKey, KeyRing, newKey } from '../../gateway/index.ts';
import { LOCAL_TENANT, agentId, sessionId, tenantId, workloadId, type CacheTarget, type Engine, type EngineCall } from '../../core/index.ts';
import { engineCall, RecordingAnswer, RecordingHost } from '../embedded/testing/recording-answer.ts';
import { Publisher } from '../kv-events/testing/publisher.ts';
import { describeUpstream } from '../upstream/upstream.contract.ts';
import { sglang } from './engine.ts';
import { OpenSessions } from './open-sessions.ts';
import { SglangStandIn, type StandInArguments } from './testing/stand-in.ts';

const EVERYTHING = { radix_eviction_policy: 'priority', enable_priority_scheduling: true, enable_session_radix_cache: true } as const;

describeUpstream('sglang, a stand-in', { make: (options) => sglang.make(options), script: (start) => new SglangStandIn({}, start).script });
describeUpstream('sglang, a stand-in that keeps by class and session', { make: (options) => sglang.make(options), script: (start) => new SglangStandIn(EVERYTHING, start).script });

afterEach(closeAll);

async function before(given: Partial<StandInArguments>, settings: object = {}): Promise<{ engine: Engine; host: RecordingHost; server: ScriptedUpstream; standIn: SglangStandIn }> {
  const standIn = new SglangStandIn(given);
  const server = await startUpstream(standIn.script);
  closeLater(() => server.close());
  const engine = sglang.make({ url: server.url, proxy: 'none' }, settings);
  const host = new RecordingHost();
  await engine.start(host);
  closeLater(() => engine.stop(0));
  return { engine, host, server, standIn };
}

const callOf = (session: string, text: string, fields: { final?: boolean; more?: object } = {}): EngineCall => {
  const call = engineCall('chat', { model: 'm', messages: [{ role: 'user', content: text }], ...fields.more }, { session });
  return { ...call, request: { ...call.request, final: fields.final === true } };
};
const lineageOf = (session: string): CacheTarget => ({ kind: 'lineage', tenant: LOCAL_TENANT, workload: workloadId('w'), session: sessionId(session), agent: agentId('a') });
const cachedOf = async (engine: Engine, call: EngineCall): Promise<number> => {
  const answer = new RecordingAnswer();
  await engine.handle(call, answer);
  return (answer.json as { usage: { prompt_tokens_details: { cached_tokens: number } } }).usage.prompt_tokens_details.cached_tokens;
};
const sentBy = (server: ScriptedUpstream): Record<string, unknown>[] => server.received.filter(({ path }) => path === '/v1/chat/completions').map(({ body }) => JSON.parse(body.toString()) as Record<string, unknown>);
const long = (name: string): string => `${name} `.repeat(40);

describe('sglang', () => {
  it('adds nothing to a server that would make nothing of it', async () => {
    const { engine, server } = await before({});
    await engine.handle(callOf('s', 'x', { final: true }), new RecordingAnswer());
    expect(Object.keys(sentBy(server)[0])).toEqual(['model', 'messages']);
    expect(engine.capabilities.intents).toEqual([]);
    expect(engine.discovery?.()).toMatchObject({ product: 'SGLang 0.5.23' });
    expect(engine.discovery?.()?.features).toContainEqual(expect.objectContaining({ name: 'keeps by class of priority', available: 'no', mend: expect.stringContaining('--radix-eviction-policy priority') }));
  });

  it('keeps what a policy retains: it is there after a flood that drives everything else out', async () => {
    const { engine } = await before({ ...EVERYTHING, enable_session_radix_cache: false, max_total_num_tokens: 1024 });
    expect(engine.capabilities.intents).toEqual(['retain']);
    expect(await engine.perform({ kind: 'retain', target: lineageOf('kept'), untilMs: Infinity })).toMatchObject({ status: 'deferred' });
    await cachedOf(engine, callOf('kept', long('kept')));
    await cachedOf(engine, callOf('plain', long('plain')));
    for (let other = 0; other < 12; other++) await cachedOf(engine, callOf(`other-${other}`, long(`other-${other}`)));
    expect(await cachedOf(engine, callOf('kept', long('kept')))).toBeGreaterThan(150);
    expect(await cachedOf(engine, callOf('plain', long('plain')))).toBeLessThan(50);
  });

  it('retains no longer than it was told to', async () => {
    const { engine, server, host } = await before(EVERYTHING);
    await engine.perform({ kind: 'retain', target: lineageOf('s'), untilMs: host.clock.nowMs() - 1 });
    await engine.handle(callOf('s', 'x'), new RecordingAnswer());
    await engine.perform({ kind: 'retain', target: lineageOf('s'), untilMs: Infinity });
    await engine.handle(callOf('s', 'x'), new RecordingAnswer());
    await engine.handle(callOf('t', 'x'), new RecordingAnswer());
    expect(sentBy(server).map(({ priority }) => priority)).toEqual([undefined, 5, undefined]);
  });

  it('makes a session of each lineage, and closes it when its session has ended or a policy evicts it', async () => {
    const { engine, server, standIn } = await before(EVERYTHING);
    const [s, t] = [callOf('s', 'x'), callOf('t', 'x')];
    for (const call of [s, s, t]) await engine.handle(call, new RecordingAnswer());
    const [first, second, third] = sentBy(server).map((body) => body.session_id);
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect([second, third === first]).toEqual([first, false]);
    engine.sessionEnded?.(s.request.by);
    engine.sessionEnded?.(s.request.by);
    await until(() => standIn.closed.length === 1);
    expect(standIn.closed).toEqual([first]);
    expect(await engine.perform({ kind: 'evict', target: lineageOf('t') })).toMatchObject({ status: 'clipped' });
    expect(await engine.perform({ kind: 'evict', target: lineageOf('t') })).toMatchObject({ status: 'rejected' });
    expect(standIn.closed).toEqual([first, third]);
  });

  it('closes every session that is told to be over, in whatever words a client tells it, and none other', async () => {
    const standIn = new SglangStandIn(EVERYTHING);
    const upstream = await startUpstream(standIn.script);
    closeLater(() => upstream.close());
    const server = await startServer({ engines: [sglang.make({ url: upstream.url, proxy: 'none' })], log: () => undefined });
    closeLater(() => server.close(0));
    const ask = (session: string, agent: string, more: Readonly<Record<string, string>> = {}): Promise<Response> =>
      post(`${server.url}/v1/chat/completions`, JSON.stringify({ model: 'm', messages: [{ role: 'user', content: session }] }), { 'x-entresol-session': session, 'x-entresol-agent': agent, ...more });
    for (const session of ['final', 'reported', 'open']) for (const agent of ['planner', 'coder']) await (await ask(session, agent)).text();
    await (await ask('final', 'planner', { 'x-entresol-final': 'true' })).text();
    await post(`${server.url}/entresol/v1/events`, JSON.stringify([{ type: 'session-end', session: 'reported' }]));
    await until(() => standIn.closed.length >= 4);
    const named = sentBy(upstream).map((body) => body.session_id);
    expect(new Set(standIn.closed)).toEqual(new Set(named.slice(0, 4)));
    expect(standIn.closed).toHaveLength(4);
    await server.close(0);
    // What it leaves behind would be held open for good.
    expect(new Set(standIn.closed)).toEqual(new Set(named));
  });

  it('closes the one used least recently beyond so many, one that is idle, and none while a call of it runs', async () => {
    let nowMs = 0;
    const closed: string[] = [];
    const open = new OpenSessions({ maximum: 3, idleMs: 100, close: (id) => { closed.push(id); return Promise.resolve(true); } });
    const running = open.began('a', 's', nowMs);
    for (const id of ['b', 'c', 'd']) open.began(id, 't', nowMs)(nowMs);
    expect(closed).toEqual(['b']);
    nowMs = 60;
    open.began('c', 't', nowMs)(nowMs);
    nowMs = 120;
    open.closeIdle(nowMs);
    expect(closed).toEqual(['b', 'd']);
    open.end('s');
    expect(closed).toEqual(['b', 'd']);
    running(nowMs);
    expect(closed).toEqual(['b', 'd', 'a']);
    const before = open.began('e', 's', nowMs);
    open.forget();
    const after = open.began('e', 's', nowMs);
    open.end('s');
    before(nowMs);
    expect(closed).toHaveLength(3);
    after(nowMs);
    expect(closed).toEqual(['b', 'd', 'a', 'e']);
    await open.closeAll();
    expect([closed.length, open.has('c')]).toEqual([4, false]);
  });

  it('gives up what ended sessions have left before what open ones will use', async () => {
    const { engine } = await before({ ...EVERYTHING, radix_eviction_policy: 'lru', max_total_num_tokens: 1024 });
    const [live, over] = [callOf('live', long('live')), callOf('over', long('over'))];
    for (const call of [live, over]) await cachedOf(engine, call);
    engine.sessionEnded?.(over.request.by);
    for (let other = 0; other < 6; other++) {
      const call = callOf(`other-${other}`, long(`other-${other}`));
      await cachedOf(engine, call);
      engine.sessionEnded?.(call.request.by);
    }
    expect(await cachedOf(engine, live)).toBeGreaterThan(150);
  });

  it('follows its KV events, which are arrays: what is stored, what is removed, and garbage among them', async () => {
    const publisher = await Publisher.start({ topic: 'kv', rank: 0 });
    closeLater(() => publisher.stop());
    const { engine, host } = await before({ kv_events: { publisher: 'zmq', endpoint_host: '*', endpoint_port_base: publisher.ports.events, topic: 'kv', block_size: 2, dp_size: 1 } });
    const detail = (): string | undefined => engine.discovery?.()?.features.find(({ name }) => name === 'publishes KV events')?.detail;
    const [a, b, c] = [18_213_574_409_835_333_642n, 2n ** 63n + 1n, 7n];
    const batch = [
      ['BlockStored', [a, b], null, [1, 2, 3, 4], 2, null, 'GPU'],
      ['BlockStored', [c], b, [5, 6], 2, null, 'GPU', { session_id: 's', cache_salt: 'x' }],
      ['BlockExploded', [c]], 'nonsense',
      ['BlockRemoved', [c], 'GPU'],
    ];
    // A subscription takes a moment, and what was published before it is gone: told again until it is there.
    while (!host.events.some(({ type }) => type === 'kv-stored')) {
      await publisher.publish(batch);
      await new Promise((resolve) => { setImmediate(resolve); });
    }
    await until(() => detail()?.includes('blocks resident') === true);
    expect(detail()).toMatch(new RegExp(`^port ${publisher.ports.events}, one rank, \\d+ blocks resident by \\d+ messages, \\d+ lost$`));
    const stored = host.events.find((event) => event.type === 'kv-stored');
    expect(stored).toMatchObject({ replica: engine.replica });
    expect(stored?.type === 'kv-stored' ? new Set(stored.units).size : 0).toBe(2);
    expect(new Set(host.troubles)).toEqual(new Set([...host.troubles].filter((kind) => kind.startsWith('kv-'))));
    expect(host.troubles).toEqual(expect.arrayContaining(['kv-event-unknown', 'kv-event-malformed']));
  });

  it('lets no tenant among several put itself first, or go on in a session that another has named', async () => {
    const { engine, server } = await before(EVERYTHING);
    const call = callOf('s', 'x', { more: { session_id: 'theirs', session_params: { id: 'theirs' }, priority: 999, data_parallel_rank: 1, routed_dp_rank: 1, bootstrap_host: '10.0.0.1', rid: 'theirs' } });
    await engine.handle({ ...call, request: { ...call.request, by: { ...call.request.by, tenant: tenantId('one of several') } } }, new RecordingAnswer());
    const [sent] = sentBy(server);
    expect(sent).toMatchObject({ session_params: null, priority: null, data_parallel_rank: null, routed_dp_rank: null, bootstrap_host: null, rid: null });
    expect(sent.session_id).not.toBe('theirs');
  });

  it('refuses of tenants what cannot be taken out unnoticed: code to run, weights to load; and any of it on paths that are not read', async () => {
    const standIn = new SglangStandIn(EVERYTHING);
    const upstream = await startUpstream(standIn.script);
    closeLater(() => upstream.close());
    const [one, two] = [newKey(), newKey()];
    const keys = new KeyRing([one, two].map((key, index) => ({ name: `k${index}`, hash: hashOfKey(key), tenant: tenantId(`t${index}`), admin: false })));
    const serverOf = async (shared: boolean): Promise<string> => {
      const server = await startServer({ engines: [sglang.make({ url: upstream.url, proxy: 'none' })], log: () => undefined, ...(shared ? { keys } : {}) });
      closeLater(() => server.close(0));
      return server.url;
    };
    const ask = async (origin: string, path: string, body: object): Promise<[number, string | undefined]> => {
      const answer = await post(origin + path, JSON.stringify(body), { authorization: `Bearer ${one}` });
      const { error } = (await answer.json().catch(() => ({}))) as { error?: { code?: string; param?: string } };
      return [answer.status, error?.code === 'ENT_BAD_REQUEST' ? error.param : undefined];
    };
    const [shared, own] = [await serverOf(true), await serverOf(false)];
    const chat = { model: 'm', messages: [{ role: 'user', content: 'x' }] };
    for (const name of ['lora_path', 'custom_logit_processor']) {
      expect(await ask(shared, '/v1/chat/completions', { ...chat, [name]: 'theirs' })).toEqual([400, name]);
      expect(await ask(shared, '/v1/chat/completions', { ...chat, [name]: null })).toEqual([200, undefined]);
      expect(await ask(own, '/v1/chat/completions', { ...chat, [name]: 'mine' })).toEqual([200, undefined]);
    }
    for (const name of ['priority', 'lora_path', 'data_parallel_rank']) {
      expect((await ask(shared, '/v1/score', { query: 'x', [name]: 1 }))[1]).toBe(name);
      expect((await ask(own, '/v1/score', { query: 'x', [name]: 1 }))[1]).toBeUndefined();
    }
    expect((await ask(shared, '/v1/score', { query: 'of priority', metadata: { priority: 1 } }))[1]).toBeUndefined();
  });

  it('lets no tenant steer a server either that does not say what it is', async () => {
    const standIn = new SglangStandIn(EVERYTHING);
    const server = await startUpstream((request, response) => (request.path.endsWith('server_info') ? void response.writeHead(404).end() : standIn.script(request, response)));
    closeLater(() => server.close());
    const engine = sglang.make({ url: server.url, proxy: 'none' });
    await engine.start(new RecordingHost());
    closeLater(() => engine.stop(0));
    const call = callOf('s', 'x', { more: { session_id: 'theirs', priority: 999 } });
    await engine.handle({ ...call, request: { ...call.request, by: { ...call.request.by, tenant: tenantId('one of several') } } }, new RecordingAnswer());
    expect(sentBy(server)[0]).toMatchObject({ session_id: null, priority: null });
  });

  it('leaves alone what the client says itself', async () => {
    const { engine, server, standIn } = await before(EVERYTHING);
    await engine.perform({ kind: 'retain', target: lineageOf('s'), untilMs: Infinity });
    await engine.handle(callOf('s', 'x', { final: true, more: { session_id: 'theirs', priority: 2 } }), new RecordingAnswer());
    expect(sentBy(server)).toMatchObject([{ session_id: 'theirs', priority: 2 }]);
    expect(standIn.closed).toEqual([]);
  });
});
