/** What warm-ups leave to clients' calls: the engine, the budget, their sessions' ends, what is learned of them. */
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll } from '../../../test/support/gateway-setup.ts';
import type { ReceivedRequest, Script } from '../../../test/support/scripted-upstream.ts';
import { engineCall } from '../embedded/testing/recording-answer.ts';
import { vllmScript } from './testing/stand-in.ts';
import { answersWith, before, callOf, isWarmUp, offers, prefetch, serve, settledLater, warmUps } from './testing/warm-up-setup.ts';

afterEach(closeAll);

const BUSY = 'vllm:num_requests_running 1\nvllm:num_requests_waiting 0\nvllm:kv_cache_usage_perc 0.5\n';

/** Calls with `slow` in them are answered when it is said. */
function heldBack(plain: Script): { readonly script: Script; readonly came: Promise<() => void> } {
  const { promise: came, resolve } = settledLater<() => void>();
  return { came, script: (request, response) => (request.body.includes('slow') && !isWarmUp(request) ? resolve(() => void plain(request, response)) : plain(request, response)) };
}

describe('a warm-up and clients\' calls', () => {
  it('is not begun beside a call of another session', async () => {
    const { script, came } = heldBack(vllmScript(1));
    const { engine, server } = await before(script);
    await serve(engine, callOf({ messages: [] }));
    const running = serve(engine, callOf({ messages: [], user: 'slow' }, { session: 'another' }));
    const answer = await came;
    expect(await prefetch(engine)).toEqual({ status: 'deferred', why: 'calls are being served' });
    answer();
    await running;
    expect(warmUps(server)).toEqual([]);
  });

  it('is neither offered nor begun while a call runs there that did not come through here', async () => {
    const { engine, host, server } = await before(vllmScript(1, { metrics: BUSY }));
    const told = host.next('engine-load');
    await serve(engine, callOf({ messages: [] }));
    await told;
    expect(host.events.findLast(({ type }) => type === 'engine-load')).toMatchObject({ runningRequests: 1 });
    expect(offers(host)).not.toContain(true);
    expect(await prefetch(engine)).toEqual({ status: 'deferred', why: 'calls are being served' });
    expect(warmUps(server)).toEqual([]);
  });

  it('is offered again where the call that it was put off for ended first', async () => {
    const plain = vllmScript(1);
    const asked = settledLater<() => void>();
    let holds = false;
    const { engine, host } = await before((request, response) => {
      if (!holds || request.path !== '/metrics') return plain(request, response);
      holds = false;
      return asked.resolve(() => void plain(request, response));
    });
    const offered = host.next('engine-load');
    await serve(engine, callOf({ messages: [] }));
    await offered;
    holds = true;
    const outcome = prefetch(engine);
    const answer = await asked.promise;
    await serve(engine, callOf({ messages: [] }, { session: 'another' }));
    expect(offers(host).at(-1)).toBe(false);
    const again = host.next('engine-load');
    answer();
    expect(await outcome).toEqual({ status: 'deferred', why: 'a call came' });
    await again;
    expect(offers(host).at(-1)).toBe(true);
  });

  it('keeps nothing of a session that ends while a call of it runs', async () => {
    const { script, came } = heldBack(vllmScript(1));
    const { engine } = await before(script);
    const call = callOf({ messages: [], user: 'slow' });
    const running = serve(engine, call);
    const answer = await came;
    engine.sessionEnded(call.request.by);
    answer();
    await running;
    expect(await prefetch(engine)).toEqual({ status: 'rejected', why: 'no call of this lineage is kept' });
    await serve(engine, callOf({ messages: [] }));
    expect(await prefetch(engine)).toEqual({ status: 'accepted' });
  });

  it.each([
    ['is answered with an error', (_: ReceivedRequest, response) => void response.writeHead(500).end('{}')],
    ['is answered without usage', (_: ReceivedRequest, response) => void response.writeHead(200).end('{"choices":[]}')],
    ['gets no answer', (_: ReceivedRequest, response) => void response.destroy()],
  ] satisfies [string, Script][])('is charged for where it %s', async (_, warmUpScript) => {
    const { engine, server } = await before(answersWith(() => ({ prompt_tokens: 4000, cached_tokens: 0 }), { warmUps: warmUpScript }));
    await serve(engine, callOf({ messages: [] }));
    const outcomes = [];
    for (let asked = 0; asked < 4; asked++) outcomes.push((await prefetch(engine)).status);
    // 8,192 at first, and half of 4,000.
    expect(outcomes).toEqual(['rejected', 'rejected', 'deferred', 'deferred']);
    expect(warmUps(server)).toHaveLength(2);
  });

  it('costs nothing where all of it was there, and is none at a share of nothing', async () => {
    const free = await before(answersWith(() => ({ prompt_tokens: 8000, cached_tokens: 8000 })));
    await serve(free.engine, callOf({ messages: [] }));
    for (let asked = 0; asked < 4; asked++) expect(await prefetch(free.engine)).toEqual({ status: 'accepted' });
    const none = await before(vllmScript(1), {}, { share: 0 });
    await serve(none.engine, callOf({ messages: [] }));
    expect(await prefetch(none.engine)).toEqual({ status: 'deferred', why: 'warm-ups have computed their share' });
  });

  it('is paid for by the calls of its own tenant', async () => {
    const { engine } = await before(answersWith(() => ({ prompt_tokens: 5000, cached_tokens: 0 })));
    await serve(engine, callOf({ messages: [] }, { tenant: 'one' }));
    await serve(engine, callOf({ messages: [] }, { tenant: 'two' }));
    const outcomes = [];
    for (const tenant of ['one', 'one', 'one', 'two', 'two', 'two']) outcomes.push((await prefetch(engine, { tenant })).status);
    expect(outcomes).toEqual(['accepted', 'accepted', 'deferred', 'accepted', 'accepted', 'deferred']);
  });

  it('is judged by calls that tell what they found, and by no others', async () => {
    const script = answersWith(() => ({ prompt_tokens: 100, cached_tokens: 0 }));
    const silent = answersWith(() => ({ prompt_tokens: 100 }));
    const { engine, host } = await before((request, response) => (request.body.includes('silent') ? silent(request, response) : script(request, response)));
    const call = callOf({ messages: [] });
    await serve(engine, call);
    await prefetch(engine);
    await serve(engine, { ...engineCall('chat', {}, {}), dialect: 'other', path: '/v1/tokenize', body: Buffer.from('{}') });
    expect(host.warmUps).toEqual([]);
    await serve(engine, callOf({ messages: [], user: 'silent' }));
    expect(host.warmUps).toEqual(['untold']);
    await serve(engine, call);
    await prefetch(engine);
    await serve(engine, call);
    expect(host.warmUps).toEqual(['untold', 'unused']);
  });

  it('is told of when the engine stops: what runs as aborted, what was not used yet as unused', async () => {
    const plain = vllmScript(1);
    const came = settledLater<ReceivedRequest>();
    const { engine, host } = await before((request, response) => (isWarmUp(request) && request.body.includes('never') ? came.resolve(request) : plain(request, response)));
    await serve(engine, callOf({ messages: [] }, { agent: 'b' }));
    await prefetch(engine, { agent: 'b' });
    await serve(engine, callOf({ messages: [], user: 'never' }));
    const outcome = prefetch(engine);
    await came.promise;
    await engine.stop(0);
    await outcome;
    expect(host.warmUps.toSorted()).toEqual(['aborted', 'unused']);
  });
});

describe('what a token of a prompt takes', () => {
  const scaleOf = async (metrics: object | undefined, body: object, calls = 8): Promise<number | undefined> => {
    const { engine, host } = await before(answersWith(() => ({ prompt_tokens: 1000, cached_tokens: 0 }), metrics === undefined ? {} : { metrics }));
    for (let call = 0; call < calls; call++) await serve(engine, callOf({ messages: [], ...body }));
    while (offers(host).at(-1) !== true) await host.next('engine-load');
    const load = host.events.findLast((event) => event.type === 'engine-load' && event.warmsUp !== undefined);
    return load?.type === 'engine-load' ? load.warmsUp?.prefillScale : undefined;
  };

  it('is learned from the server\'s own word: so many times the 0.125 ms that units are defined with', async () => {
    expect(await scaleOf({ time_to_first_token_ms: 510, queue_time_ms: 10 }, {})).toBeCloseTo(4);
  });

  it('is learned from first bytes of answers that are streamed, and of no others: those come when all is decoded', async () => {
    expect(await scaleOf(undefined, {})).toBe(1);
    expect(await scaleOf(undefined, { stream: true })).toBeLessThan(1);
  });
});
