import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, eventsOf, post, setUp, until } from '../../test/support/gateway-setup.ts';
import { speak } from '../../test/support/scripted-upstream.ts';
import { startServer, type RunningServer } from '../cli/compose.ts';
import { SimulatedEngine } from '../engines/simulated/engine.ts';
import { OpenAiEngine } from '../engines/openai/engine.ts';

afterEach(closeAll);

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
    for (const path of ['/', '/v2/x', '/entresol/v1/nothing', '/entresol/v1/explain/%ff']) {
      const answer = await fetch(server.url + path);
      expect(answer.status).toBe(404);
      expect(await answer.json()).toMatchObject({ error: { code: 'ENT_UNKNOWN_ROUTE', message: expect.stringContaining('docs/http.md') } });
    }
  });
});

describe('a body that is no JSON object', () => {
  it.each([
    ['', 'is empty, not a JSON object'], ['[]', 'is an array, not a JSON object'], ['null', 'is null, not'], ['7', 'is a number, not'], ['-1', 'is a number, not'], ['"x"', 'is a string, not'], ['true', 'is true, not'],
    ['hello', 'it begins with h at byte 0'], ['\u00e9', 'it begins with the byte 0xc3 at byte 0'], ['\ufeff{}', 'a byte order mark stands before it'], ['  x', 'it begins with x at byte 2'],
    ['{"model":"m","messages":[{"role":"user","content":"a\nb"}]}', 'within "messages"'],
  ])('is told what it is: %j', async (body, told) => {
    const server = await startServer({ engines: [new SimulatedEngine()], log: () => undefined });
    closeLater(() => server.close(0));
    for (const path of ['/v1/chat/completions', '/v1/messages']) {
      const answer = await post(server.url + path, body);
      expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: 'ENT_BAD_JSON', param: 'body', message: expect.stringContaining(told) } }]);
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

  it('passes on no path that an upstream could resolve to a place outside /v1', async () => {
    const { server, upstream } = await setUp(speak('x'));
    const statusOf = (path: string): Promise<number | undefined> => new Promise((resolve, reject) => {
      const { hostname, port } = new URL(server.url);
      httpRequest({ hostname, port, path }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      }).on('error', reject).end();
    });
    for (const path of ['/v1/../metrics', '/v1/%2e%2E/metrics', '/v1/x/..', '/v1/..\\metrics', '/v1/x%2f..%2f..%2fmetrics', '/v1/./models']) expect(await statusOf(path)).toBe(400);
    expect(upstream.received).toHaveLength(0);
    for (const path of ['/v1/files/a..b', '/v1/files/.hidden', '/v1/models/m.1?x=../y']) expect(await statusOf(path)).toBe(200);
  });

  it('binds beyond loopback only if told to', async () => {
    const engines = [new OpenAiEngine({ kind: 'openai', url: 'http://127.0.0.1:9' })];
    await expect(startServer({ engines, host: '0.0.0.0', log: () => undefined })).rejects.toMatchObject({ code: 'ENT_INSECURE_BIND' });
    const server = await startServer({ engines, host: '0.0.0.0', insecure: true, log: () => undefined });
    closeLater(() => server.close(0));
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

describe('a client that sends rubbish while it is answered', () => {
  it('has its connection cut, and no second answer within the first', async () => {
    const { server, events } = await setUp((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n');
    });
    const body = '{"model":"m","messages":[],"stream":true}';
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    let text = '';
    for await (const part of socket) {
      const first = text === '';
      text += (part as Buffer).toString();
      if (first) socket.write('rubbish\r\n\r\n');
    }
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    await until(() => eventsOf(events, 'request-end').length === 1);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'cancelled' }]);
  });
});

describe('a client that leaves while it sends', () => {
  it('leaves nothing behind', async () => {
    const { server, upstream, events } = await setUp(speak('x'));
    const request = httpRequest(`${server.url}/v1/chat/completions`, { method: 'POST', headers: { 'content-length': '1000' } });
    request.on('error', () => undefined);
    await new Promise<void>((resolve) => { request.write('{"model":', () => resolve()); });
    request.destroy();
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect(await server.close(5000)).toBe(0);
    expect(upstream.received).toHaveLength(0);
    expect(events).toEqual([]);
  });
});
