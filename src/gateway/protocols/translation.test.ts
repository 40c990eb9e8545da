/** Messages and Responses before engines that speak chat completions only. */
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, eventsOf, post, until } from '../../../test/support/gateway-setup.ts';
import { startUpstream, type ReceivedRequest, type Script, type ScriptedUpstream } from '../../../test/support/scripted-upstream.ts';
import { chatBody, chatStream, type SpokenAnswer } from '../../../test/support/spoken-answer.ts';
import { startServer, type RunningServer } from '../../cli/compose.ts';
import type { Event } from '../../core/index.ts';
import { OpenAiEngine } from '../../engines/openai/engine.ts';

afterEach(closeAll);

/** A server that has chat completions and nothing else. */
export const olderServer = (chat: Script): Script => (request, response) => {
  if (request.path.startsWith('/v1/chat/completions')) return chat(request, response);
  response.writeHead(404, { 'content-type': 'application/json' });
  response.end('{"detail":"Not Found"}');
};
const says = (answer: SpokenAnswer): Script => (request, response) => {
  const { stream, stream_options: options } = JSON.parse(request.body.toString()) as { stream?: boolean; stream_options?: { include_usage?: boolean } };
  response.writeHead(200, { 'content-type': stream === true ? 'text/event-stream' : 'application/json' });
  response.end(stream === true ? chatStream(answer, options?.include_usage === true) : chatBody(answer));
};

async function before(chat: Script): Promise<{ server: RunningServer; upstream: ScriptedUpstream; events: Event[]; calls: () => readonly ReceivedRequest[] }> {
  const upstream = await startUpstream(olderServer(chat));
  closeLater(() => upstream.close());
  const server = await startServer({ engines: [new OpenAiEngine({ kind: 'openai-compatible', url: upstream.url })], log: () => undefined });
  closeLater(() => server.close(0));
  const events: Event[] = [];
  server.runtime.subscribe((event) => events.push(event));
  return { server, upstream, events, calls: () => upstream.received.filter((request) => request.path === '/v1/chat/completions') };
}
const eventsIn = (text: string): { type: string; [field: string]: unknown }[] =>
  text.split('\n\n').filter((event) => event !== '').map((event) => {
    const [, name, data] = /^event: (.*)\ndata: (.*)$/u.exec(event) ?? [];
    const value = JSON.parse(data) as { type: string };
    expect(value.type).toBe(name);
    return value;
  });
const question = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'hello' }] };
const spoken: SpokenAnswer = { thinking: 'Let me see.', text: 'Grüße 🌍', toolCalls: [{ id: 'call_a', name: 'search', arguments: '{"q":"a b"}' }, { id: 'call_b', name: 'read', arguments: '{}' }] };

