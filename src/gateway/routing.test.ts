/** Which upstream a route goes to, and the form of its errors. */
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, eventsOf, post, until } from '../../test/support/gateway-setup.ts';
import { startUpstream, type Script, type ScriptedUpstream } from '../../test/support/scripted-upstream.ts';
import { messagesBody, messagesStream, responsesStream } from '../../test/support/spoken-answer.ts';
import { startServer, type RunningServer } from '../cli/compose.ts';
import type { Event } from '../core/index.ts';
import { OpenAiEngine, type OpenAiKind } from '../engines/openai/engine.ts';

afterEach(closeAll);

const named = (name: string): Script => (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ name }));
};

async function before(kinds: readonly OpenAiKind[], script: (kind: OpenAiKind) => Script = named): Promise<{ server: RunningServer; upstreams: ScriptedUpstream[]; events: Event[] }> {
  const upstreams = await Promise.all(kinds.map((kind) => startUpstream(script(kind))));
  for (const upstream of upstreams) closeLater(() => upstream.close());
  const server = await startServer({ engines: kinds.map((kind, index) => new OpenAiEngine({ kind, url: upstreams[index].url })), log: () => undefined });
  closeLater(() => server.close(0));
  const events: Event[] = [];
  server.runtime.subscribe((event) => events.push(event));
  return { server, upstreams, events };
}
const question = { model: 'claude', max_tokens: 9, messages: [{ role: 'user', content: 'hello' }] };

describe('routes', () => {
  it.each([['openai', 'anthropic'], ['anthropic', 'openai']] as const)('go to the upstream that speaks their dialect (%s, %s)', async (...kinds) => {
    const { server } = await before(kinds);
    const goes = async (path: string, init: RequestInit): Promise<unknown> => ((await (await fetch(server.url + path, init)).json()) as { name?: unknown }).name;
    const send = (body: object): RequestInit => ({ method: 'POST', body: JSON.stringify(body) });
    expect(await goes('/v1/messages', send(question))).toBe('anthropic');
    expect(await goes('/v1/messages/count_tokens', send(question))).toBe('anthropic');
    expect(await goes('/v1/messages/batches?limit=1', { method: 'GET' })).toBe('anthropic');
    expect(await goes('/v1/models', { headers: { 'anthropic-version': '2023-06-01' } })).toBe('anthropic');
    expect(await goes('/v1/chat/completions', send(question))).toBe('openai');
    expect(await goes('/v1/responses', send({ model: 'm', input: 'hello' }))).toBe('openai');
    expect(await goes('/v1/embeddings', send({ model: 'm', input: 'hello' }))).toBe('openai');
    expect(await goes('/v1/responses/resp_1', { method: 'DELETE' })).toBe('openai');
  });

  it('are answered with 404 where a hosted API does not speak the dialect', async () => {
    const { server, upstreams: [upstream] } = await before(['openai']);
    const answer = await post(`${server.url}/v1/messages`, JSON.stringify(question));
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ type: 'error', error: { type: 'not_found_error', code: 'ENT_UNKNOWN_ROUTE' }, request_id: answer.headers.get('request-id') });
    expect(upstream.received).toHaveLength(0);
  });

  it('carry Messages as they came, both ways, and are read on their way', async () => {
    const text = messagesStream({ thinking: 'hm', text: 'Grüße 🌍', toolCalls: [{ id: 'toolu_1', name: 'search', arguments: '{"q":1}' }] });
    const { server, upstreams: [upstream], events } = await before(['anthropic'], () => (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'request-id': 'req_up' });
      for (const byte of Buffer.from(text)) response.write(Buffer.of(byte));
      response.end();
    });
    const sent = `{"stream":true, "max_tokens":9,"max_tokens":10,"unknown":1.0,${JSON.stringify(question).slice(1)}`;
    const answer = await post(`${server.url}/v1/messages?beta=true`, sent, { 'x-api-key': 'sk-ant', 'anthropic-version': '2023-06-01', 'anthropic-beta': 'a,b' });
    expect(await answer.text()).toBe(text);
    expect(answer.headers.get('request-id')).toBe('req_up');
    const [received] = upstream.received;
    expect(received.path).toBe('/v1/messages?beta=true');
    expect(received.body.toString()).toBe(sent);
    expect(received.headers).toEqual(expect.arrayContaining(['sk-ant', 'a,b']));
    await until(() => eventsOf(events, 'request-end').length > 0);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'ok', stop: 'tool_calls', promptTokens: 12, cachedTokens: 8, outputTokens: 3, tools: ['search'] }]);
    expect(eventsOf(events, 'tool-call-streamed')).toMatchObject([{ toolCall: 'toolu_1', name: 'search', argumentsJson: '{"q":1}' }]);
    expect(eventsOf(events, 'first-token')).toHaveLength(1);
  });

  it('read Responses on their way too', async () => {
    const text = responsesStream({ text: 'well', toolCalls: [{ id: 'call_1', name: 'search', arguments: '{}' }] });
    const { server, events } = await before(['openai'], () => (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(text);
    });
    expect(await (await post(`${server.url}/v1/responses`, JSON.stringify({ model: 'm', input: 'hello', stream: true }))).text()).toBe(text);
    await until(() => eventsOf(events, 'request-end').length > 0);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'ok', stop: 'tool_calls', promptTokens: 12, cachedTokens: 8, tools: ['search'] }]);
  });

  it('count no call where tokens are only counted', async () => {
    const { server, events } = await before(['anthropic'], () => (_request, response) => void response.end(messagesBody({ text: 'x' })));
    await post(`${server.url}/v1/messages/count_tokens`, JSON.stringify(question));
    expect(eventsOf(events, 'request-arrive')).toEqual([]);
  });

  it.each([
    ['a body that is no JSON', '{', 400, 'invalid_request_error', 'ENT_BAD_JSON'],
    ['messages of the wrong type', '{"messages":7}', 400, 'invalid_request_error', 'ENT_BAD_REQUEST'],
    ['a body that is too large', `"${'x'.repeat(2000)}"`, 413, 'request_too_large', 'ENT_BODY_TOO_LARGE'],
  ])('refuse %s in Anthropic\'s form', async (_what, body, status, type, code) => {
    const upstream = await startUpstream(named('x'));
    closeLater(() => upstream.close());
    const server = await startServer({ engines: [new OpenAiEngine({ kind: 'anthropic', url: upstream.url })], log: () => undefined, limits: { bodyBytes: 1000 } });
    closeLater(() => server.close(0));
    const answer = await post(`${server.url}/v1/messages`, body);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ type: 'error', error: { type, code, message: expect.any(String) }, request_id: expect.stringMatching(/^req_/) });
  });
});
