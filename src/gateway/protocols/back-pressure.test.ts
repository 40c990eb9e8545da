/** A client that reads slowly, or not at all, holds back the engine, though what it gets is another dialect than the engine speaks. */
import { request, type IncomingMessage } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, setUp } from '../../../test/support/gateway-setup.ts';
import { finishChunk, sse, textChunk, usageChunk, type Script } from '../../../test/support/scripted-upstream.ts';

afterEach(closeAll);

const TEXT = 'x'.repeat(64 * 1024);
const EVENTS = 384;
/** Of what the engine has to say; what sockets on the way hold is far less. */
const MUCH = 0.8;

const BODIES = {
  messages: { model: 'm', max_tokens: 9, stream: true, messages: [{ role: 'user', content: 'hello' }] },
  responses: { model: 'm', stream: true, input: 'hello' },
} as const;

/** An engine that has chat completions alone, and writes as fast as it is read. */
function talker(): { readonly script: Script; readonly written: () => number } {
  let written = 0;
  return {
    written: () => written,
    script: async (received, response) => {
      if (received.path !== '/v1/chat/completions') {
        response.writeHead(404, { 'content-type': 'application/json' }).end('{"detail":"Not Found"}');
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (; written < EVENTS && !response.destroyed; written++) {
        const goesOn = response.write(`data: ${JSON.stringify(textChunk(TEXT))}\n\n`);
        await new Promise<void>((resolve) => {
          if (goesOn) setImmediate(resolve);
          else response.once('drain', resolve);
        });
      }
      response.end(sse([finishChunk('stop'), usageChunk(12, 8, 3)]));
    },
  };
}

const open = (url: string, body: object): Promise<IncomingMessage> => new Promise((resolve, reject) => {
  request(url, { method: 'POST', headers: { 'content-type': 'application/json' } }, resolve).once('error', reject).end(JSON.stringify(body));
});

describe.each(['messages', 'responses'] as const)('%s before an engine of chat completions', (dialect) => {
  it('are read from it as the client reads, and all of them arrive', async () => {
    const { script, written } = talker();
    const { server } = await setUp(script);
    const answer = await open(`${server.url}/v1/${dialect}`, BODIES[dialect]);
    // Nobody reads. While others are served the engine comes to a stop, or has said all.
    let still = 0;
    for (let seen = written(); still < 40; seen = written()) {
      await (await fetch(`${server.url}/healthz`)).text();
      still = written() === seen && seen > 0 ? still + 1 : 0;
    }
    expect(written()).toBeLessThan(MUCH * EVENTS);
    let letters = 0;
    for await (const bytes of answer) for (const byte of bytes as Buffer) if (byte === 0x78) letters += 1;
    expect(letters).toBeGreaterThanOrEqual(EVENTS * TEXT.length);
    expect(written()).toBe(EVENTS);
  }, 60_000);
});
