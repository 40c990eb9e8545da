/** The gateway before the real llama.cpp engine: streams, a crash, and a drain. */
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, eventsOf, until } from '../../test/support/gateway-setup.ts';
import { startServer, type RunningServer } from '../cli/compose.ts';
import type { Event } from '../core/index.ts';
import { EmbeddedEngine } from '../engines/embedded/engine.ts';
import type { LlamaTokenEngine } from '../engines/embedded/llama-token-engine.ts';
import { TINY_SHAPE } from '../engines/embedded/synthetic-model/shape.ts';
import { realEngine } from '../engines/embedded/testing/real-engine.ts';

const real = await realEngine();
afterEach(closeAll);

async function embedded(): Promise<{ server: RunningServer; engine: EmbeddedEngine; client: OpenAI; events: Event[] }> {
  const engine = new EmbeddedEngine({ shape: TINY_SHAPE, contextTokens: 1024, storeTokens: 4096, slots: 3 });
  const server = await startServer({ engines: [engine], log: () => undefined });
  closeLater(() => server.close(0));
  const events: Event[] = [];
  server.runtime.subscribe((event) => events.push(event));
  return { server, engine, events, client: new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 }) };
}
const body = { model: TINY_SHAPE.name, messages: [{ role: 'user' as const, content: 'Tell me about it.' }], temperature: 0 };

describe.skipIf(real === undefined)('the gateway before the embedded engine', () => {
  it('answers the same streamed and whole, and finds its cache again', async () => {
    const { client, events } = await embedded();
    const whole = await client.chat.completions.create({ ...body, max_tokens: 12 });
    const streamed = await client.chat.completions.stream({ ...body, max_tokens: 12 }).finalChatCompletion();
    expect(streamed.choices[0].message.content).toBe(whole.choices[0].message.content);
    const long = { ...body, messages: [{ role: 'user' as const, content: 'Tell me about it, in many words. '.repeat(40) }], max_tokens: 4 };
    await client.chat.completions.create(long);
    const again = await client.chat.completions.create(long);
    const ends = eventsOf(events, 'request-end') as { cachedTokens: number; outputTokens: number }[];
    expect(ends.map((end) => end.outputTokens)).toEqual([12, 12, 4, 4]);
    expect(ends[2].cachedTokens).toBe(0);
    expect(ends[3].cachedTokens).toBe(again.usage?.prompt_tokens_details?.cached_tokens);
    expect(ends[3].cachedTokens).toBeGreaterThan(100);
  });

  it('breaks the stream when the engine crashes in it, says why, and serves again', async () => {
    const { client, engine, events } = await embedded();
    let killed = false;
    const read = async (): Promise<void> => {
      for await (const chunk of await client.chat.completions.create({ ...body, max_tokens: 900, stream: true })) {
        const { processId } = engine.parts.model.tokenEngine as LlamaTokenEngine;
        if (!killed && chunk.choices[0].delta.content !== '' && processId !== undefined) killed = process.kill(processId, 'SIGKILL');
      }
    };
    await expect(read()).rejects.toMatchObject({ code: 'ENT_ENGINE_CRASHED', message: expect.stringContaining('send the request again') });
    await until(() => eventsOf(events, 'request-end').length > 0);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'error' }]);
    await until(() => eventsOf(events, 'engine-up').length > 0 && engine.healthy());
    expect((await client.chat.completions.create({ ...body, max_tokens: 4 })).usage?.completion_tokens).toBe(4);
  });

  it('lets a stream finish when it drains', async () => {
    const { client, server } = await embedded();
    const stream = await client.chat.completions.create({ ...body, max_tokens: 60, stream: true });
    let closing: Promise<number> | undefined;
    let last: string | null = null;
    for await (const chunk of stream) {
      closing ??= server.close(30_000);
      last = chunk.choices[0].finish_reason;
    }
    expect(last).toBe('length');
    expect(await closing).toBe(0);
  });
});