describe('Messages before chat completions', () => {
  it('are answered whole', async () => {
    const { server, events, calls } = await before(says(spoken));
    const answer = await post(`${server.url}/v1/messages`, JSON.stringify({ ...question, metadata: { user_id: 'u' } }), { 'x-api-key': 'sk-ant', 'anthropic-version': '2023-06-01' });
    expect(await answer.json()).toMatchObject({
      type: 'message', role: 'assistant', model: 'm', stop_reason: 'tool_use', stop_sequence: null,
      content: [
        { type: 'thinking', thinking: 'Let me see.' }, { type: 'text', text: 'Grüße 🌍' },
        { type: 'tool_use', id: 'call_a', name: 'search', input: { q: 'a b' } }, { type: 'tool_use', id: 'call_b', name: 'read', input: {} },
      ],
      usage: { input_tokens: 4, cache_read_input_tokens: 8, cache_creation_input_tokens: 0, output_tokens: 3 },
    });
    expect(answer.headers.get('x-entresol-left-out')).toBe('metadata');
    expect(answer.headers.get('request-id')).toBe(answer.headers.get('x-entresol-request-id'));
    const [call] = calls();
    expect(JSON.parse(call.body.toString())).toEqual(question);
    expect(call.headers).toContain('Bearer sk-ant');
    expect(call.headers.join()).not.toMatch(/anthropic|x-api-key/i);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'ok', stop: 'tool_calls', promptTokens: 12, cachedTokens: 8, outputTokens: 3, tools: ['search', 'read'] }]);
  });

  it.each([
    ['arguments as an object', 'tool_calls', { tool_calls: [{ id: 'call_a', type: 'function', function: { name: 'search', arguments: { q: 'a b' } } }] }],
    ['a function call of old', 'function_call', { content: '', function_call: { name: 'search', arguments: '{"q":"a b"}' } }],
    ['no index, and says that it just stopped', 'stop', { tool_calls: [{ id: 'call_a', function: { name: 'search', arguments: '{"q":"a b"}' } }] }],
  ])('lose no tool call of a server that gives %s', async (_what, finish, message) => {
    const choice = (delta: boolean): object => ({ index: 0, [delta ? 'delta' : 'message']: { role: 'assistant', ...message }, finish_reason: finish });
    const { server } = await before((request, response) => {
      const stream = (JSON.parse(request.body.toString()) as { stream?: boolean }).stream === true;
      response.writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json' });
      response.end(stream ? `data: ${JSON.stringify({ choices: [choice(true)] })}\n\ndata: [DONE]\n\n` : JSON.stringify({ choices: [choice(false)] }));
    });
    const whole = (await (await post(`${server.url}/v1/messages`, JSON.stringify(question))).json()) as object;
    expect(whole).toMatchObject({ stop_reason: 'tool_use', content: [{ type: 'tool_use', name: 'search', input: { q: 'a b' } }] });
    const stream = eventsIn(await (await post(`${server.url}/v1/messages`, JSON.stringify({ ...question, stream: true }))).text());
    expect(stream.flatMap(({ delta }) => (delta as { partial_json?: string } | undefined)?.partial_json ?? []).join('')).toBe('{"q":"a b"}');
    expect(stream.at(-2)).toMatchObject({ delta: { stop_reason: 'tool_use' } });
  });

  it.each([['stop', 'end_turn'], ['length', 'max_tokens'], ['content_filter', 'refusal'], ['tool_calls', 'tool_use']])('that end with %s say %s', async (finish, reason) => {
    const half = { id: 'call_a', type: 'function', index: 0, function: { name: 'search', arguments: '{"q": "a' } };
    const answer = { role: 'assistant', content: 'I look.', ...(finish === 'length' ? { tool_calls: [half] } : {}) };
    const { server } = await before((request, response) => {
      const stream = (JSON.parse(request.body.toString()) as { stream?: boolean }).stream === true;
      const choice = { index: 0, [stream ? 'delta' : 'message']: answer, finish_reason: finish };
      response.writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json' });
      response.end(stream ? `data: ${JSON.stringify({ choices: [choice] })}\n\ndata: [DONE]\n\n` : JSON.stringify({ choices: [choice] }));
    });
    // Half a call is not to be run: a whole answer has none of it, a stream has said it before it was known.
    const whole = (await (await post(`${server.url}/v1/messages`, JSON.stringify(question))).json()) as object;
    expect(whole).toMatchObject({ stop_reason: reason, content: [{ type: 'text', text: 'I look.' }] });
    const stream = eventsIn(await (await post(`${server.url}/v1/messages`, JSON.stringify({ ...question, stream: true }))).text());
    expect(stream.at(-2)).toMatchObject({ type: 'message_delta', delta: { stop_reason: reason } });
  });

  it('are whole though their last event lacks its blank line', async () => {
    const event = (delta: object, finish: string | null): string => `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}`;
    const { server } = await before((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(`${event({ content: 'North.' }, null)}\n\n${event({}, 'stop')}`);
    });
    const stream = eventsIn(await (await post(`${server.url}/v1/messages`, JSON.stringify({ ...question, stream: true }))).text());
    expect(stream.at(-1)).toMatchObject({ type: 'message_stop' });
  });

  it('lose no text that comes in parts', async () => {
    const content = [{ type: 'thinking', thinking: [{ type: 'text', text: 'Let me see.' }] }, { type: 'text', text: 'North.' }];
    const { server } = await before((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }] }));
    });
    expect(await (await post(`${server.url}/v1/messages`, JSON.stringify(question))).json()).toMatchObject({ content: [{ type: 'thinking', thinking: 'Let me see.' }, { type: 'text', text: 'North.' }] });
  });

  it.each([
    ['that the client gave', 'END', { stop_reason: 'stop_sequence', stop_sequence: 'END' }],
    ['of its own template', '<|im_end|>', { stop_reason: 'end_turn', stop_sequence: null }],
  ])('that end at a stop string %s say so', async (_what, matched, told) => {
    const { server } = await before((request, response) => {
      const stream = (JSON.parse(request.body.toString()) as { stream?: boolean }).stream === true;
      const body = JSON.stringify({ choices: [{ index: 0, [stream ? 'delta' : 'message']: { content: 'North.' }, finish_reason: 'stop', stop_reason: matched }] });
      response.writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json' });
      response.end(stream ? `data: ${body}\n\ndata: [DONE]\n\n` : body);
    });
    const asked = { ...question, stop_sequences: ['END'] };
    expect(await (await post(`${server.url}/v1/messages`, JSON.stringify(asked))).json()).toMatchObject(told);
    const stream = eventsIn(await (await post(`${server.url}/v1/messages`, JSON.stringify({ ...asked, stream: true }))).text());
    expect(stream.at(-2)).toMatchObject({ type: 'message_delta', delta: told });
  });

  it('are the first of several choices, though the server gives others', async () => {
    const { server } = await before((request, response) => {
      const stream = (JSON.parse(request.body.toString()) as { stream?: boolean }).stream === true;
      const choice = (index: number, content: string, finish: string): object => ({ index, [stream ? 'delta' : 'message']: { role: 'assistant', content }, finish_reason: finish });
      response.writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json' });
      response.end(stream
        ? [choice(1, 'South', 'length'), choice(0, 'North', 'stop'), choice(1, ' pole.', 'length')].map((one) => `data: ${JSON.stringify({ choices: [one] })}\n\n`).join('') + 'data: [DONE]\n\n'
        : JSON.stringify({ choices: [choice(0, 'North', 'stop'), choice(1, 'South pole.', 'length')] }));
    });
    expect(await (await post(`${server.url}/v1/messages`, JSON.stringify(question))).json()).toMatchObject({ content: [{ type: 'text', text: 'North' }], stop_reason: 'end_turn' });
    const stream = eventsIn(await (await post(`${server.url}/v1/messages`, JSON.stringify({ ...question, stream: true }))).text());
    expect(stream.flatMap(({ delta }) => (delta as { text?: string } | undefined)?.text ?? []).join('')).toBe('North');
    expect(stream.at(-2)).toMatchObject({ delta: { stop_reason: 'end_turn' } });
    const items = (await (await post(`${server.url}/v1/responses`, JSON.stringify({ model: 'm', input: 'hello' }))).json()) as { output: object[] };
    expect(items).toMatchObject({ status: 'completed', output: [{ type: 'message', content: [{ text: 'North' }] }] });
  });

  it('stream', async () => {
    const { server, events } = await before(says(spoken));
    const answer = await post(`${server.url}/v1/messages`, JSON.stringify({ ...question, stream: true }));
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    const stream = eventsIn(await answer.text());
    expect(stream.map((event) => event.type.replace('content_block_', '')).join(' ')).toMatch(/^message_start (start (delta )+stop ){4}message_delta message_stop$/);
    // Clients keep thinking for the next turn only with its signature, which comes last in its block, and in no other.
    const deltas = stream.filter((event) => event.type === 'content_block_delta') as unknown as { index: number; delta: { type: string; signature?: string } }[];
    expect(deltas.filter(({ index }) => index === 0).at(-1)?.delta).toEqual({ type: 'signature_delta', signature: 'entresol' });
    expect(deltas.filter(({ delta }) => delta.type === 'signature_delta')).toHaveLength(1);
    expect(stream.at(-2)).toMatchObject({ delta: { stop_reason: 'tool_use' }, usage: { input_tokens: 4, cache_read_input_tokens: 8, output_tokens: 3 } });
    await until(() => eventsOf(events, 'request-end').length > 0);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'ok', stop: 'tool_calls', promptTokens: 12, cachedTokens: 8, tools: ['search', 'read'] }]);
  });

  it('are asked for once whether the server has them', async () => {
    const { server, upstream } = await before(says({ text: 'x' }));
    for (let count = 0; count < 3; count++) await post(`${server.url}/v1/messages`, JSON.stringify(question));
    expect(upstream.received.map((request) => request.path)).toEqual(['/v1/messages', ...Array.from({ length: 3 }, () => '/v1/chat/completions')]);
  });

  it('go as they are to a server that has them', async () => {
    const { server, upstream } = await before(says({ text: 'x' }));
    upstream.script((request, response) => {
      response.writeHead(request.body.toString() === '{}' ? 400 : 200, { 'content-type': 'application/json' });
      response.end(request.path);
    });
    const sent = JSON.stringify(question);
    expect(await (await post(`${server.url}/v1/messages`, sent)).text()).toBe('/v1/messages');
    expect(upstream.received.at(-1)?.body.toString()).toBe(sent);
  });

  it('get the engine\'s errors in Anthropic\'s form, with what helps to retry', async () => {
    const { server, events } = await before((_request, response) => {
      response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '7', 'x-should-retry': 'true' });
      response.end('{"error":{"message":"Slow down.","type":"rate_limit"}}');
    });
    const answer = await post(`${server.url}/v1/messages`, JSON.stringify({ ...question, stream: true }));
    expect(answer.status).toBe(429);
    expect(answer.headers.get('retry-after')).toBe('7');
    expect(await answer.json()).toEqual({ type: 'error', error: { type: 'rate_limit_error', message: 'Slow down.' } });
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'error' }]);
  });

  it('end in an error event when the engine fails in its stream', async () => {
    const { server, events } = await before((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(`${chatStream({ text: 'half' }, false).split('data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},')[0]}data: {"error":{"message":"Out of memory."}}\n\n`);
    });
    const stream = eventsIn(await (await post(`${server.url}/v1/messages`, JSON.stringify({ ...question, stream: true }))).text());
    expect(stream.at(-1)).toEqual({ type: 'error', error: { type: 'api_error', message: 'Out of memory.' } });
    expect(stream.some((event) => event.type === 'message_stop')).toBe(false);
    await until(() => eventsOf(events, 'request-end').length > 0);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'error' }]);
  });

  it.each([['cuts its stream', true], ['ends its stream before its answer', false]])('stay cut when the engine %s', async (_what, cut) => {
    const { server, events } = await before((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chatStream({ text: 'half an answer' }, false).slice(0, 500));
      if (cut) response.socket?.destroySoon();
      else response.end();
    });
    const answer = await post(`${server.url}/v1/messages`, JSON.stringify({ ...question, stream: true }));
    await expect(answer.text()).rejects.toThrow();
    await until(() => eventsOf(events, 'request-end').length > 0);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'error' }]);
  });

  it.each([
    ['no chat completion', 200, 'application/json', '{"hello":1}'],
    ['no JSON', 200, 'text/html', '<h1>hi</h1>'],
    ['an empty stream', 200, 'text/event-stream', ''],
    ['a page of errors', 503, 'text/html', '<h1>no</h1>'],
    ['a redirect', 302, 'text/html', ''],
  ])('are told when the engine\'s answer is %s', async (_what, status, type, body) => {
    const { server } = await before((_request, response) => {
      response.writeHead(status, { 'content-type': type });
      response.end(body);
    });
    const answer = await post(`${server.url}/v1/messages`, JSON.stringify(question));
    expect(answer.status).toBe(status === 503 ? 503 : 502);
    expect(await answer.json()).toMatchObject({ type: 'error', error: { message: expect.any(String) } });
  });

  it('abort the engine when the client leaves', async () => {
    let received: ReceivedRequest | undefined;
    const { server, events } = await before((request, response) => {
      received = request;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chatStream({ text: 'half an answer' }, false).slice(0, 500));
    });
    const leaving = new AbortController();
    const answer = await fetch(`${server.url}/v1/messages`, { method: 'POST', body: JSON.stringify({ ...question, stream: true }), signal: leaving.signal });
    await answer.body?.getReader().read();
    leaving.abort();
    await received?.aborted;
    await until(() => eventsOf(events, 'request-end').length > 0);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'cancelled' }]);
  });

  it('have their tokens estimated where the engine cannot count, and say so', async () => {
    const { server, calls, events } = await before(says({ text: 'x', usage: { prompt: 500, cached: 0, output: 1 } }));
    const estimate = async (body: object): Promise<number> => {
      const answer = await post(`${server.url}/v1/messages/count_tokens`, JSON.stringify(body));
      expect([answer.status, answer.headers.get('x-entresol-estimated')]).toEqual([200, 'input_tokens']);
      return ((await answer.json()) as { input_tokens: number }).input_tokens;
    };
    const { model } = question;
    const story = (count: number): object => ({ model, messages: [{ role: 'user', content: [{ type: 'text', text: 'A word. '.repeat(count) }] }] });
    // Four bytes a token, until the server has counted.
    expect(Math.abs((await estimate(story(500))) - 1000)).toBeLessThan(20);
    expect(calls()).toHaveLength(0);
    await post(`${server.url}/v1/messages`, JSON.stringify({ ...story(500), max_tokens: 9 }));
    await until(() => eventsOf(events, 'request-end').length > 0);
    expect(await estimate(story(500))).toBe(500);
    expect(Math.abs((await estimate(story(1000))) - 1000)).toBeLessThan(20);
    // A megabyte of image is no quarter of a million tokens.
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(1_000_000) } };
    expect(await estimate({ model, messages: [{ role: 'user', content: [image] }] })).toBeLessThan(2000);
    const refused = await post(`${server.url}/v1/messages/count_tokens`, JSON.stringify({ ...story(1), container: 'c' }));
    expect([refused.status, await refused.json()]).toMatchObject([400, { type: 'error', error: { code: 'ENT_UNTRANSLATABLE' } }]);
  });
});

