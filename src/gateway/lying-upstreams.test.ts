/** Upstreams that lie, break off or send rubbish: the client sees the upstream's own bytes, or an error of the route's form, and the next call is served. */
import type { Socket } from 'node:net';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, eventsOf, hello, post, until } from '../../test/support/gateway-setup.ts';
import { rawConnection, rawPost, startRawUpstream } from '../../test/support/raw-http.ts';
import { speak, startUpstream } from '../../test/support/scripted-upstream.ts';
import { startServer, type RunningServer } from '../cli/compose.ts';
import type { Event } from '../core/index.ts';
import { OpenAiEngine } from '../engines/openai/engine.ts';

afterEach(closeAll);

const CHUNK = 'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n';
const chunked = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const STREAM_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';

async function before(answer: (socket: Socket) => void): Promise<{ server: RunningServer; events: Event[] }> {
  const upstream = await startRawUpstream(answer);
  closeLater(() => upstream.close());
  const server = await startServer({ engines: [new OpenAiEngine({ kind: 'openai-compatible', url: upstream.url })], log: () => undefined });
  closeLater(() => server.close(0));
  const events: Event[] = [];
  server.runtime.subscribe((event) => events.push(event));
  return { server, events };
}

/** What a client sees on the wire, to the close. */
async function seen(server: RunningServer, body: object = hello): Promise<string> {
  const connection = await rawConnection(server.url);
  connection.send(rawPost('/v1/chat/completions', JSON.stringify(body), ['connection: close']));
  return connection.closed();
}
const alive = async (server: RunningServer): Promise<void> => {
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  await until(() => server.runtime.openRequests === 0);
  expect(server.engine.load().runningRequests).toBe(0);
};

describe('before its head is whole', () => {
  it.each([
    ['closes at once', ''],
    ['breaks off in its head', 'HTTP/1.1 200 OK\r\ncontent-ty'],
    ['speaks no HTTP', 'what is this\r\n\r\n'],
    ['repeats lengths that differ', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}}'],
    ['puts a control character into a header', 'HTTP/1.1 200 OK\r\nx-a: b\u0001c\r\ncontent-length: 2\r\n\r\n{}'],
    ['splits a header', 'HTTP/1.1 200 OK\r\nx-a: b\rc: d\r\ncontent-length: 2\r\n\r\n{}'],
    ['has endless headers', `HTTP/1.1 200 OK\r\n${'x-a: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(4000)}\r\n{}`],
  ])('one that %s is an error of ours', async (_what, bytes) => {
    const { server, events } = await before((socket) => socket.end(bytes, 'latin1'));
    const answer = await post(`${server.url}/v1/chat/completions`, JSON.stringify(hello));
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ error: { code: 'ENT_UPSTREAM_FAILED', type: 'server_error' } });
    const anthropic = await post(`${server.url}/v1/messages`, JSON.stringify({ ...hello, max_tokens: 5 }));
    expect(anthropic.status).toBeGreaterThanOrEqual(400);
    expect(await anthropic.json()).toMatchObject({ type: 'error', error: { message: expect.any(String) as string } });
    await alive(server);
    expect(eventsOf(events, 'request-end')[0]).toMatchObject({ status: 'error' });
  });
});

