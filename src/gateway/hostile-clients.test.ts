/** Clients that send what no client should: an error of the route's form or a closed connection, nothing to the upstream that was not meant, and the next call is served. */
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, hello, post, setUp, type Setup } from '../../test/support/gateway-setup.ts';
import { rawConnection, rawPost, startRawUpstream } from '../../test/support/raw-http.ts';
import { speak, type ReceivedRequest } from '../../test/support/scripted-upstream.ts';
import { startServer } from '../cli/compose.ts';
import { OpenAiEngine } from '../engines/openai/engine.ts';

afterEach(closeAll);

const BODY = JSON.stringify(hello);
const HEAD = 'POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n';
const served = async ({ server }: Setup): Promise<void> => {
  expect((await post(`${server.url}/v1/chat/completions`, BODY)).status).toBe(200);
};

describe('requests that two servers could read in two ways', () => {
  const inner = `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;
  it.each([
    ['both lengths', `${HEAD}content-length: ${BODY.length}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${inner}`],
    ['both lengths, the other way round', `${HEAD}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n${inner}`],
    ['two lengths', `${HEAD}content-length: 4\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`],
    ['a list of lengths', `${HEAD}content-length: 4, 4\r\n\r\n${BODY}`],
    ['a length that is none', `${HEAD}content-length: 0x10\r\n\r\n${BODY}`],
    ['a negative length', `${HEAD}content-length: -1\r\n\r\n${BODY}`],
    ['a transfer coding in disguise', `${HEAD}transfer-encoding: xchunked\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`],
    ['a transfer coding before chunked and after it', `${HEAD}transfer-encoding: chunked, identity\r\n\r\n${BODY}`],
    ['a space before the colon', `${HEAD}content-length : ${BODY.length}\r\n\r\n${BODY}`],
    ['a folded header', `${HEAD}x-a: b\r\n c: d\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`],
    ['a bare carriage return in a header', `${HEAD}x-a: b\rcontent-length: 0\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`],
    ['a null byte in a header', `${HEAD}x-a: b\u0000c\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`],
    ['a chunk size that is none', `${HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n${BODY}\r\n0\r\n\r\n`],
    ['a chunk size beyond all bounds', `${HEAD}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n${BODY}\r\n0\r\n\r\n`],
    ['two hosts', `${HEAD}host: evil.example\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`],
  ])('%s are read in one way or not at all', async (_what, bytes) => {
    const setup = await setUp(speak('x'));
    const connection = await rawConnection(setup.server.url);
    connection.socket.end(bytes, 'latin1');
    const text = await connection.closed();
    expect(setup.upstream.received.length).toBeLessThanOrEqual(1);
    for (const received of setup.upstream.received) expect(received.body.toString()).toBe(BODY);
    if (setup.upstream.received.length === 0) expect(text).toMatch(/^HTTP\/1\.1 4\d\d [\s\S]*"code":"ENT_/);
    await served(setup);
  });

  it('values of headers never become headers', async () => {
    const setup = await setUp(speak('x'));
    await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 40 }).map((text) => Buffer.from(text, 'utf8').toString('latin1')), async (value) => {
      const count = setup.upstream.received.length;
      const connection = await rawConnection(setup.server.url);
      connection.socket.end(Buffer.from(rawPost('/v1/chat/completions', BODY, [`x-entresol-session: ${value}`, `x-other: ${value}`, 'connection: close']), 'latin1'));
      const text = await connection.closed();
      if (text.startsWith('HTTP/1.1 200')) {
        const names = setup.upstream.received[count].headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
        expect(names.filter((name) => name.startsWith('x-'))).toEqual(['x-other']);
      } else expect(text === '' || /^HTTP\/1\.1 4\d\d/.test(text)).toBe(true);
    }), { numRuns: 60 });
    await served(setup);
  });
});

describe('bodies', () => {
  const odd = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value))),
    fc.constantFrom(
      '{"model":"m","messages":[{"role":"user","content":"\\ud800"}]}', '{"model":"m","messages":[],"messages":[{"role":"user","content":"b"}]}', '{"messages":[],"n":1e400,"m":123456789012345678901234567890,"z":-0.0}',
      '{"__proto__":{"polluted":true},"messages":[]}', '{"constructor":{"prototype":{"polluted":true}},"messages":[{"role":"__proto__","content":{"__proto__":1}}]}',
      '{"messages":[{"role":"user","content":[[[[[[{"a":[]}]]]]]]}],"tools":[null,7,"x",{"function":7}]}', '{"messages":[{"role":"assistant","tool_calls":[{"id":7,"function":{"name":null,"arguments":{}}}]}]}', '{"model":"m","messages":[]}\u0000', ' \t\r\n{"messages":[]} \r\n',
    ).map((text) => Buffer.from(text)),
    fc.constantFrom(Buffer.concat([Buffer.from('{"messages":[{"role":"user","content":"'), Buffer.from([0xff, 0xfe, 0xc0]), Buffer.from('"}]}')]), Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(BODY)])),
  );

  it('of any kind are passed on byte by byte, or refused in the form of the route', async () => {
    const setup = await setUp((_request, response) => { response.end('{}'); }, { engine: { kind: 'openai' } });
    await fc.assert(fc.asyncProperty(odd, fc.constantFrom('/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/messages'), async (body, path) => {
      const calls = (): readonly ReceivedRequest[] => setup.upstream.received.filter((received) => received.path === path && received.body.length > 0);
      const count = calls().length;
      const answer = await post(setup.server.url + path, body);
      const text = await answer.text();
      if (answer.status === 200) expect(calls().at(-1)?.body.equals(body)).toBe(true);
      else {
        expect(calls().length).toBe(count);
        const refusal = JSON.parse(text) as { type?: string; error: { code: string; message: string } };
        expect(refusal.error.code).toMatch(/^ENT_/);
        expect(refusal.type).toBe(path === '/v1/messages' ? 'error' : undefined);
      }
    }), { numRuns: 200 });
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('in chunks of any size are one body', async () => {
    const setup = await setUp(speak('x'));
    await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 1, max: BODY.length - 1 }), { maxLength: 8 }), fc.boolean(), async (places, extended) => {
      const cuts = [...new Set(places)].sort((a, b) => a - b);
      const connection = await rawConnection(setup.server.url);
      connection.send(`${HEAD}transfer-encoding: chunked\r\nconnection: close\r\ntrailer: x-t\r\n\r\n`);
      for (const [index, start] of [0, ...cuts].entries()) {
        const piece = BODY.slice(start, cuts[index] ?? BODY.length);
        connection.send(`${piece.length.toString(16).toUpperCase()}${extended ? ';a=b' : ''}\r\n${piece}\r\n`);
      }
      connection.send('0\r\nx-t: 1\r\n\r\n');
      expect(await connection.closed()).toMatch(/^HTTP\/1\.1 200/);
      const received = setup.upstream.received.at(-1);
      expect(received?.body.toString()).toBe(BODY);
      expect(received?.headers.map((name) => name.toLowerCase())).not.toContain('x-t');
    }), { numRuns: 40 });
  });
});

describe('Expect: 100-continue', () => {
  const expecting = `${HEAD}content-length: ${BODY.length}\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n`;

  it('is answered when the body is wanted', async () => {
    const setup = await setUp(speak('x'));
    const connection = await rawConnection(setup.server.url);
    connection.send(expecting);
    await connection.until(/^HTTP\/1\.1 100 /);
    expect(setup.upstream.received).toHaveLength(0);
    connection.send(BODY);
    expect(await connection.closed()).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    expect(setup.upstream.received[0].headers.map((name) => name.toLowerCase())).not.toContain('expect');
  });

  it('is refused before anything has been sent', async () => {
    const setup = await setUp(speak('x'), { limits: { bodyBytes: 10 } });
    const connection = await rawConnection(setup.server.url);
    connection.send(expecting);
    const text = await connection.until(/ENT_BODY_TOO_LARGE/);
    expect(text).toMatch(/^HTTP\/1\.1 413 /);
    expect(text).not.toContain(' 100 ');
    connection.socket.destroy();
  });
});

describe('connections', () => {
  it('are kept for the next request, and answer requests that were sent ahead in their order', async () => {
    const setup = await setUp((request, response) => { response.end(JSON.stringify({ echo: (JSON.parse(request.body.toString()) as { model: string }).model })); });
    const connection = await rawConnection(setup.server.url);
    connection.send(['a', 'b', 'c'].map((model) => rawPost('/v1/chat/completions', JSON.stringify({ ...hello, model }), model === 'c' ? ['connection: close'] : [])).join(''));
    const text = await connection.closed();
    expect([...text.matchAll(/"echo":"(.)"/g)].map((match) => match[1])).toEqual(['a', 'b', 'c']);
  });

  it('that are half closed by a client end its call: to HTTP libraries that is a client that has gone', async () => {
    const setup = await setUp(() => undefined);
    const connection = await rawConnection(setup.server.url);
    connection.send(rawPost('/v1/chat/completions', BODY));
    while (setup.upstream.received.length === 0) await new Promise((resolve) => { setImmediate(resolve); });
    connection.socket.end();
    await setup.upstream.received[0].aborted;
    await connection.closed();
    expect(setup.server.engine.load().runningRequests).toBe(0);
  });

  it('with more headers than Node keeps lose none of them', async () => {
    let received = '';
    const upstream = await startRawUpstream((socket, head) => {
      received = head;
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
    });
    closeLater(() => upstream.close());
    const server = await startServer({ engines: [new OpenAiEngine({ kind: 'openai-compatible', url: upstream.url })], log: () => undefined });
    closeLater(() => server.close(0));
    const connection = await rawConnection(server.url);
    connection.send(rawPost('/v1/chat/completions', BODY, [...Array.from({ length: 3000 }, (_, index) => `x-${index}: 1`), 'connection: close']));
    expect(await connection.closed()).toMatch(/^HTTP\/1\.1 200/);
    expect(received.match(/^x-\d+: 1\r$/gm)).toHaveLength(3000);
  });
});