describe('Responses before chat completions', () => {
  const asked = { model: 'm', instructions: 'Be kind.', input: 'hello', tools: [{ type: 'function', name: 'search', parameters: { type: 'object' }, strict: true }], safety_identifier: 'p' };

  it('are answered whole', async () => {
    const { server, calls } = await before(says(spoken));
    const answer = await post(`${server.url}/v1/responses`, JSON.stringify(asked));
    expect(await answer.json()).toMatchObject({
      object: 'response', status: 'completed', model: 'm', instructions: 'Be kind.', tools: asked.tools, store: true, error: null, incomplete_details: null,
      output: [
        { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'Let me see.' }] },
        { type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'Grüße 🌍', annotations: [] }] },
        { type: 'function_call', call_id: 'call_a', name: 'search', arguments: '{"q":"a b"}', status: 'completed' },
        { type: 'function_call', call_id: 'call_b', name: 'read', arguments: '{}' },
      ],
      usage: { input_tokens: 12, input_tokens_details: { cached_tokens: 8 }, output_tokens: 3, total_tokens: 15 },
    });
    expect(answer.headers.get('x-entresol-left-out')).toBe('safety_identifier');
    expect(JSON.parse(calls()[0].body.toString())).toEqual({
      model: 'm', messages: [{ role: 'system', content: 'Be kind.' }, { role: 'user', content: 'hello' }],
      tools: [{ type: 'function', function: { name: 'search', parameters: { type: 'object' }, strict: true } }],
    });
  });

  it('stream', async () => {
    const { server, events } = await before(says({ ...spoken, cut: true }));
    const stream = eventsIn(await (await post(`${server.url}/v1/responses`, JSON.stringify({ ...asked, stream: true }))).text());
    expect(stream.map((event) => event.sequence_number)).toEqual(stream.map((_, index) => index));
    expect(stream[0]).toMatchObject({ type: 'response.created', response: { status: 'in_progress', output: [] } });
    expect(stream.at(-1)).toMatchObject({ type: 'response.incomplete', response: { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, output: [{ type: 'reasoning' }, { type: 'message' }, { type: 'function_call' }, { type: 'function_call', status: 'incomplete' }] } });
    await until(() => eventsOf(events, 'request-end').length > 0);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'ok', stop: 'length', promptTokens: 12, cachedTokens: 8, outputTokens: 3, tools: ['search', 'read'] }]);
  });

  it('go on from answers that are kept, by their id or their items\'', async () => {
    const { server, calls } = await before(says(spoken));
    const send = async (body: object): Promise<{ id: string; previous_response_id: string | null; output: { id: string }[] }> => (await post(`${server.url}/v1/responses`, JSON.stringify({ model: 'm', ...body }))).json() as never;
    const first = await send({ input: 'hello', stream: false });
    const second = await send({ previous_response_id: first.id, instructions: 'New.', input: [{ type: 'function_call_output', call_id: 'call_a', output: 'A' }, { type: 'function_call_output', call_id: 'call_b', output: 'B' }] });
    expect(second.previous_response_id).toBe(first.id);
    await send({ previous_response_id: second.id, input: 'thanks' });
    const answered = { role: 'assistant', content: 'Grüße 🌍', reasoning_content: 'Let me see.', tool_calls: [{ id: 'call_a', type: 'function', function: { name: 'search', arguments: '{"q":"a b"}' } }, { id: 'call_b', type: 'function', function: { name: 'read', arguments: '{}' } }] };
    const sent = calls().map((call) => (JSON.parse(call.body.toString()) as { messages: unknown[] }).messages);
    const results = [{ role: 'tool', tool_call_id: 'call_a', content: 'A' }, { role: 'tool', tool_call_id: 'call_b', content: 'B' }];
    expect(sent[1]).toEqual([{ role: 'system', content: 'New.' }, { role: 'user', content: 'hello' }, answered, ...results]);
    expect(sent[2]).toEqual([{ role: 'user', content: 'hello' }, answered, ...results, answered, { role: 'user', content: 'thanks' }]);
    await send({ input: [{ role: 'user', content: 'hello' }, ...first.output.slice(1).map(({ id }) => ({ type: 'item_reference', id })), { role: 'user', content: 'more' }] });
    expect((JSON.parse(calls()[3].body.toString()) as { messages: unknown[] }).messages[1]).toEqual({ ...answered, reasoning_content: undefined });
    const unkept = await send({ input: 'x', store: false });
    expect(await send({ previous_response_id: unkept.id, input: 'x' })).toMatchObject({ error: { code: 'ENT_UNTRANSLATABLE', param: 'previous_response_id' } });
  });

  it('fail when the engine fails in its stream', async () => {
    const { server } = await before((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end('data: {"error":{"message":"Out of memory."}}\n\n');
    });
    const stream = eventsIn(await (await post(`${server.url}/v1/responses`, JSON.stringify({ ...asked, stream: true }))).text());
    expect(stream.map((event) => event.type)).toEqual(['response.created', 'response.in_progress', 'response.failed']);
    expect(stream.at(-1)).toMatchObject({ response: { status: 'failed', error: { code: 'server_error', message: 'Out of memory.' } } });
  });

  it('carry tools of free text and of namespaces there and back', async () => {
    const { server, calls } = await before(says({ toolCalls: [{ id: 'call_p', name: 'apply_patch', arguments: '{"input":"*** Begin"}' }, { id: 'call_n', name: 'mcp__a__read', arguments: '{}' }] }));
    const input = [
      { role: 'user', content: 'patch it' },
      { type: 'custom_tool_call', id: 'ctc_1', call_id: 'call_o', name: 'apply_patch', input: 'x', status: 'completed' },
      { type: 'custom_tool_call_output', call_id: 'call_o', output: 'done' },
    ];
    const sent = { model: 'm', input, tools: [{ type: 'custom', name: 'apply_patch', description: 'Patches.', format: { type: 'text' } }, { type: 'namespace', name: 'mcp__a', tools: [{ type: 'function', name: 'read', parameters: {} }] }] };
    expect(await (await post(`${server.url}/v1/responses`, JSON.stringify(sent))).json()).toMatchObject({ output: [{ type: 'custom_tool_call', call_id: 'call_p', name: 'apply_patch', input: '*** Begin' }, { type: 'function_call', namespace: 'mcp__a', name: 'read' }] });
    const stream = eventsIn(await (await post(`${server.url}/v1/responses`, JSON.stringify({ ...sent, stream: true }))).text());
    expect(stream.filter((event) => event.type.startsWith('response.custom_tool_call_input')).map(({ type, delta, input: whole, output_index }) => [type, delta ?? whole, output_index]))
      .toEqual([['response.custom_tool_call_input.delta', '*** Begin', 0], ['response.custom_tool_call_input.done', '*** Begin', 0]]);
    expect(stream.filter((event) => event.type.startsWith('response.function_call_arguments')).every((event) => event.output_index === 1)).toBe(true);
    expect((JSON.parse(calls()[0].body.toString()) as { messages: unknown }).messages).toEqual([
      { role: 'user', content: 'patch it' },
      { role: 'assistant', content: null, tool_calls: [{ id: 'call_o', type: 'function', function: { name: 'apply_patch', arguments: '{"input":"x"}' } }] },
      { role: 'tool', tool_call_id: 'call_o', content: 'done' },
    ]);
  });
});
