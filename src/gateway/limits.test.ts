import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, eventsOf, hello, post, setUp, until } from '../../test/support/gateway-setup.ts';
import { rawConnection, rawPost } from '../../test/support/raw-http.ts';
import { finishChunk, speak, sse, textChunk } from '../../test/support/scripted-upstream.ts';
import { MemoryBudget } from './memory-budget.ts';

afterEach(closeAll);

const STREAM = JSON.stringify({ ...hello, stream: true });
const first = `data: ${JSON.stringify(textChunk('a'))}\n\n`;

describe('limits', () => {
  it('on all bodies together: what does not fit is refused, and fits again when others have gone', async () => {
    const waiting: (() => void)[] = [];
    const { server, upstream } = await setUp((_request, response) => { waiting.push(() => response.end('{}')); }, { limits: { memoryBytes: 2000 } });
    const body = JSON.stringify({ ...hello, padding: 'x'.repeat(1500) });
    const held = post(`${server.url}/v1/chat/completions`, body);
    await until(() => waiting.length === 1);
    const refused = await post(`${server.url}/v1/chat/completions`, body);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toMatchObject({ error: { code: 'ENT_OVERLOADED' } });
    waiting[0]();
    expect((await held).status).toBe(200);
    await (await held).text();
    const next = post(`${server.url}/v1/chat/completions`, body);
    await until(() => waiting.length === 2);
    waiting[1]();
    expect((await next).status).toBe(200);
    expect(upstream.received).toHaveLength(2);
  });

  it('on memory give back exactly what was taken', () => {
    const budget = new MemoryBudget(10);
    expect([budget.take(6), budget.take(5), budget.take(4), budget.take(1)]).toEqual([true, false, true, false]);
    budget.give(4);
    expect(budget.usedBytes).toBe(6);
  });

  it('on how long a head or a body may take to come: a slow client gets 408 and loses its connection', async () => {
    const { server, upstream } = await setUp(speak('x'), { limits: { headerMs: 60, requestMs: 60 } });
    const slowHead = await rawConnection(server.url);
    slowHead.send('POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nx-a');
    const slowBody = await rawConnection(server.url);
    slowBody.send(rawPost('/v1/messages', STREAM).slice(0, -5));
    expect(await slowHead.closed()).toMatch(/^HTTP\/1\.1 408 [\s\S]*ENT_REQUEST_TIMEOUT/);
    expect(await slowBody.closed()).toMatch(/^HTTP\/1\.1 408 [\s\S]*"type":"error"[\s\S]*ENT_REQUEST_TIMEOUT/);
    expect(upstream.received).toHaveLength(0);
    expect(server.runtime.openRequests).toBe(0);
  });

  it('on how long a call may take: an error before the answer, a cut within it', async () => {
    const { server, upstream, events } = await setUp(() => undefined, { limits: { callMs: 80 } });
    const late = await post(`${server.url}/v1/chat/completions`, JSON.stringify(hello));
    expect(late.status).toBe(504);
    expect(await late.json()).toMatchObject({ error: { code: 'ENT_CALL_TIMEOUT' } });
    upstream.script((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(first);
    });
    const endless = await post(`${server.url}/v1/chat/completions`, STREAM);
    await expect(endless.text()).rejects.toThrow();
    await Promise.all(upstream.received.map((received) => received.aborted));
    await until(() => eventsOf(events, 'request-end').length === 2);
    expect(server.engine.load().runningRequests).toBe(0);
  });

  it('on how long a client may leave its answer unread: it is cut off, and the upstream with it', async () => {
    const { server, upstream } = await setUp(async (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      const piece = Buffer.alloc(1024 * 1024);
      while (!response.destroyed) await new Promise<void>((resolve) => { if (response.write(piece)) resolve(); else response.once('drain', resolve).once('close', resolve).setMaxListeners(0); });
    }, { limits: { stallMs: 80 } });
    const connection = await rawConnection(server.url);
    connection.socket.pause();
    connection.send(rawPost('/v1/chat/completions', JSON.stringify(hello)));
    await until(() => upstream.received.length === 1);
    await upstream.received[0].aborted;
    connection.socket.destroy();
  });

  it('on a body reach a client that is still sending', async () => {
    const { server } = await setUp(speak('x'), { limits: { bodyBytes: 1000 } });
    const connection = await rawConnection(server.url);
    const big = JSON.stringify({ ...hello, padding: 'x'.repeat(3_000_000) });
    connection.send(rawPost('/v1/chat/completions', big, ['transfer-encoding: chunked']).replace(/content-length: \d+\r\n/, '').replace(/\r\n\r\n[\s\S]*/, '\r\n\r\n'));
    connection.send(`${big.length.toString(16)}\r\n${big}\r\n0\r\n\r\n`);
    expect(await connection.closed()).toMatch(/^HTTP\/1\.1 413 [\s\S]*ENT_BODY_TOO_LARGE/);
  });
});

describe('an answer', () => {
  it('tells the time before the engine and in it, beside what the upstream tells', async () => {
    const { server, upstream } = await setUp((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'server-timing': 'db;dur=5' });
      response.end('{}');
    });
    const answer = await post(`${server.url}/v1/chat/completions`, JSON.stringify(hello));
    expect(answer.headers.get('server-timing')).toMatch(/^db;dur=5, entresol;dur=\d+\.\d\d, engine;dur=\d+\.\d\d$/);
    upstream.script((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(sse([finishChunk('stop')]));
    });
    expect((await post(`${server.url}/v1/chat/completions`, STREAM)).headers.get('server-timing')).toMatch(/^entresol;dur=.*engine;dur=/);
  });
});
