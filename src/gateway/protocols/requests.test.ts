import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../core/fields.ts';
import { BLOCK_TABLES } from './messages/content.ts';
import { OUTPUT_TABLE, REQUEST_TABLE as MESSAGES_TABLE, TOOL_CHOICE_TABLE, TOOL_TABLE } from './messages/request.ts';
import { ITEM_TABLES, PART_TABLES } from './responses/items.ts';
import { REASONING_TABLE, REQUEST_TABLE as RESPONSES_TABLE, TEXT_TABLE } from './responses/request.ts';
import { TOOL_TABLES } from './responses/tools.ts';
import { LOCAL_TENANT } from '../../core/index.ts';
import { chatHeaders, Translator } from './translate.ts';

const messages = (body: JsonObject): { chat: JsonObject; leftOut: readonly string[] } => {
  const { parsed, leftOut, body: bytes } = new Translator().translate('messages', { model: 'm', max_tokens: 5, messages: [{ role: 'user', content: 'hi' }], ...body }, LOCAL_TENANT);
  expect(JSON.parse(bytes.toString())).toEqual(parsed);
  return { chat: parsed, leftOut };
};
const responses = (body: JsonObject): { chat: JsonObject; leftOut: readonly string[] } => {
  const { parsed, leftOut } = new Translator().translate('responses', { model: 'm', input: 'hi', ...body }, LOCAL_TENANT);
  return { chat: parsed, leftOut };
};
const cached = { cache_control: { type: 'ephemeral' } };

