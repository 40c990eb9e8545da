import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { finishChunk, speak, sse, startUpstream, textChunk, toolChunk, usageChunk, type Script, type ScriptedUpstream } from '../../test/support/scripted-upstream.ts';
import { startServer, type RunningServer, type ServerOptions } from '../cli/compose.ts';
import { definePolicy, LOCAL_TENANT, type Event } from '../core/index.ts';
import { OpenAiEngine, type OpenAiEngineOptions } from '../engines/openai/engine.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Setup { readonly upstream: ScriptedUpstream; readonly server: RunningServer; readonly client: OpenAI; readonly events: Event[] }

async function setUp(script: Script, options: Partial<ServerOptions> & { readonly engine?: Partial<OpenAiEngineOptions> } = {}): Promise<Setup> {
  const upstream = await startUpstream(script);
  const { engine, ...rest } = options;
  const server = await startServer({ engines: [new OpenAiEngine({ kind: 'openai-compatible', url: upstream.url, ...engine })], log: () => undefined, ...rest });
  const events: Event[] = [];
  server.runtime.subscribe((event) => events.push(event));
  closers.push(() => upstream.close(), () => server.close(0));
  return { upstream, server, events, client: new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'sk-client', maxRetries: 0 }) };
}

const hello = { model: 'm', messages: [{ role: 'user' as const, content: 'hello' }] };
const post = (url: string, body: string | Buffer, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
const eventsOf = (events: readonly Event[], type: Event['type']): Event[] => events.filter((event) => event.type === type);
/** Waits for something that happens by itself, as a client would: by looking again. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => { setImmediate(resolve); });
}
const headerNames = (headers: readonly string[]): string[] => headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());

describe('the openai SDK through the gateway', () => {
  it('gets a whole answer, and the call is counted', async () => {
    const { client, server, events } = await setUp(speak('Good day'));
    const { data, response } = await client.chat.completions.create(hello, { headers: { 'x-entresol-session': 's1', 'x-entresol-agent': 'planner' } }).withResponse();
    expect(data.choices[0].message.content).toBe('Good day');
    expect(response.headers.get('x-request-id')).toBe('upstream-7');
    expect(response.headers.get('x-entresol-request-id')).toMatch(/^req_[0-9a-f]{32}$/);
    const [end] = eventsOf(events, 'request-end');
    expect(end).toMatchObject({ status: 'ok', promptTokens: 12, cachedTokens: 8, outputTokens: 3, stop: 'stop', by: { session: 's1', agent: 'planner', step: 0 } });
    expect(server.runtime.agents(LOCAL_TENANT)).toMatchObject([{ agent: 'planner', calls: 1, promptTokens: 12, cachedTokens: 8, outputTokens: 3 }]);
  });

  it('gets a stream without the usage chunk that it did not ask for', async () => {
    const { client, upstream, events } = await setUp(speak('Good day'));
    const chunks = [];
    for await (const chunk of await client.chat.completions.create({ ...hello, stream: true })) chunks.push(chunk);
    expect(chunks.map((chunk) => chunk.choices.length)).toEqual([1, 1]);
    expect(JSON.parse(upstream.received[0].body.toString())).toMatchObject({ stream_options: { include_usage: true } });
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'ok', promptTokens: 12, cachedTokens: 8 }]);
    expect(eventsOf(events, 'first-token')).toHaveLength(1);
  });

  it('keeps the usage chunk that it asked for', async () => {
    const { client } = await setUp(speak('Good day'));
    const chunks = [];
    for await (const chunk of await client.chat.completions.create({ ...hello, stream: true, stream_options: { include_usage: true } })) chunks.push(chunk);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 12 } });
  });

  it('streams parallel tool calls, announced before the answer ends, and joins their results to the session', async () => {
    const { client, upstream, events } = await setUp((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(sse([toolChunk(0, 'call_a', 'search', '{"q":'), toolChunk(0, '', '', '"x"}'), toolChunk(1, 'call_b', 'read', '{}'), finishChunk('tool_calls')]));
    });
    const tools = ['search', 'read'].map((name) => ({ type: 'function' as const, function: { name } }));
    const runner = client.chat.completions.stream({ ...hello, tools });
    const answer = await runner.finalChatCompletion();
    expect(answer.choices[0].message.tool_calls?.map((call) => [call.id, call.function.arguments])).toEqual([['call_a', '{"q":"x"}'], ['call_b', '{}']]);
    const types = events.map((event) => event.type);
    expect(eventsOf(events, 'tool-call-streamed')).toMatchObject([{ toolCall: 'call_a', argumentsJson: '{"q":"x"}' }, { toolCall: 'call_b' }]);
    expect(types.lastIndexOf('tool-call-streamed')).toBeLessThan(types.indexOf('request-end'));

    upstream.script(speak('done'));
    await client.chat.completions.create({
      model: 'm', messages: [...hello.messages, answer.choices[0].message, { role: 'tool', tool_call_id: 'call_a', content: '1' }, { role: 'tool', tool_call_id: 'call_b', content: '2' }],
    });
    const [first, second] = eventsOf(events, 'request-end') as { by: { session: string; step: number } }[];
    expect(second.by).toMatchObject({ session: first.by.session, step: 1 });
  });

  it('aborts the upstream at once when the client goes away', async () => {
    const { client, upstream, events } = await setUp((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${JSON.stringify(textChunk('a'))}\n\n`);
    });
    const stream = await client.chat.completions.create({ ...hello, stream: true });
    for await (const _chunk of stream) stream.controller.abort();
    await upstream.received[0].aborted;
    await until(() => eventsOf(events, 'request-end').length > 0);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'cancelled' }]);
    expect(eventsOf(events, 'request-cancel')).toHaveLength(1);
  });

  it('aborts the upstream before its first byte too', async () => {
    const { client, upstream, events } = await setUp(() => undefined);
    const controller = new AbortController();
    const call = client.chat.completions.create(hello, { signal: controller.signal });
    call.catch(() => undefined);
    await until(() => upstream.received.length === 1);
    controller.abort();
    await expect(call).rejects.toThrow();
    await upstream.received[0].aborted;
    await until(() => eventsOf(events, 'request-end').length > 0);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'cancelled' }]);
  });

  it('sees a cut stream as cut, after everything that came before', async () => {
    const { client, events } = await setUp((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${JSON.stringify(textChunk('half'))}\n\n`, () => response.socket?.destroy());
    });
    const seen: unknown[] = [];
    const read = async (): Promise<void> => {
      for await (const chunk of await client.chat.completions.create({ ...hello, stream: true })) seen.push(chunk.choices[0].delta.content);
    };
    await expect(read()).rejects.toThrow();
    expect(seen).toEqual(['half']);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'error' }]);
  });

  it('gets the upstream\'s errors as they are, with retry-after', async () => {
    const { client, events } = await setUp((_request, response) => {
      response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '7' });
      response.end(JSON.stringify({ error: { message: 'slow down', type: 'rate_limit_error', param: null, code: 'rate_limit' } }));
    });
    await expect(client.chat.completions.create(hello)).rejects.toMatchObject({ status: 429, code: 'rate_limit', headers: expect.objectContaining({}) });
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'error' }]);
  });

  it('gets a clear error where there is no upstream, and readiness says so', async () => {
    const { client, upstream, server } = await setUp(speak('x'));
    await upstream.close();
    await expect(client.chat.completions.create(hello)).rejects.toMatchObject({ status: 503, code: 'ENT_ENGINE_UNAVAILABLE', message: expect.stringContaining('entresol doctor') });
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });

  it('gets a clear error when the upstream hangs up before it answers', async () => {
    const { client } = await setUp((_request, response) => void response.socket?.destroy());
    await expect(client.chat.completions.create(hello)).rejects.toMatchObject({ status: 502, code: 'ENT_UPSTREAM_FAILED' });
  });

  it('lists the upstream\'s models and passes other paths on untouched', async () => {
    const { client, upstream } = await setUp((request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(request.path.startsWith('/v1/models') ? { object: 'list', data: [{ id: 'm', object: 'model' }] } : { object: 'list', data: [{ embedding: [1], index: 0, object: 'embedding' }] }));
    });
    expect((await client.models.list()).data.map((model) => model.id)).toEqual(['m']);
    expect((await client.embeddings.create({ model: 'e', input: 'x', encoding_format: 'float' })).data[0].embedding).toEqual([1]);
    expect(upstream.received.map((request) => request.path)).toEqual(['/v1/models', '/v1/embeddings']);
  });
});

describe('what is forwarded', () => {
  it('forwards credential, unknown headers and odd bytes as they came, and none of ours', async () => {
    const { upstream, server } = await setUp(speak('x'));
    const body = '{"model":"m", "a":1.0,"a":-0.0,"n":12345678901234567890,"s":"\\ud800","messages":[] }';
    await post(`${server.url}/v1/chat/completions?beta=1`, body, {
      authorization: 'Bearer sk-client', 'x-entresol-session': 's', 'x-entresol-key': 'secret', 'x-claude-code-session-id': 'c', 'accept-encoding': 'gzip', 'x-odd': 'v',
    });
    const [received] = upstream.received;
    expect(received.path).toBe('/v1/chat/completions?beta=1');
    expect(received.body.toString()).toBe(body);
    const names = headerNames(received.headers);
    expect(names).toEqual(expect.arrayContaining(['authorization', 'x-odd', 'x-claude-code-session-id']));
    expect(names.filter((name) => name.startsWith('x-entresol'))).toEqual([]);
    expect(received.headers[received.headers.findIndex((name) => name.toLowerCase() === 'accept-encoding') + 1]).toBe('identity');
  });

  it('adds no field to a hosted API\'s body while no policy is on', async () => {
    const { upstream, server, client } = await setUp(speak('x'), { engine: { kind: 'openai' } });
    const body = JSON.stringify({ ...hello, stream: true });
    expect(await (await post(`${server.url}/v1/chat/completions`, body)).text()).toContain('[DONE]');
    expect(upstream.received[0].body.toString()).toBe(body);
    expect((await client.chat.completions.create(hello)).choices).toHaveLength(1);
  });

  it('serves more streams at once than any small pool would', async () => {
    const waiting: (() => void)[] = [];
    const { server, upstream } = await setUp((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${JSON.stringify(textChunk('a'))}\n\n`);
      waiting.push(() => response.end(sse([finishChunk('stop')])));
    });
    const streams = await Promise.all(Array.from({ length: 150 }, () => post(`${server.url}/v1/chat/completions`, JSON.stringify({ ...hello, stream: true }))));
    expect(upstream.received).toHaveLength(150);
    for (const finish of waiting) finish();
    const texts = await Promise.all(streams.map((stream) => stream.text()));
    expect(texts.every((text) => text.endsWith('data: [DONE]\n\n'))).toBe(true);
  });

  it('keeps repeated header lines of an answer', async () => {
    const { server } = await setUp((_request, response) => {
      response.writeHead(200, ['content-type', 'application/json', 'set-cookie', 'a=1', 'set-cookie', 'b=2', 'connection', 'x-hop', 'x-hop', '1']);
      response.end('{}');
    });
    const answer = await post(`${server.url}/v1/chat/completions`, JSON.stringify(hello));
    expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(answer.headers.get('x-hop')).toBeNull();
  });

  it('stops reading the upstream when the client does not read', async () => {
    const megabyte = Buffer.alloc(1024 * 1024, 'x');
    let written = 0;
    const { server } = await setUp(async (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      for (let index = 0; index < 64 && !response.destroyed; index++) {
        written += 1;
        if (!response.write(megabyte)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
      }
      response.end();
    });
    const client = httpRequest(`${server.url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' } });
    client.end(JSON.stringify(hello));
    const answer = await new Promise<import('node:http').IncomingMessage>((resolve) => { client.on('response', resolve); });
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => { setTimeout(resolve, 150); });
    }
    expect(written).toBeLessThan(40);
    let bytes = 0;
    for await (const part of answer) bytes += (part as Buffer).length;
    expect(bytes).toBe(64 * megabyte.length);
  });
});

describe('bad input', () => {
  const chat = async (server: RunningServer, body: string): Promise<{ status: number; code: string; type: string; message: string; id: string | null }> => {
    const answer = await post(`${server.url}/v1/chat/completions`, body);
    const { error } = (await answer.json()) as { error: { code: string; type: string; message: string } };
    return { status: answer.status, ...error, id: answer.headers.get('x-entresol-request-id') };
  };

  it.each([
    ['cut short', '{"model": "m"', 'ENT_BAD_JSON'],
    ['empty', '', 'ENT_BAD_JSON'],
    ['an array', '[1,2]', 'ENT_BAD_JSON'],
    ['null', 'null', 'ENT_BAD_JSON'],
    ['a number', '7', 'ENT_BAD_JSON'],
    ['nested deep', '['.repeat(200_000), 'ENT_BAD_JSON'],
    ['nested deep and whole', `{"messages":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 'ENT_BAD_REQUEST'],
    ['messages of the wrong type', '{"model":"m","messages":"hi"}', 'ENT_BAD_REQUEST'],
    ['a message that is none', '{"model":"m","messages":[7]}', 'ENT_BAD_REQUEST'],
    ['a model of the wrong type', '{"model":7,"messages":[]}', 'ENT_BAD_REQUEST'],
    ['stream of the wrong type', '{"model":"m","messages":[],"stream":"yes"}', 'ENT_BAD_REQUEST'],
  ])('refuses a body that is %s', async (_name, body, code) => {
    const { server, upstream } = await setUp(speak('x'));
    const refusal = await chat(server, body);
    expect(refusal).toMatchObject({ status: 400, code, type: 'invalid_request_error', id: expect.stringMatching(/^req_/) });
    expect(refusal.message.length).toBeGreaterThan(20);
    expect(upstream.received).toHaveLength(0);
    expect((await chat(server, body)).status).toBe(400);
  });

  it('refuses a body over the limit, announced or not', async () => {
    const { server } = await setUp(speak('x'), { limits: { bodyBytes: 1000 } });
    expect(await chat(server, 'x'.repeat(1001))).toMatchObject({ status: 413, code: 'ENT_BODY_TOO_LARGE' });
    const chunked = httpRequest(`${server.url}/v1/chat/completions`, { method: 'POST' });
    const answered = new Promise<number | undefined>((resolve, reject) => {
      chunked.on('response', (answer) => resolve(answer.statusCode));
      chunked.on('error', reject);
    });
    chunked.write('x'.repeat(600));
    chunked.write('x'.repeat(600));
    expect(await answered).toBe(413);
    chunked.destroy();
  });

  it('refuses headers over the limit, and what is no HTTP', async () => {
    const { server } = await setUp(speak('x'), { limits: { headerBytes: 2048 } });
    const answer = await fetch(`${server.url}/v1/models`, { headers: { 'x-long': 'x'.repeat(4000) } });
    expect(answer.status).toBe(431);
    expect(await answer.json()).toMatchObject({ error: { code: 'ENT_HEADERS_TOO_LARGE' } });
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.end('what is this\r\n\r\n');
    let text = '';
    for await (const part of socket) text += String(part);
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('knows no other routes', async () => {
    const { server } = await setUp(speak('x'));
    for (const path of ['/', '/v2/x', '/entresol/v1/nothing', '/entresol/v1/explain/', '/entresol/v1/explain/%ff']) {
      const answer = await fetch(server.url + path);
      expect(answer.status).toBe(404);
      expect(await answer.json()).toMatchObject({ error: { code: 'ENT_UNKNOWN_ROUTE', message: expect.stringContaining('docs/http.md') } });
    }
  });
});

describe('who may connect', () => {
  const raw = (server: RunningServer, headers: Readonly<Record<string, string>>, path = '/v1/models'): Promise<number | undefined> => new Promise((resolve, reject) => {
    httpRequest(server.url + path, { headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on('error', reject).end();
  });

  it('refuses names that lead here by rebinding, and web pages', async () => {
    const { server, upstream } = await setUp(speak('x'));
    expect(await raw(server, { host: 'evil.example:8080' })).toBe(403);
    expect(await raw(server, { host: 'localhost.evil.example' })).toBe(403);
    expect(await raw(server, { origin: 'https://evil.example' })).toBe(403);
    expect(await raw(server, { origin: 'null' })).toBe(403);
    expect(upstream.received).toHaveLength(0);
    expect(await raw(server, { host: 'localhost:1234', origin: 'http://localhost:3000' })).toBe(200);
    expect(await raw(server, { host: '[::1]:80' })).toBe(200);
    expect(await raw(server, { host: 'pod-7.cluster' }, '/healthz')).toBe(200);
  });

  it('binds beyond loopback only if told to', async () => {
    const engines = [new OpenAiEngine({ kind: 'openai', url: 'http://127.0.0.1:9' })];
    await expect(startServer({ engines, host: '0.0.0.0', log: () => undefined })).rejects.toMatchObject({ code: 'ENT_INSECURE_BIND' });
    const server = await startServer({ engines, host: '0.0.0.0', insecure: true, log: () => undefined });
    closers.push(() => server.close(0));
    const url = server.url.replace('0.0.0.0', '127.0.0.1');
    expect(await raw({ ...server, url }, { host: 'box.example' }, '/entresol/v1/agents')).toBe(200);
    expect(await raw({ ...server, url }, { host: 'box.example', origin: 'https://evil.example' }, '/entresol/v1/agents')).toBe(403);
  });

  it('says when the port is taken', async () => {
    const { server } = await setUp(speak('x'));
    const port = Number(new URL(server.url).port);
    await expect(startServer({ engines: [], port, log: () => undefined })).rejects.toMatchObject({ code: 'ENT_PORT_TAKEN', mend: expect.stringContaining('--port 0') });
  });
});

describe('control', () => {
  const get = async (server: RunningServer, path: string): Promise<Record<string, unknown>> => (await (await fetch(server.url + path)).json()) as Record<string, unknown>;

  it('explains a request: identity with sources, decisions, engine, counts', async () => {
    const { client, server } = await setUp(speak('x'));
    const { response } = await client.chat.completions.create(hello, { headers: { 'x-entresol-session': 's1', 'x-session-id': 'other' } }).withResponse();
    const explanation = await get(server, `/entresol/v1/explain/${response.headers.get('x-entresol-request-id')}`);
    expect(explanation).toMatchObject({
      status: 'ok',
      identity: { session: { value: 's1', source: 'header:x-entresol-session', confidence: 1 }, agent: { source: 'fingerprint' }, conflicts: [{ field: 'session', value: 'other', source: 'header:x-session-id' }] },
      engine: { replica: expect.stringContaining('openai-compatible='), notes: ['upstream answered 200'] },
      end: { promptTokens: 12, cachedTokens: 8 },
    });
    expect((await fetch(`${server.url}/entresol/v1/explain/req_none`)).status).toBe(404);
  });

  it('shows metrics, agents and sessions', async () => {
    const { client, server } = await setUp(speak('x'));
    await client.chat.completions.create(hello, { headers: { 'x-entresol-session': 's1', 'x-entresol-agent': 'coder' } });
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toContain('entresol_requests_total{status="ok"} 1');
    expect(metrics).toContain('entresol_tokens_total{kind="cached"} 8');
    expect(metrics).toContain('entresol_ttft_milliseconds_count 1');
    expect(await get(server, '/entresol/v1/agents')).toMatchObject({ agents: [{ agent: 'coder', calls: 1 }] });
    expect(await get(server, '/entresol/v1/sessions')).toMatchObject({ sessions: [{ by: { session: 's1' }, calls: 1 }] });
  });

  const refuser = definePolicy({
    name: 'refuser', summary: 'Rejects everything.', decisions: ['admission'],
    create: () => ({ score: { admission: () => ({ kind: 'reject', code: 'ENT_REJECTED_BY_POLICY', why: 'it always does', retryAfterMs: 1500 }) } }),
  });

  it('rejects as policies say, until they are switched off', async () => {
    const { client, server, upstream, events } = await setUp(speak('x'), { policies: [{ definition: refuser }] });
    const rejection = await client.chat.completions.create(hello).catch((error: unknown) => error as InstanceType<typeof OpenAI.APIError>);
    expect(rejection).toMatchObject({ status: 429, code: 'ENT_REJECTED_BY_POLICY' });
    expect((rejection as InstanceType<typeof OpenAI.APIError>).headers?.get('retry-after')).toBe('2');
    expect(upstream.received).toHaveLength(0);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'rejected' }]);
    expect(await get(server, '/entresol/v1/policies')).toMatchObject({ policies: [{ name: 'refuser', mode: 'on' }] });
    const switched = await post(`${server.url}/entresol/v1/policies`, JSON.stringify({ name: 'refuser', mode: 'off' }));
    expect(await switched.json()).toMatchObject({ policies: [{ name: 'refuser', mode: 'off' }] });
    expect((await client.chat.completions.create(hello)).choices).toHaveLength(1);
    expect((await post(`${server.url}/entresol/v1/policies`, '{"name":"refuser","mode":"sideways"}')).status).toBe(400);
    expect((await post(`${server.url}/entresol/v1/policies`, '{"name":"nobody","mode":"on"}')).status).toBe(400);
  });

  it('holds a request until a policy lets it go, and forgets one whose client leaves', async () => {
    let open = false;
    const gate = definePolicy({
      name: 'gate', summary: 'Holds until opened.', decisions: ['admission'],
      create: ({ clock }) => ({ score: { admission: () => (open ? { kind: 'allow' } : { kind: 'hold', untilMs: clock.nowMs() + 5 }) } }),
    });
    const { client, server, upstream } = await setUp(speak('x'), { policies: [{ definition: gate }] });
    const leaving = new AbortController();
    const left = client.chat.completions.create(hello, { signal: leaving.signal }).catch((error: unknown) => error);
    const held = client.chat.completions.create(hello);
    await until(() => server.runtime.heldRequests === 2);
    leaving.abort();
    expect(await left).toBeInstanceOf(Error);
    await until(() => server.runtime.heldRequests === 1);
    expect(upstream.received).toHaveLength(0);
    open = true;
    expect((await held).choices).toHaveLength(1);
    expect(upstream.received).toHaveLength(1);
  });

  it('takes events of frameworks about sessions it knows, and streams what it observes', async () => {
    const { client, server, events } = await setUp(speak('x'));
    const stream = await fetch(`${server.url}/entresol/v1/events`);
    await client.chat.completions.create(hello, { headers: { 'x-entresol-session': 's1', 'x-entresol-agent': 'coder' } });
    const reported = await post(`${server.url}/entresol/v1/events`, JSON.stringify([
      { type: 'tool-start', session: 's1', name: 'search', toolCallId: 'call_1' },
      { type: 'tool-end', session: 's1', name: 'search', toolCallId: 'call_1', durationMs: 12 },
      { type: 'tool-end', session: 'nobody', name: 'search', durationMs: 12 },
      { type: 'session-end', session: 's1' },
    ]));
    expect(await reported.json()).toEqual({ accepted: 3, unknownSessions: [2] });
    expect(eventsOf(events, 'tool-end')).toMatchObject([{ by: { session: 's1', agent: 'coder' }, durationMs: 12 }]);
    expect(eventsOf(events, 'session-end')).toMatchObject([{ reason: 'explicit' }]);
    const wrong = await post(`${server.url}/entresol/v1/events`, '[{"type":"tool-end","session":"s1","name":"x"}]');
    expect(await wrong.json()).toMatchObject({ error: { code: 'ENT_BAD_REQUEST', param: 'body[0].durationMs' } });
    let text = '';
    for await (const part of stream.body ?? []) {
      text += Buffer.from(part as Uint8Array).toString();
      if (text.includes('event: session-end')) break;
    }
    expect(text).toContain('event: request-end\ndata: {');
  });

  it('ends the session when the client says that it was its last call', async () => {
    const { client, events } = await setUp(speak('x'));
    await client.chat.completions.create(hello, { headers: { 'x-entresol-session': 's1', 'x-entresol-final': 'true' } });
    expect(events.map((event) => event.type)).toEqual(expect.arrayContaining(['session-start', 'request-arrive', 'request-end', 'session-end']));
    expect(eventsOf(events, 'session-end')).toMatchObject([{ by: { session: 's1' }, reason: 'explicit' }]);
  });

  it('reads usage that the client asked for itself', async () => {
    const { client, events } = await setUp((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(sse([textChunk('x', 'stop'), usageChunk(100, 90, 1)]));
    });
    for await (const _chunk of await client.chat.completions.create({ ...hello, stream: true, stream_options: { include_usage: true } }));
    expect(eventsOf(events, 'request-end')).toMatchObject([{ promptTokens: 100, cachedTokens: 90, outputTokens: 1 }]);
  });
});
