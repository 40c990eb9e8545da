/** Warm-ups before a stand-in; real-vllm.test.ts has what they are worth. */
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater } from '../../../test/support/gateway-setup.ts';
import { startUpstream, type ReceivedRequest, type Script } from '../../../test/support/scripted-upstream.ts';
import { agentId, LOCAL_TENANT, Secret, sessionId, workloadId } from '../../core/index.ts';
import { KeptCalls } from './kept-calls.ts';
import { vllmScript } from './testing/stand-in.ts';
import { before, callOf, isWarmUp, KEY, offers, prefetch, serve, settledLater, warmUps, words } from './testing/warm-up-setup.ts';

afterEach(closeAll);

describe('a warm-up', () => {
  it('is nothing that happens where it was not asked for', async () => {
    const { engine } = await before(vllmScript(1), {}, { memoryBytes: 0 });
    await serve(engine, callOf({ messages: [] }));
    expect(engine.capabilities.intents).toEqual([]);
    expect(await prefetch(engine)).toEqual({ status: 'unsupported' });
  });

  it('is the latest call of the lineage for one token and after all others, its prompt as it came, nothing of the client\'s credential', async () => {
    const { engine, server } = await before();
    expect(engine.capabilities.intents).toEqual(['prefetch']);
    await serve(engine, callOf({ messages: [{ role: 'user', content: 'first' }] }));
    const tools = [{ type: 'function', function: { name: 'f', parameters: { maximum: 1 } } }];
    await serve(engine, callOf({ messages: [{ role: 'user', content: 'second' }], tools, cache_salt: 'of-one', stream: true, stream_options: { include_usage: true }, max_tokens: 900, n: 3, priority: -7 }));
    expect(await prefetch(engine)).toEqual({ status: 'accepted' });
    expect(words(server)).toEqual({
      model: 'm', messages: [{ role: 'user', content: 'second' }], tools, cache_salt: 'of-one', stream: false, stream_options: null, max_tokens: 1, max_completion_tokens: 1, n: 1, priority: 2 ** 31 - 1,
    });
    expect(server.received.at(-1)!.headers.join('\n')).not.toContain(KEY);
    expect(engine.discovery()?.features.find(({ name }) => name === 'is warmed up where a policy asks')).toMatchObject({ available: 'yes', detail: expect.stringMatching(/^1 made \(3 tokens, 0 of them found\), 0 given up; 1 calls kept/) as unknown });
  });

  it('says nothing of priority to a server that refuses it', async () => {
    const { engine, server } = await before(vllmScript(1, { priority: false }));
    await serve(engine, callOf({ messages: [] }));
    expect(await prefetch(engine)).toEqual({ status: 'accepted' });
    expect(words(server)).not.toHaveProperty('priority');
  });

  it('keeps tenants, sessions and agents of equal names apart', async () => {
    const { engine, server } = await before();
    await serve(engine, callOf({ messages: [{ role: 'user', content: 'of one' }], cache_salt: 'one' }, { tenant: 'one' }));
    for (const other of [{ tenant: 'two' }, { tenant: 'one', session: 't' }, { tenant: 'one', agent: 'b' }]) expect(await prefetch(engine, other)).toMatchObject({ status: 'rejected' });
    expect(warmUps(server)).toEqual([]);
    await serve(engine, callOf({ messages: [{ role: 'user', content: 'of two' }], cache_salt: 'two' }, { tenant: 'two' }));
    expect(await prefetch(engine, { tenant: 'one' })).toEqual({ status: 'accepted' });
    expect(words(server)).toMatchObject({ messages: [{ content: 'of one' }], cache_salt: 'one' });
  });

  it('is of a copy: the memory of the call is used again', async () => {
    const { engine, server } = await before();
    const call = callOf({ messages: [{ role: 'user', content: 'x'.repeat(50_000) }] });
    await serve(engine, call);
    call.body.fill(0x20);
    expect(await prefetch(engine)).toEqual({ status: 'accepted' });
    expect(words(server)).toMatchObject({ messages: [{ content: 'x'.repeat(50_000) }] });
  });

  it('gives way as soon as any call comes, and is told as aborted', async () => {
    const plain = vllmScript(1);
    const came = settledLater<ReceivedRequest>();
    const { engine, host } = await before((request, response) => (isWarmUp(request) ? came.resolve(request) : plain(request, response)));
    await serve(engine, callOf({ messages: [] }));
    const outcome = prefetch(engine);
    const warmUp = await came.promise;
    expect(await prefetch(engine, {})).toMatchObject({ status: 'deferred' });
    await serve(engine, callOf({ messages: [] }, { session: 'another' }));
    expect(await outcome).toEqual({ status: 'clipped', why: 'a call came' });
    await warmUp.aborted;
    expect(host.warmUps).toEqual(['aborted']);
  });

  it('is not begun while calls wait, or one of the session runs', async () => {
    const waiting = await before(vllmScript(1, { metrics: 'vllm:num_requests_running 2\nvllm:num_requests_waiting 1\nvllm:kv_cache_usage_perc 0.5\n' }));
    await serve(waiting.engine, callOf({ messages: [] }));
    expect(await prefetch(waiting.engine)).toEqual({ status: 'deferred', why: 'calls wait' });
    expect(warmUps(waiting.server)).toEqual([]);
    const plain = vllmScript(1);
    const second = settledLater<() => void>();
    const { engine } = await before((request, response) => (request.body.includes('slow') && !isWarmUp(request) ? second.resolve(() => void plain(request, response)) : plain(request, response)));
    await serve(engine, callOf({ messages: [] }));
    const running = serve(engine, callOf({ messages: [], user: 'slow' }));
    const answer = await second.promise;
    expect(await prefetch(engine)).toEqual({ status: 'deferred', why: 'a call of the session runs' });
    answer();
    await running;
    expect(await prefetch(engine)).toEqual({ status: 'accepted' });
  });

  it('carries the upstream\'s own credential or none, and is no more offered where none is refused', async () => {
    const plain = vllmScript(1);
    const guarded: Script = (request, response) => {
      if (isWarmUp(request) && !request.headers.includes('Bearer of-the-upstream')) response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"Unauthorized"}');
      else return plain(request, response);
    };
    const without = await before(guarded);
    await serve(without.engine, callOf({ messages: [] }));
    expect(await prefetch(without.engine)).toEqual({ status: 'unsupported' });
    expect(without.engine.capabilities.intents).toEqual([]);
    expect(warmUps(without.server)).toHaveLength(1);
    const own = await before(guarded, { credential: { secret: new Secret('of-the-upstream'), use: 'fallback' } });
    await serve(own.engine, callOf({ messages: [] }));
    expect(await prefetch(own.engine)).toEqual({ status: 'accepted' });
    expect(warmUps(own.server)[0].headers).not.toContain(KEY);
  });

  it('counts as used where the next call of the same agent finds more than was there, else as unused', async () => {
    const plain = vllmScript(1);
    let cached = 0;
    const { engine, host } = await before((request, response) => {
      if (request.path !== '/v1/chat/completions' || request.body.includes('"n":')) return plain(request, response);
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'ok' } }], usage: { prompt_tokens: 100, completion_tokens: 1, prompt_tokens_details: { cached_tokens: cached } } }));
    });
    const call = callOf({ messages: [] });
    await serve(engine, call);
    cached = 32;
    await prefetch(engine);
    await serve(engine, callOf({ messages: [] }, { agent: 'another' }));
    expect(host.warmUps).toEqual([]);
    cached = 96;
    await serve(engine, call);
    expect(host.warmUps).toEqual(['used']);
    cached = 32;
    await prefetch(engine);
    await serve(engine, call);
    await prefetch(engine);
    engine.sessionEnded(call.request.by);
    expect(host.warmUps).toEqual(['used', 'unused', 'unused']);
  });

  it('computes no more than its share of what clients send', async () => {
    const plain = vllmScript(1);
    const { engine } = await before((request, response) => (request.path === '/v1/chat/completions'
      ? void response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"ok"}}],"usage":{"prompt_tokens":5000,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":0}}}') : plain(request, response)));
    await serve(engine, callOf({ messages: [] }));
    const outcomes = [];
    for (let count = 0; count < 4; count++) outcomes.push((await prefetch(engine)).status);
    // 8,192 at first, and half of 5,000: two are 10,000.
    expect(outcomes).toEqual(['accepted', 'accepted', 'deferred', 'deferred']);
    await serve(engine, callOf({ messages: [] }));
    expect(await prefetch(engine)).toEqual({ status: 'deferred', why: 'warm-ups have computed their share' });
    await serve(engine, callOf({ messages: [] }));
    expect(await prefetch(engine)).toEqual({ status: 'accepted' });
  });

  it('is offered the moment that nothing is left to do, and no more once a call has come', async () => {
    const { engine, host } = await before();
    let told = host.next('engine-load');
    await serve(engine, callOf({ messages: [] }));
    await told;
    expect(offers(host)).toEqual([true]);
    const done = prefetch(engine);
    await host.next('engine-load');
    told = host.next('engine-load');
    expect(await done).toEqual({ status: 'accepted' });
    await told;
    expect(offers(host)).toEqual([true, false, true]);
    await serve(engine, callOf({ messages: [] }));
    expect(offers(host).slice(0, 4)).toEqual([true, false, true, false]);
  });

  it('is no success where 200 is answered with an error', async () => {
    const plain = vllmScript(1);
    const { engine } = await before((request, response) => (isWarmUp(request) ? void response.end('{"error":{"message":"no"}}') : plain(request, response)));
    await serve(engine, callOf({ messages: [] }));
    expect(await prefetch(engine)).toMatchObject({ status: 'rejected' });
  });

  it('is of calls that were served, until their session ends, across restarts of the server', async () => {
    const plain = vllmScript(1);
    const { engine, host, server } = await before((request, response) => (request.body.includes('refused') ? void response.writeHead(400).end('{}') : plain(request, response)));
    await serve(engine, callOf({ messages: [], user: 'refused' }));
    expect(await prefetch(engine)).toMatchObject({ status: 'rejected', why: 'no call of this lineage is kept' });
    const call = callOf({ messages: [] });
    await serve(engine, call);
    const back = host.next('engine-down').then(() => host.next('engine-up'));
    await server.close();
    await serve(engine, call).catch(() => undefined);
    const again = await startUpstream(vllmScript(2), Number(new URL(server.url).port));
    closeLater(() => again.close());
    await back;
    while (!engine.capabilities.intents.includes('prefetch')) await new Promise((resolve) => { setTimeout(resolve, 5); });
    expect(warmUps(again)).toEqual([]);
    expect(await prefetch(engine)).toEqual({ status: 'accepted' });
    engine.sessionEnded(call.request.by);
    expect(await prefetch(engine)).toMatchObject({ status: 'rejected', why: 'no call of this lineage is kept' });
  });
});