describe('a request of Messages', () => {
  it('keeps a conversation with tools, thinking, images and documents', () => {
    const { chat, leftOut } = messages({
      system: [{ type: 'text', text: 'x-anthropic-billing-header: cc_version=2; cch=1;' }, { type: 'text', text: 'You are kind.', ...cached }, { type: 'text', text: 'Be short.' }],
      messages: [
        { role: 'user', content: [{ type: 'text', text: '<reminder>' }, { type: 'text', text: 'Look.' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }] },
        { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm', signature: 's' }, { type: 'text', text: 'I ' }, { type: 'text', text: 'see.' }, { type: 'tool_use', id: 't1', name: 'search', input: { q: 1 } }, { type: 'tool_use', id: 't2', name: 'read', input: {}, ...cached }] },
        { role: 'user', content: [{ type: 'text', text: 'And this?' }, { type: 'tool_result', tool_use_id: 't1', content: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }], ...cached }, { type: 'tool_result', tool_use_id: 't2', is_error: true, content: 'gone' }, { type: 'document', title: 'd.pdf', source: { type: 'base64', media_type: 'application/pdf', data: 'BBBB' } }] },
        { role: 'system', content: 'Now in French.' },
        { role: 'user', content: [{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'plain' }, citations: { enabled: false } }, { type: 'text', text: 'Sum up.' }] },
      ],
      tools: [{ name: 'search', description: 'Searches.', input_schema: { type: 'object' }, ...cached }, { type: 'custom', name: 'read', input_schema: {}, strict: true }],
      tool_choice: { type: 'any', disable_parallel_tool_use: true }, stop_sequences: ['END'], temperature: 0.5, top_p: 0.9, top_k: 4, stream: true,
      thinking: { type: 'adaptive' }, output_config: { effort: 'max', format: { type: 'json_schema', schema: { type: 'object' } } },
      context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] }, metadata: { user_id: 'u' },
    });
    expect(chat).toEqual({
      model: 'm', max_tokens: 5, temperature: 0.5, top_p: 0.9, top_k: 4, stop: ['END'], stream: true, stream_options: { include_usage: true },
      tool_choice: 'required', parallel_tool_calls: false, reasoning_effort: 'high',
      response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: { type: 'object' } } },
      tools: [{ type: 'function', function: { name: 'search', description: 'Searches.', parameters: { type: 'object' } } }, { type: 'function', function: { name: 'read', parameters: {}, strict: true } }],
      messages: [
        { role: 'system', content: 'You are kind.\n\nBe short.' },
        { role: 'user', content: [{ type: 'text', text: '<reminder>' }, { type: 'text', text: 'Look.' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }] },
        { role: 'assistant', content: 'I see.', reasoning_content: 'hm', tool_calls: [{ id: 't1', type: 'function', function: { name: 'search', arguments: '{"q":1}' } }, { id: 't2', type: 'function', function: { name: 'read', arguments: '{}' } }] },
        { role: 'tool', tool_call_id: 't1', content: 'a\n\nb' },
        { role: 'tool', tool_call_id: 't2', content: 'Error:\n\ngone' },
        { role: 'user', content: [{ type: 'text', text: 'And this?' }, { type: 'text', text: 'd.pdf' }, { type: 'file', file: { filename: 'd.pdf', file_data: 'data:application/pdf;base64,BBBB' } }] },
        { role: 'system', content: 'Now in French.' },
        { role: 'user', content: 'plain\n\nSum up.' },
      ],
    });
    expect(leftOut).toEqual(['cache_control', 'context_management', 'metadata', 'signature', 'thinking', 'x-anthropic-billing-header']);
  });

  it('keeps an answer of calls alone without a text, and thinking of several blocks as one', () => {
    const think = (thinking: string): object => ({ type: 'thinking', thinking, signature: 's' });
    const answer = { role: 'assistant', content: [think('first '), think('second'), { type: 'tool_use', id: 't1', name: 'search', input: {} }] };
    const { chat } = messages({ messages: [{ role: 'user', content: 'hi' }, answer, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1' }] }] });
    expect(chat.messages).toEqual([
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: null, reasoning_content: 'first second', tool_calls: [{ id: 't1', type: 'function', function: { name: 'search', arguments: '{}' } }] },
      { role: 'tool', tool_call_id: 't1', content: '' },
    ]);
  });

  it.each([
    ['gone', 'Error:\n\ngone'],
    ['Error: no such file', 'Error: no such file'],
    ['[error] no such file', '[error] no such file'],
    ['terror in the file', 'Error:\n\nterror in the file'],
    [undefined, 'Error:'],
    [[{ type: 'text', text: 'seen' }, { type: 'image', source: { type: 'url', url: 'https://a.example/a.png' } }], [{ type: 'text', text: 'Error:' }, { type: 'text', text: 'seen' }, { type: 'image_url', image_url: { url: 'https://a.example/a.png' } }]],
  ])('says once that a call failed: %j', (content, expected) => {
    const answer = { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'read', input: {} }] };
    const result = (failed: boolean): unknown => (messages({ messages: [{ role: 'user', content: 'x' }, answer, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', is_error: failed, content }] }] }).chat.messages as { content: unknown }[])[2].content;
    expect(result(true)).toEqual(expected);
    expect(JSON.stringify(result(false))).not.toContain('Error:\\n\\n');
  });

  it.each([
    [{ type: 'auto' }, { tool_choice: 'auto' }],
    [{ type: 'none' }, { tool_choice: 'none' }],
    [{ type: 'tool', name: 'search' }, { tool_choice: { type: 'function', function: { name: 'search' } } }],
  ])('keeps the choice of tools %j', (choice, expected) => {
    expect(messages({ tool_choice: choice }).chat).toMatchObject(expected);
  });

  it.each([
    ['container', { container: 'c' }],
    ['mcp_servers', { mcp_servers: [] }],
    ['inference_geo', { inference_geo: 'eu' }],
    ['tools[0].type', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }],
    ['tools[0].defer_loading', { tools: [{ name: 'a', input_schema: {}, defer_loading: true }] }],
    ['context_management.edits[0]', { context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } }],
    ['output_config.task_budget', { output_config: { task_budget: { total: 1 } } }],
    ['messages[0].content[0].type', { messages: [{ role: 'user', content: [{ type: 'container_upload', file_id: 'f' }] }] }],
    ['messages[0].content[0].citations', { messages: [{ role: 'user', content: [{ type: 'document', source: { type: 'text', data: 'x' }, citations: { enabled: true } }] }] }],
    ['messages[0].content[0].source', { messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'file', file_id: 'f' } }] }] }],
    ['messages[1].content[0].type', { messages: [{ role: 'user', content: 'x' }, { role: 'assistant', content: [{ type: 'redacted_thinking', data: 'x' }] }, { role: 'user', content: 'y' }] }],
    ['messages', { messages: [{ role: 'user', content: 'x' }, { role: 'assistant', content: 'The answer is' }] }],
    ['a_field_of_tomorrow', { a_field_of_tomorrow: 1 }],
  ])('is refused for %s', (at, body) => {
    expect(() => messages(body)).toThrow(expect.objectContaining({ code: 'ENT_UNTRANSLATABLE', status: 400, at }));
  });

  it.each([
    ['system', { system: 7 }],
    ['messages[0].role', { messages: [{ role: 'tool', content: 'x' }] }],
    ['messages[0].content', { messages: [{ role: 'user' }] }],
    ['messages[0].content', { messages: [{ role: 'user', content: 7 }] }],
    ['messages[0].content[0].tool_use_id', { messages: [{ role: 'user', content: [{ type: 'tool_result' }] }] }],
    ['tools[0].input_schema', { tools: [{ name: 'x' }] }],
    ['tool_choice.type', { tool_choice: { type: 'maybe' } }],
  ])('is refused as malformed at %s', (at, body) => {
    expect(() => messages(body)).toThrow(expect.objectContaining({ code: 'ENT_BAD_REQUEST', at }));
  });
});

