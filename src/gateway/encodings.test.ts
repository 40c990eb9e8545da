import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, eventsOf, hello, setUp } from '../../test/support/gateway-setup.ts';
import { finishChunk, speak, sse, textChunk, usageChunk, type Script } from '../../test/support/scripted-upstream.ts';

afterEach(closeAll);

const PACKERS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = { gzip: gzipSync, 'x-gzip': gzipSync, deflate: deflateSync, br: brotliCompressSync };
const headerOf = (headers: readonly string[], name: string): string | undefined => headers[headers.findIndex((entry, index) => index % 2 === 0 && entry.toLowerCase() === name) + 1];

/** No client library between: fetch unpacks by itself. */
async function send(url: string, body: Buffer, headers: Readonly<Record<string, string>>): Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }> {
  const request = httpRequest(`${url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers } });
  request.end(body);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
  });
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts) };
}

describe('a compressed request', () => {
  const plain = Buffer.from(JSON.stringify({ ...hello, messages: [{ role: 'system', content: 'You are the planner.' }, { role: 'user', content: 'hé' }] }));

  it.each(Object.keys(PACKERS))('in %s goes on as it came, and is read all the same', async (coding) => {
    const { server, upstream, events } = await setUp((_request, response) => { response.end('{}'); });
    const packed = PACKERS[coding](plain);
    expect((await send(server.url, packed, { 'content-encoding': coding })).status).toBe(200);
    const [received] = upstream.received;
    expect(received.body.equals(packed)).toBe(true);
    expect(headerOf(received.headers, 'content-encoding')).toBe(coding);
    expect(eventsOf(events, 'request-arrive')).toMatchObject([{ model: 'm', promptTokens: Math.ceil(plain.length / 4) }]);
  });

  it('goes on unpacked where a field had to be added', async () => {
    const { server, upstream } = await setUp(speak('x'));
    const streamed = Buffer.from(JSON.stringify({ ...hello, stream: true }));
    await send(server.url, gzipSync(streamed), { 'content-encoding': 'gzip' });
    const [received] = upstream.received;
    expect(JSON.parse(received.body.toString())).toEqual({ ...hello, stream: true, stream_options: { include_usage: true } });
    expect(received.headers.map((name) => name.toLowerCase())).not.toContain('content-encoding');
  });

  it.each([
    ['in an encoding that nobody knows', plain, 'snappy', 415, 'ENT_UNSUPPORTED_ENCODING'],
    ['packed too often', gzipSync(gzipSync(gzipSync(gzipSync(plain)))), 'gzip, gzip, gzip, gzip', 415, 'ENT_UNSUPPORTED_ENCODING'],
    ['cut short', gzipSync(plain).subarray(0, -9), 'gzip', 400, 'ENT_BAD_REQUEST'],
    ['not what it says', plain, 'br', 400, 'ENT_BAD_REQUEST'],
    ['a bomb', gzipSync(Buffer.alloc(4_000_000, ' ')), 'gzip', 413, 'ENT_BODY_TOO_LARGE'],
    ['a bomb within a bomb', gzipSync(gzipSync(Buffer.alloc(40_000_000, ' '))), 'gzip, gzip', 413, 'ENT_BODY_TOO_LARGE'],
  ])('%s is refused', async (_what, body, encoding, status, code) => {
    const { server, upstream } = await setUp(speak('x'), { limits: { bodyBytes: 1_000_000 } });
    const answer = await send(server.url, body, { 'content-encoding': encoding });
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { code } });
    expect(upstream.received).toHaveLength(0);
    expect((await send(server.url, plain, {})).status).toBe(200);
  });
});

describe('a compressed answer', () => {
  const whole = Buffer.from(JSON.stringify({ choices: [{ index: 0, message: { role: 'assistant', content: 'ä' }, finish_reason: 'stop' }], usage: { prompt_tokens: 12, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 8 } } }));
  const streamed = (usage: boolean): Buffer => Buffer.from(sse([textChunk('ä'), finishChunk('stop'), ...(usage ? [usageChunk(12, 8, 3)] : [])]));
  const answering = (body: Buffer, type: string, coding: string, places: readonly number[] = []): Script => async (_request, response) => {
    response.writeHead(200, { 'content-type': type, 'content-encoding': coding });
    const cuts = [...new Set(places.map((place) => place % body.length))].sort((a, b) => a - b);
    for (const [index, start] of [0, ...cuts].entries()) await new Promise<void>((resolve) => { response.write(body.subarray(start, cuts[index] ?? body.length), () => resolve()); });
    response.end();
  };
  const places = fc.array(fc.nat(), { maxLength: 6 });

  it('comes as it is, and its usage is read', async () => {
    const { server, upstream, events } = await setUp(speak('x'));
    await fc.assert(fc.asyncProperty(fc.constantFrom(...Object.keys(PACKERS)), fc.boolean(), places, async (coding, streams, cuts) => {
      events.length = 0;
      const body = PACKERS[coding](streams ? streamed(true) : whole);
      upstream.script(answering(body, streams ? 'text/event-stream' : 'application/json', coding, cuts));
      const asked = streams ? { ...hello, stream: true, stream_options: { include_usage: true } } : hello;
      const answer = await send(server.url, Buffer.from(JSON.stringify(asked)), { 'accept-encoding': 'gzip, deflate, br' });
      expect(answer.headers['content-encoding']).toBe(coding);
      expect(answer.body.equals(body)).toBe(true);
      while (eventsOf(events, 'request-end').length === 0) await new Promise((resolve) => { setImmediate(resolve); });
      expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'ok', promptTokens: 12, cachedTokens: 8, outputTokens: 3, stop: 'stop' }]);
      expect(headerOf(upstream.received.at(-1)?.headers ?? [], 'accept-encoding')).toBe('gzip, deflate, br');
    }), { numRuns: 40 });
  });

  it('of an upstream that was asked for a plain one loses its usage chunk, and comes plain', async () => {
    const { server, upstream, events } = await setUp(speak('x'));
    await fc.assert(fc.asyncProperty(fc.constantFrom(...Object.keys(PACKERS)), places, async (coding, cuts) => {
      events.length = 0;
      upstream.script(answering(PACKERS[coding](streamed(true)), 'text/event-stream', coding, cuts));
      const answer = await send(server.url, Buffer.from(JSON.stringify({ ...hello, stream: true })), { 'accept-encoding': 'gzip, br' });
      expect(headerOf(upstream.received.at(-1)?.headers ?? [], 'accept-encoding')).toBe('identity');
      expect(answer.headers['content-encoding']).toBeUndefined();
      expect(answer.body.toString()).toBe(streamed(false).toString());
      while (eventsOf(events, 'request-end').length === 0) await new Promise((resolve) => { setImmediate(resolve); });
      expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'ok', promptTokens: 12 }]);
    }), { numRuns: 20 });
  });

  it('that is large passes with back-pressure, unpacked on its way', async () => {
    const long = Array.from({ length: 20_000 }, (_, index) => textChunk(`${index} ${Math.sin(index)}`));
    const plain = sse([...long, finishChunk('stop')]);
    const packed = gzipSync(Buffer.from(sse([...long, finishChunk('stop'), usageChunk(12, 8, 3)])));
    const { server } = await setUp((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
      response.end(packed);
    });
    const warnings: Error[] = [];
    const warned = (warning: Error): void => { warnings.push(warning); };
    process.on('warning', warned);
    const answer = await send(server.url, Buffer.from(JSON.stringify({ ...hello, stream: true })), {});
    await new Promise((resolve) => { setImmediate(resolve); });
    process.off('warning', warned);
    expect(answer.body.toString() === plain).toBe(true);
    expect(warnings).toEqual([]);
  });

  it('that is cut stays cut, after all that could be unpacked', async () => {
    const { server } = await setUp((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
      const packed = gzipSync(streamed(true));
      response.write(packed.subarray(0, packed.length - 8), () => response.socket?.destroySoon());
    });
    await expect(send(server.url, Buffer.from(JSON.stringify({ ...hello, stream: true })), {})).rejects.toThrow(/aborted|hang up/);
  });

  it('in what cannot be read here is not offered to the upstream', async () => {
    const { server, upstream } = await setUp(speak('x'));
    for (const [offered, expected] of [['gzip;q=0.5, compress, br', 'gzip;q=0.5, br'], ['compress, *', 'identity'], ['GZIP', 'GZIP']]) {
      await send(server.url, Buffer.from(JSON.stringify(hello)), { 'accept-encoding': offered });
      expect(headerOf(upstream.received.at(-1)?.headers ?? [], 'accept-encoding')).toBe(expected);
    }
  });
});
