import { request as httpRequest, type IncomingMessage } from 'node:http';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, setUp } from '../../test/support/gateway-setup.ts';
import { finishChunk, speak, sse, textChunk, toolChunk, usageChunk } from '../../test/support/scripted-upstream.ts';

afterEach(closeAll);

/** Cuts bytes at any places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, index) => bytes.subarray(start, at[index] ?? bytes.length)).filter((part) => part.length > 0);
}

/** Sends a body in pieces, as a client with a slow disk would, and collects the answer's bytes. */
async function exchange(url: string, pieces: readonly Buffer[]): Promise<{ status: number | undefined; body: Buffer; complete: boolean }> {
  const request = httpRequest(`${url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' } });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
  });
  for (const piece of pieces) await new Promise<void>((resolve) => { request.write(piece, () => resolve()); });
  request.end();
  const answer = await answered;
  const parts: Buffer[] = [];
  await new Promise<void>((resolve) => {
    answer.on('data', (part: Buffer) => parts.push(part));
    answer.on('close', resolve);
  });
  return { status: answer.statusCode, body: Buffer.concat(parts), complete: answer.complete };
}

const places = fc.array(fc.nat(), { maxLength: 12 });

describe('bytes', () => {
  it('go up and come down as they are, at any chunking', async () => {
    const { server, upstream } = await setUp(speak('x'));
    const message = fc.record({ role: fc.constantFrom('user', 'assistant', 'tool'), content: fc.oneof(fc.string({ unit: 'binary' }), fc.constant(null)) });
    const body = fc.record({ model: fc.string(), messages: fc.array(message, { maxLength: 4 }), extra: fc.jsonValue() }).map((value) => Buffer.from(JSON.stringify(value, null, 1)));
    await fc.assert(fc.asyncProperty(body, fc.uint8Array({ maxLength: 3000 }), fc.constantFrom(200, 400, 503), fc.constantFrom('application/json', 'text/event-stream', 'application/octet-stream'), places, places, async (sent, answered, status, type, up, down) => {
      const answer = Buffer.from(answered);
      upstream.script(async (_request, response) => {
        response.writeHead(status, { 'content-type': type });
        for (const piece of cut(answer, down)) await new Promise<void>((resolve) => { response.write(piece, () => resolve()); });
        response.end();
      });
      const result = await exchange(server.url, cut(sent, up));
      expect(result).toMatchObject({ status, complete: true });
      expect(result.body.equals(answer)).toBe(true);
      expect(upstream.received.at(-1)?.body.equals(sent)).toBe(true);
    }), { numRuns: 60 });
  });

  it('come down equal but for the usage chunk that we asked for', async () => {
    const { server, upstream } = await setUp(speak('x'));
    const events = fc.array(fc.oneof(fc.string({ unit: 'grapheme' }).map((text) => textChunk(text)), fc.string().map((text) => toolChunk(0, 'c', 't', text))), { maxLength: 8 });
    const sent = Buffer.from('{"model":"m","messages":[],"stream":true}');
    await fc.assert(fc.asyncProperty(events, places, fc.boolean(), async (chunks, down, cutOff) => {
      const wanted = Buffer.from(sse([...chunks, finishChunk('stop')]));
      const whole = Buffer.from(sse([...chunks, finishChunk('stop'), usageChunk(9, 4, 2)]));
      upstream.script(async (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        for (const piece of cut(whole, down)) await new Promise<void>((resolve) => { response.write(piece, () => resolve()); });
        if (cutOff) response.socket?.destroySoon();
        else response.end();
      });
      const result = await exchange(server.url, [sent]);
      expect(result.body.toString()).toBe(wanted.toString());
      expect(result.complete).toBe(!cutOff);
      expect(upstream.received.at(-1)?.body.toString()).toBe('{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}');
    }), { numRuns: 60 });
  });

  it('are sent once more when an idle connection closed in the moment of sending, and only then', async () => {
    const { server, upstream } = await setUp(speak('first'));
    const sent = Buffer.from('{"model":"m","messages":[]}');
    expect((await exchange(server.url, [sent])).status).toBe(200);
    let refusals = 1;
    upstream.script((request, response) => {
      if (refusals-- > 0) response.socket?.destroy();
      else return speak('second')(request, response);
    });
    expect((await exchange(server.url, [sent])).status).toBe(200);
    expect(upstream.received).toHaveLength(3);
    expect((await exchange(server.url, [sent])).status).toBe(200);
    expect(upstream.received).toHaveLength(4);
    refusals = 9;
    expect((await exchange(server.url, [sent])).status).toBe(502);
    expect(upstream.received).toHaveLength(6);
    expect((await exchange(server.url, [sent])).status).toBe(502);
    expect(upstream.received).toHaveLength(7);
  });
});