describe('a request of Responses', () => {
  it('takes a text behind calls for the next answer', () => {
    const call = { type: 'function_call', call_id: 'c1', name: 'search', arguments: '{}' };
    const { chat } = responses({ input: [{ role: 'user', content: 'hi' }, call, { type: 'message', role: 'assistant', content: 'More.' }, { type: 'function_call_output', call_id: 'c1', output: 'a' }] });
    expect(chat.messages).toMatchObject([{ role: 'user' }, { role: 'assistant', content: null, tool_calls: [{ id: 'c1' }] }, { role: 'assistant', content: 'More.' }, { role: 'tool', tool_call_id: 'c1' }]);
    expect((chat.messages as object[])[2]).not.toHaveProperty('tool_calls');
  });

  it('keeps a conversation with tools, reasoning, images and files', () => {
    const { chat, leftOut } = responses({
      instructions: 'You are kind.',
      input: [
        { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Be short.' }] },
        { role: 'user', content: [{ type: 'input_text', text: 'Look.' }, { type: 'input_image', image_url: 'data:image/png;base64,AAAA', detail: 'low' }, { type: 'input_file', filename: 'f.pdf', file_data: 'data:application/pdf;base64,BB' }] },
        { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'hm' }], encrypted_content: 'x' },
        { type: 'message', role: 'assistant', id: 'msg_1', status: 'completed', content: [{ type: 'output_text', text: 'I see.', annotations: [] }] },
        { type: 'function_call', id: 'fc_1', call_id: 'c1', name: 'search', arguments: '{"q": 1}', status: 'completed' },
        { type: 'function_call', call_id: 'c2', name: 'read', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c1', output: 'a' },
        { type: 'function_call_output', call_id: 'c2', output: [{ type: 'input_text', text: 'b' }] },
        { role: 'assistant', content: 'Done.' },
        { role: 'user', content: 'Thanks.' },
      ],
      tools: [{ type: 'function', name: 'search', description: 'Searches.', parameters: { type: 'object' }, strict: null }], tool_choice: { type: 'function', name: 'search' }, parallel_tool_calls: false,
      max_output_tokens: 9, temperature: 0, text: { verbosity: 'low', format: { type: 'json_schema', name: 'n', schema: { type: 'object' } } }, reasoning: { effort: 'low', summary: 'auto' },
      include: ['reasoning.encrypted_content'], store: false, prompt_cache_key: 'k', client_metadata: {}, metadata: { a: 'b' },
    });
    expect(chat).toEqual({
      model: 'm', max_tokens: 9, temperature: 0, parallel_tool_calls: false, reasoning_effort: 'low', tool_choice: { type: 'function', function: { name: 'search' } },
      response_format: { type: 'json_schema', json_schema: { name: 'n', strict: true, schema: { type: 'object' } } },
      tools: [{ type: 'function', function: { name: 'search', description: 'Searches.', parameters: { type: 'object' } } }],
      messages: [
        { role: 'system', content: 'You are kind.\n\nBe short.' },
        { role: 'user', content: [{ type: 'text', text: 'Look.' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' } }, { type: 'file', file: { filename: 'f.pdf', file_data: 'data:application/pdf;base64,BB' } }] },
        { role: 'assistant', content: 'I see.', reasoning_content: 'hm', tool_calls: [{ id: 'c1', type: 'function', function: { name: 'search', arguments: '{"q": 1}' } }, { id: 'c2', type: 'function', function: { name: 'read', arguments: '{}' } }] },
        { role: 'tool', tool_call_id: 'c1', content: 'a' },
        { role: 'tool', tool_call_id: 'c2', content: 'b' },
        { role: 'assistant', content: 'Done.' },
        { role: 'user', content: 'Thanks.' },
      ],
    });
    expect(leftOut).toEqual(['annotations', 'client_metadata', 'encrypted_content', 'id', 'prompt_cache_key', 'status', 'summary', 'verbosity']);
  });

  it('keeps tools of free text, their grammar in words, and tools of namespaces', () => {
    const { chat } = responses({
      tools: [
        { type: 'custom', name: 'apply_patch', description: 'Patches.', format: { type: 'grammar', syntax: 'lark', definition: 'start: "x"' } },
        { type: 'namespace', name: 'mcp__files', tools: [{ type: 'function', name: 'read', parameters: { type: 'object' } }] },
      ],
      input: [{ role: 'user', content: 'x' }, { type: 'function_call', call_id: 'c', namespace: 'mcp__files', name: 'read', arguments: '{}' }, { type: 'function_call_output', call_id: 'c', output: 'y' }],
    });
    expect(chat).toMatchObject({
      tools: [
        { function: { name: 'apply_patch', description: 'Patches.\n\nThe input must match this lark grammar:\nstart: "x"', parameters: { required: ['input'] } } },
        { function: { name: 'mcp__files__read', parameters: { type: 'object' } } },
      ],
      messages: [{}, { tool_calls: [{ function: { name: 'mcp__files__read' } }] }, {}],
    });
  });

  it.each([
    ['previous_response_id', { previous_response_id: 'resp_1' }],
    ['conversation', { conversation: 'conv_1' }],
    ['prompt', { prompt: { id: 'p' } }],
    ['background', { background: true }],
    ['truncation', { truncation: 'auto' }],
    ['top_logprobs', { top_logprobs: 2 }],
    ['include[0]', { include: ['message.output_text.logprobs'] }],
    ['tools[0].type', { tools: [{ type: 'web_search' }] }],
    ['tools[0].format.type', { tools: [{ type: 'custom', name: 'p', format: { type: 'regexp' } }] }],
    ['tools[0].tools[1].type', { tools: [{ type: 'namespace', name: 'a', tools: [{ type: 'function', name: 'f' }, { type: 'namespace', name: 'b', tools: [] }] }] }],
    ['tool_choice', { tools: [], tool_choice: { type: 'allowed_tools' } }],
    ['input[0]', { input: [{ type: 'item_reference', id: 'x' }] }],
    ['input[0].type', { input: [{ type: 'web_search_call', id: 'x' }] }],
    ['input[0].encrypted_content', { input: [{ type: 'reasoning', summary: [], encrypted_content: 'x' }] }],
    ['input[0].content[0].file_id', { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'f' }] }] }],
    ['a_field_of_tomorrow', { a_field_of_tomorrow: 1 }],
  ])('is refused for %s', (at, body) => {
    expect(() => responses(body)).toThrow(expect.objectContaining({ code: 'ENT_UNTRANSLATABLE', status: 400, at }));
  });
});

