import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, eventsOf, hello, setUp, until } from '../../test/support/gateway-setup.ts';
import { finishChunk, speak, sse, textChunk, toolChunk } from '../../test/support/scripted-upstream.ts';
import { LOCAL_TENANT } from '../core/index.ts';

afterEach(closeAll);

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
    for await (const chunk of stream) if (chunk.choices.length > 0) stream.controller.abort();
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