describe('about its length', () => {
  it.each([
    ['fewer bytes than announced, then the end', 'content-length: 50\r\n\r\n{"choices":[]}'],
    ['fewer chunks than there should be', 'transfer-encoding: chunked\r\n\r\n5\r\n{"cho\r\n'],
    ['a chunk that is no chunk', 'transfer-encoding: chunked\r\n\r\n5\r\n{"cho\r\nzz\r\n'],
    ['a length and chunks, with more than the length', `transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n${chunked('{"choices":[]}')}${chunked('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison')}0\r\n\r\n`],
  ])('%s: the client is cut off within the body, and gets nothing beyond the length', async (_what, rest) => {
    const { server, events } = await before((socket) => socket.end(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${rest}`));
    const text = await seen(server);
    if (text.startsWith('HTTP/1.1 502')) expect(text).toContain('ENT_UPSTREAM_FAILED');
    else {
      const [head, body] = [text.slice(0, text.indexOf('\r\n\r\n')), text.slice(text.indexOf('\r\n\r\n') + 4)];
      const length = /content-length: (\d+)/i.exec(head)?.[1];
      if (length === undefined) expect(body.endsWith('0\r\n\r\n')).toBe(false);
      else expect(body.length).toBeLessThan(Number(length) + (rest.includes('poison') ? 1 : 0));
      expect(body).not.toContain('poison');
    }
    await alive(server);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'error' }]);
  });

  it('more bytes than announced: the rest goes to nobody', async () => {
    const { server } = await before((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison'));
    for (let call = 0; call < 3; call++) expect(await seen(server)).toMatch(/\r\n\r\n\{\}$/);
    await alive(server);
  });
});

describe('in a stream', () => {
  const stream = { ...hello, stream: true, stream_options: { include_usage: true } };

  it('one that breaks off breaks off for the client, after all that had come', async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: CHUNK.length * 3 }), fc.boolean(), async (length, reset) => {
      const sent = CHUNK.repeat(3).slice(0, length);
      const { server } = await before((socket) => {
        socket.write(STREAM_HEAD + (sent === '' ? '' : chunked(sent)), () => { if (reset) socket.resetAndDestroy(); else socket.destroySoon(); });
      });
      const text = await seen(server, stream);
      const body = text.slice(text.indexOf('\r\n\r\n') + 4).replaceAll(/(?:^|\r\n)[0-9a-f]+\r\n/g, '').replace(/\r\n$/, '');
      if (!reset) expect(body).toBe(sent);
      expect(text.endsWith('0\r\n\r\n')).toBe(false);
      await alive(server);
      await closeAll();
    }), { numRuns: 25 });
  });

  it('malformed events go through byte by byte, and are read as far as they can be', async () => {
    const rubbish = fc.array(fc.oneof(
      fc.constantFrom('data: {"choices":', 'data\n\n', ':\n\n', '\n\n\n', 'event: x\n\n', 'data: [1,2]\n\n', 'data: null\n\n', 'data: {"choices":[null]}\n\n', 'data: {"choices":7,"usage":"x"}\n\n', 'data: {"choices":[{"delta":{"tool_calls":[null,7,{"function":null}]}}]}\n\n', 'data: {"__proto__":{"polluted":1},"choices":[]}\n\n', '\ufeffdata: {}\n\n', CHUNK),
      fc.string({ unit: 'binary' }),
    ), { maxLength: 8 });
    let bytes = Buffer.alloc(0);
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(bytes);
    });
    closeLater(() => upstream.close());
    // It speaks all three dialects itself: nothing is translated.
    const server = await startServer({ engines: [new OpenAiEngine({ kind: 'openai', url: upstream.url })], log: () => undefined });
    closeLater(() => server.close(0));
    for (const path of ['/v1/chat/completions', '/v1/completions', '/v1/responses']) {
      await fc.assert(fc.asyncProperty(rubbish, async (pieces) => {
        bytes = Buffer.from(pieces.join(''));
        const answer = await post(server.url + path, JSON.stringify({ ...stream, prompt: 'x', input: 'x' }));
        expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
      }), { numRuns: 40 });
    }
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    await alive(server);
  });

  it('whole answers that are no answers go through as they are', async () => {
    const upstream = await startUpstream(speak('x'));
    closeLater(() => upstream.close());
    const server = await startServer({ engines: [new OpenAiEngine({ kind: 'openai-compatible', url: upstream.url })], log: () => undefined });
    closeLater(() => server.close(0));
    await fc.assert(fc.asyncProperty(fc.oneof(fc.json(), fc.string(), fc.constantFrom('', '{"usage":{"prompt_tokens":"many"}}', '{"usage":{"prompt_tokens":1e999,"completion_tokens":-5}}', `${'['.repeat(50_000)}`, '{"choices":[{"message":{"tool_calls":[{"function":{"arguments":"{\\"a\\":1"}}]}}]}')), fc.constantFrom(200, 404, 429, 599), async (text, status) => {
      upstream.script((_request, response) => {
        response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '7' });
        response.end(text);
      });
      const answer = await post(`${server.url}/v1/chat/completions`, JSON.stringify(hello));
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, '7']);
      expect(await answer.text()).toBe(Buffer.from(text).toString().replace(/^\ufeff/, ''));
    }), { numRuns: 60 });
    await alive(server);
  });
});
