import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, hello, post, setUp } from '../../test/support/gateway-setup.ts';
import { finishChunk, speak, sse, textChunk } from '../../test/support/scripted-upstream.ts';

afterEach(closeAll);

const headerNames = (headers: readonly string[]): string[] => headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());

describe('what is forwarded', () => {
  it('forwards credential, unknown headers and odd bytes as they came, and none of ours', async () => {
    const { upstream, server } = await setUp(speak('x'));
    const body = '{"model":"m", "a":1.0,"a":-0.0,"n":12345678901234567890,"s":"\\ud800","messages":[] }';
    await post(`${server.url}/v1/chat/completions?beta=1`, body, {
      authorization: 'Bearer sk-client', 'x-entresol-session': 's', 'x-entresol-key': 'secret', 'x-claude-code-session-id': 'c', 'accept-encoding': 'gzip, compress', 'x-odd': 'v',
    });
    const [received] = upstream.received;
    expect(received.path).toBe('/v1/chat/completions?beta=1');
    expect(received.body.toString()).toBe(body);
    const names = headerNames(received.headers);
    expect(names).toEqual(expect.arrayContaining(['authorization', 'x-odd']));
    expect(names.filter((name) => /^x-(entresol|claude)/.test(name))).toEqual([]);
    expect(received.headers[received.headers.findIndex((name) => name.toLowerCase() === 'accept-encoding') + 1]).toBe('gzip');
  });

  it('adds no field to a hosted API\'s body while no policy is on', async () => {
    const { upstream, server, client } = await setUp(speak('x'), { engine: { kind: 'openai' } });
    const body = JSON.stringify({ ...hello, stream: true });
    expect(await (await post(`${server.url}/v1/chat/completions`, body, { 'x-claude-code-session-id': 'c' })).text()).toContain('[DONE]');
    expect(upstream.received[0].body.toString()).toBe(body);
    expect(headerNames(upstream.received[0].headers)).toContain('x-claude-code-session-id');
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
      response.setMaxListeners(0).writeHead(200, { 'content-type': 'application/octet-stream' });
      for (let index = 0; index < 64 && !response.destroyed; index++) {
        written += 1;
        if (!response.write(megabyte)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
      }
      response.end();
    });
    const client = httpRequest(`${server.url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' } });
    client.end(JSON.stringify(hello));
    const answer = await new Promise<import('node:http').IncomingMessage>((resolve) => { client.on('response', resolve); });
    // The clock here is other traffic: the stream stands still while the gateway answers many other calls.
    let before = -1;
    while (before !== written) {
      before = written;
      for (let index = 0; index < 50; index++) await (await fetch(`${server.url}/healthz`)).text();
    }
    expect(written).toBeLessThan(40);
    let bytes = 0;
    for await (const part of answer) bytes += (part as Buffer).length;
    expect(bytes).toBe(64 * megabyte.length);
  });
});
