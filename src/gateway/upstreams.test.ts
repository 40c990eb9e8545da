import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, hello, post, setUp, until } from '../../test/support/gateway-setup.ts';
import { speak, startUpstream, type Script, type ScriptedUpstream } from '../../test/support/scripted-upstream.ts';
import { startServer, type RunningServer } from '../cli/compose.ts';
import { Secret, tenantId } from '../core/index.ts';
import { OpenAiEngine, type OpenAiEngineOptions } from '../engines/openai/engine.ts';
import { hashOfKey, KeyRing, newKey } from './access/index.ts';

afterEach(closeAll);

const chat = (server: RunningServer, model = 'm', headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  post(`${server.url}/v1/chat/completions`, JSON.stringify({ ...hello, model }), headers);
const codeOf = async (answer: Response): Promise<string | undefined> => ((await answer.json()) as { error?: { code?: string } }).error?.code;
const valueOf = (upstream: ScriptedUpstream, name: string): string | undefined => {
  const headers = upstream.received.at(-1)?.headers ?? [];
  const at = headers.findIndex((header, index) => index % 2 === 0 && header.toLowerCase() === name);
  return at < 0 ? undefined : headers[at + 1];
};
const status = (code: number, headers: Readonly<Record<string, string>> = {}): Script => (_request, response) => {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end('{"error":{"message":"of the upstream","code":"theirs"}}');
};

async function several(...all: readonly (Omit<OpenAiEngineOptions, 'url'> & { readonly script: Script })[]): Promise<{ server: RunningServer; upstreams: ScriptedUpstream[] }> {
  const upstreams: ScriptedUpstream[] = [];
  const engines: OpenAiEngine[] = [];
  for (const { script, ...options } of all) {
    const upstream = await startUpstream(script);
    closeLater(() => upstream.close());
    upstreams.push(upstream);
    engines.push(new OpenAiEngine({ ...options, url: upstream.url, proxy: 'none' }));
  }
  const server = await startServer({ engines, policies: [], log: () => undefined });
  closeLater(() => server.close(0));
  return { server, upstreams };
}

describe('a call goes to the upstream of its model', () => {
  it('by name, then by pattern, then to one without a list', async () => {
    const kind = 'openai-compatible';
    const { server, upstreams } = await several(
      { kind, script: speak('named'), models: ['qwen-coder'] }, { kind, script: speak('pattern'), models: ['qwen-*'] }, { kind, script: speak('rest') },
    );
    for (const model of ['qwen-coder', 'qwen-3', 'another']) await (await chat(server, model)).text();
    expect(upstreams.map(({ received }) => received.map(({ body }) => (JSON.parse(body.toString()) as { model: string }).model))).toEqual([['qwen-coder'], ['qwen-3'], ['another']]);
    await (await post(`${server.url}/v1/embeddings`, '{"model":"qwen-coder","input":"x"}')).text();
    expect(upstreams[0].received.at(-1)?.path).toBe('/v1/embeddings');
  });

  it('and one that no list mentions to the first', async () => {
    const kind = 'openai-compatible';
    const { server, upstreams } = await several({ kind, script: speak('a'), models: ['a'] }, { kind, script: speak('b'), models: ['b'] });
    await (await chat(server, 'c')).text();
    expect(upstreams.map(({ received }) => received.length)).toEqual([1, 0]);
  });
});

describe('an upstream that cannot now', () => {
  it('is named in what is explained of the call, with the code that the client got', async () => {
    const { server, upstreams } = await several({ kind: 'openai-compatible', script: speak('x') });
    await upstreams[0].close();
    const response = await chat(server, 'm');
    const { error } = await response.json() as { error: { code: string; message: string } };
    expect([response.status, error.code]).toEqual([503, 'ENT_ENGINE_UNAVAILABLE']);
    const explained = await fetch(`${server.url}/entresol/v1/explain/${response.headers.get('x-entresol-request-id')}`);
    expect(await explained.json()).toMatchObject({ status: 'error', engine: { notes: [expect.stringMatching(/^ENT_ENGINE_UNAVAILABLE: The upstream .* cannot be reached/)] } });
  });

  it('is passed over for a replica that can, and is left alone for as long as it asks', async () => {
    const { server, upstreams } = await several({ kind: 'openai-compatible', script: status(503, { 'retry-after': '30' }) }, { kind: 'openai-compatible', script: speak('x') });
    expect([(await chat(server)).status, (await chat(server)).status]).toEqual([200, 200]);
    expect(upstreams.map(({ received }) => received.length)).toEqual([1, 2]);
    expect(server.engines.map((engine) => engine.healthy())).toEqual([false, true]);
  });

  it('is heard in its own words where there is no other', async () => {
    const { server } = await several({ kind: 'openai-compatible', script: status(503, { 'retry-after': '7' }) }, { kind: 'openai-compatible', script: status(503, { 'retry-after': '9' }) });
    const answer = await chat(server);
    expect([answer.status, answer.headers.get('retry-after'), await codeOf(answer)]).toEqual([503, '9', 'theirs']);
  });

  it('passes on a limit of the client\'s own credential, which holds elsewhere too', async () => {
    const { server, upstreams } = await several({ kind: 'openai', script: status(429, { 'retry-after': '5', 'retry-after-ms': '4500' }) }, { kind: 'openai', script: speak('x') });
    const answer = await chat(server, 'm', { authorization: 'Bearer sk-client' });
    expect([answer.status, answer.headers.get('retry-after'), answer.headers.get('retry-after-ms')]).toEqual([429, '5', '4500']);
    expect(upstreams[1].received).toHaveLength(0);
    expect(server.engines[0].healthy()).toBe(true);
  });

  it('takes a call at most once after it may have begun it', async () => {
    const dies: Script = (_request, response) => void response.socket?.destroy();
    const { server, upstreams } = await several({ kind: 'openai-compatible', script: dies }, { kind: 'openai-compatible', script: dies });
    expect((await chat(server)).status).toBe(502);
    expect(upstreams.map(({ received }) => received.length).toSorted()).toEqual([0, 1]);
  });

  it('does not get a second time what is not read and may have effects', async () => {
    const { server, upstream } = await setUp(speak('x'));
    await (await post(`${server.url}/v1/batches`, '{}')).text();
    upstream.script((_request, response) => void response.socket?.destroy());
    expect((await post(`${server.url}/v1/batches`, '{}')).status).toBe(502);
    expect(upstream.received).toHaveLength(2);
  });
});

describe('an upstream that does not answer', () => {
  it('is asked no more after some failures, and again by one call when its time has come', async () => {
    let nowMs = 1_000_000;
    const { server, upstream } = await setUp(status(502), { engine: { breaker: { failures: 3, openMs: 10_000 } }, clock: { nowMs: () => nowMs } });
    for (let call = 0; call < 3; call++) expect(await codeOf(await chat(server))).toBe('theirs');
    const refusal = await chat(server);
    expect([refusal.status, refusal.headers.get('retry-after'), await codeOf(refusal)]).toEqual([503, '10', 'ENT_ENGINE_UNAVAILABLE']);
    expect(upstream.received).toHaveLength(3);
    const ready = await fetch(`${server.url}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([503, { ready: false, state: 'no engine is up' }]);
    nowMs += 10_000;
    upstream.script(speak('back'));
    expect((await chat(server)).status).toBe(200);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  });

  it('is back for all with the head of the trial\'s answer, however long its stream runs', async () => {
    let nowMs = 1_000_000;
    const { server, upstream } = await setUp(status(502), { engine: { breaker: { failures: 1, openMs: 10_000 } }, clock: { nowMs: () => nowMs } });
    await (await chat(server)).text();
    nowMs += 10_000;
    upstream.script((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': begun\n\n');
    });
    const endless = await chat(server);
    expect(endless.status).toBe(200);
    upstream.script(speak('x'));
    expect((await chat(server)).status).toBe(200);
    await endless.body?.cancel();
  });

  it('is not judged by errors of single calls', async () => {
    const { server, upstream } = await setUp(status(500), { engine: { breaker: { failures: 2 } } });
    for (let call = 0; call < 5; call++) expect((await chat(server)).status).toBe(500);
    upstream.script(status(400));
    for (let call = 0; call < 5; call++) expect((await chat(server)).status).toBe(400);
    expect(upstream.received).toHaveLength(10);
  });

  it('gets its time for the first byte, and no more', async () => {
    const { server } = await setUp(() => undefined, { engine: { firstByteTimeoutMs: 50 } });
    const answer = await chat(server);
    expect([answer.status, await codeOf(answer)]).toEqual([502, 'ENT_UPSTREAM_FAILED']);
  });

  it('is known to be back by looking at it, without a call', async () => {
    const { server, upstream } = await setUp(speak('x'), { engine: { retryMs: 5, check: { path: '/health', intervalMs: 5, timeoutMs: 1000, failures: 2 } } });
    upstream.script(status(503));
    await until(() => !server.engines[0].healthy());
    expect(upstream.received.every(({ method, path }) => method === 'GET' && path === '/health')).toBe(true);
    upstream.script(speak('x'));
    await until(() => server.engines[0].healthy());
    expect((await chat(server)).status).toBe(200);
  });
});

describe('the credential', () => {
  const [key] = [newKey()];
  const keys = (): KeyRing => new KeyRing([{ name: 'k', hash: hashOfKey(key), tenant: tenantId('t'), admin: false }]);
  const own = (use: 'fallback' | 'always'): Partial<OpenAiEngineOptions> => ({ kind: 'openai', credential: { secret: new Secret('sk-own'), use } });

  it('of the upstream is used where the client\'s was for this server', async () => {
    const { server, upstream } = await setUp(speak('x'), { keys: keys(), engine: own('fallback') });
    await (await chat(server, 'm', { authorization: `Bearer ${key}` })).text();
    expect(valueOf(upstream, 'authorization')).toBe('Bearer sk-own');
    await (await chat(server, 'm', { authorization: 'Bearer sk-client', 'x-entresol-key': key })).text();
    expect(valueOf(upstream, 'authorization')).toBe('Bearer sk-client');
  });

  it('of the upstream may stand in place of any other', async () => {
    const { server, upstream } = await setUp(speak('x'), { engine: own('always') });
    await (await chat(server, 'm', { authorization: 'Bearer placeholder', 'x-api-key': 'placeholder' })).text();
    expect([valueOf(upstream, 'authorization'), valueOf(upstream, 'x-api-key')]).toEqual(['Bearer sk-own', undefined]);
  });

  it('goes where Anthropic looks for it', async () => {
    const { server, upstream } = await setUp(speak('x'), { engine: { ...own('always'), kind: 'anthropic' } });
    await (await post(`${server.url}/v1/messages`, '{"model":"m","max_tokens":1,"messages":[]}')).text();
    expect(valueOf(upstream, 'x-api-key')).toBe('sk-own');
  });

  it('that tenants share opens no route on which one finds what another left', async () => {
    const [other, admin] = [newKey(), newKey()];
    const several = new KeyRing([key, other, admin].map((one, index) => ({ name: `k${index}`, hash: hashOfKey(one), tenant: tenantId(`t${index}`), admin: one === admin })));
    const { server, upstream } = await setUp(speak('x'), { keys: several, engine: own('fallback') });
    const get = async (path: string, headers: Readonly<Record<string, string>>): Promise<number> => (await fetch(server.url + path, { headers })).status;
    for (const path of ['/v1/files', '/v1/batches', '/v1/responses/resp_1', '/v1/chat/completions', '/v1/anything-new']) {
      expect(await get(path, { 'x-entresol-key': key }), path).toBe(403);
    }
    expect(upstream.received).toHaveLength(0);
    expect(await get('/v1/files', { 'x-entresol-key': key, authorization: 'Bearer sk-client' })).toBe(200);
    expect(await get('/v1/files', { 'x-entresol-key': admin })).toBe(200);
    expect(await get('/v1/models', { 'x-entresol-key': key })).toBe(200);
    expect((await chat(server, 'm', { 'x-entresol-key': key })).status).toBe(200);
  });

  it('that is missing for a hosted API is said before the call goes', async () => {
    const { server, upstream } = await setUp(speak('x'), { keys: keys(), engine: { kind: 'openai' } });
    const answer = await chat(server, 'm', { authorization: `Bearer ${key}` });
    expect([answer.status, await codeOf(answer)]).toEqual([401, 'ENT_UPSTREAM_CREDENTIAL']);
    expect(upstream.received).toHaveLength(0);
  });
});

describe('the engine\'s cache', () => {
  const [one, other] = [newKey(), newKey()];
  const keys = (): KeyRing => new KeyRing([one, other].map((key, index) => ({ name: `k${index}`, hash: hashOfKey(key), tenant: tenantId(`t${index}`), admin: false })));
  const saltSent = (upstream: ScriptedUpstream): unknown => (JSON.parse(upstream.received.at(-1)?.body.toString() ?? '{}') as { cache_salt?: unknown }).cache_salt;

  it('is kept apart by tenant: whatever salt a client sends, however often, ours is the one', async () => {
    const { server, upstream } = await setUp(speak('x'), { keys: keys(), saltSecret: Buffer.from('secret') });
    const send = async (key: string, body: string, path = '/v1/chat/completions'): Promise<unknown> => {
      await (await post(server.url + path, body, { 'x-entresol-key': key })).text();
      return saltSent(upstream);
    };
    const ours = await send(one, JSON.stringify(hello));
    expect(ours).toMatch(/^[\w-]{43}$/);
    expect(await send(one, '{"model":"m","cache_salt":"theirs","messages":[]}')).toBe(ours);
    expect(await send(one, '{"cache\\u005fsalt":"a","model":"m","messages":[],"cache_salt":null,"cache_salt":{"b":1}}')).toBe(ours);
    expect(upstream.received.at(-1)?.body.toString()).toBe(`{"cache\\u005fsalt":"${String(ours)}","model":"m","messages":[],"cache_salt":"${String(ours)}","cache_salt":"${String(ours)}"}`);
    expect(await send(one, '{"requests":[]}', '/v1/chat/completions/batch')).toBe(ours);
    const theirs = await send(other, '{"model":"m","cache_salt":"theirs","messages":[]}');
    expect(theirs).toMatch(/^[\w-]{43}$/);
    expect(theirs).not.toBe(ours);
  });

  it('is nobody\'s concern with one tenant, nor that of a hosted API', async () => {
    const body = '{"model":"m","cache_salt":"theirs","messages":[]}';
    const single = await setUp(speak('x'));
    await (await post(`${single.server.url}/v1/chat/completions`, body)).text();
    expect(single.upstream.received[0].body.toString()).toBe(body);
    const hosted = await setUp(speak('x'), { keys: keys(), engine: { kind: 'openai' } });
    await (await post(`${hosted.server.url}/v1/chat/completions`, JSON.stringify(hello), { 'x-entresol-key': one })).text();
    expect(hosted.upstream.received[0].body.toString()).toBe(JSON.stringify(hello));
  });
});