describe('kept calls', () => {
  it('never take more than they may, and those used longest ago go first', () => {
    const kept = new KeptCalls(10_000);
    const by = (session: string): Parameters<KeptCalls['find']>[0] => ({ tenant: LOCAL_TENANT, workload: workloadId('w'), session: sessionId(session), agent: agentId('a') });
    const keep = (session: string, bytes: number): void => kept.keep(by(session), { dialect: 'chat', path: '/v1/chat/completions', body: Buffer.alloc(bytes), promptTokens: 1 });
    for (const session of ['one', 'two', 'three', 'four']) keep(session, 2500);
    expect(kept.bytes).toBeLessThanOrEqual(10_000);
    expect(['one', 'two', 'three', 'four'].map((session) => kept.find(by(session)) !== undefined)).toEqual([false, true, true, true]);
    keep('two', 2500);
    keep('five', 2500);
    expect(['two', 'three', 'four', 'five'].map((session) => kept.find(by(session)) !== undefined)).toEqual([true, false, true, true]);
    // The one before it is its latest no more.
    keep('five', 10_000);
    expect(kept.find(by('five'))).toBeUndefined();
    expect(kept.size).toBe(2);
    kept.forget(by('two'));
    kept.forget(by('four'));
    expect([kept.size, kept.bytes]).toEqual([0, 0]);
  });
});