describe('tools that only a vendor\'s servers have, where they may be left out', () => {
  const translate = (dialect: 'messages' | 'responses', body: JsonObject): { chat: JsonObject; leftOut: readonly string[] } => {
    const asked = dialect === 'messages' ? { model: 'm', max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] } : { model: 'm', input: 'hi' };
    const { parsed, leftOut } = new Translator({ hostedTools: 'leave-out' }).translate(dialect, { ...asked, ...body }, LOCAL_TENANT);
    return { chat: parsed, leftOut };
  };
  const search = { type: 'web_search_20250305', name: 'web_search', max_uses: 8 };
  const read = { name: 'read', input_schema: {} };
  const call = { type: 'function', name: 'shell', parameters: {} };

  it('are named and the others kept, in Messages', () => {
    const { chat, leftOut } = translate('messages', { tools: [search, read], tool_choice: { type: 'tool', name: 'read' } });
    expect(chat.tools).toEqual([{ type: 'function', function: { name: 'read', parameters: {} } }]);
    expect(leftOut).toEqual(['tools.web_search_20250305']);
  });

  it('are named and the others kept, in Responses, with searches of earlier answers', () => {
    const input = [{ role: 'user', content: 'x' }, { type: 'web_search_call', id: 'ws_1', status: 'completed', action: { type: 'search', query: 'q' } }, { role: 'assistant', content: 'Found.' }, { role: 'user', content: 'y' }];
    const { chat, leftOut } = translate('responses', { input, tools: [call, { type: 'web_search', external_web_access: false }, { type: 'image_generation', output_format: 'png' }], tool_choice: 'auto' });
    expect(chat).toMatchObject({ tools: [{ function: { name: 'shell' } }], tool_choice: 'auto', messages: [{ content: 'x' }, { content: 'Found.' }, { content: 'y' }] });
    expect(leftOut).toEqual(['tools.image_generation', 'tools.web_search', 'web_search_call']);
  });

  it.each([
    ['messages', 'tools[0].type', { tools: [search] }],
    ['messages', 'tool_choice.name', { tools: [read, search], tool_choice: { type: 'tool', name: 'web_search' } }],
    ['messages', 'tools[1].type', { tools: [read, { type: 'web\r\nx: y', name: 'z' }] }],
    ['messages', 'tools[1].type', { tools: [read, { type: 7, name: 'z' }] }],
    ['messages', 'container', { tools: [read], container: 'c' }],
    ['responses', 'tools[0].type', { tools: [{ type: 'web_search' }, { type: 'file_search' }] }],
    ['responses', 'tool_choice', { tools: [call, { type: 'web_search' }], tool_choice: { type: 'web_search' } }],
    ['responses', 'tools[0].tools[0].type', { tools: [{ type: 'namespace', name: 'n', tools: [{ type: 'web_search' }] }] }],
    ['responses', 'input[0].type', { input: [{ type: 'file_search_call', id: 'x' }] }],
  ] as const)('are refused all the same where the call wants what they do, or cannot be named: %s, %s', (dialect, at, body) => {
    expect(() => translate(dialect, body)).toThrow(expect.objectContaining({ code: 'ENT_UNTRANSLATABLE', at }));
  });
});

describe('what is said about it', () => {
  const page = readFileSync(new URL('../../../docs/protocols.md', import.meta.url), 'utf8');
  const tables = [MESSAGES_TABLE, TOOL_TABLE, TOOL_CHOICE_TABLE, OUTPUT_TABLE, RESPONSES_TABLE, TEXT_TABLE, REASONING_TABLE, ...[BLOCK_TABLES, ITEM_TABLES, PART_TABLES, TOOL_TABLES].flatMap((group) => Object.values(group))];

  it('names every field that is left out, and every block and item that is translated', () => {
    const names = [...tables.flatMap((table) => table.leftOut ?? []), ...MESSAGES_TABLE.translated, ...RESPONSES_TABLE.translated, ...[BLOCK_TABLES, ITEM_TABLES, PART_TABLES].flatMap((group) => Object.keys(group))];
    expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});

it('puts a key where servers of chat completions look for it, unless one is there', () => {
  expect(chatHeaders(['x-api-key', 'k', 'anthropic-version', '1', 'x-session-id', 's'])).toEqual(['content-type', 'application/json', 'authorization', 'Bearer k', 'x-session-id', 's']);
  expect(chatHeaders(['X-Api-Key', 'k', 'Authorization', 'Bearer t', 'Content-Type', 'x'])).toEqual(['content-type', 'application/json', 'Authorization', 'Bearer t']);
});
