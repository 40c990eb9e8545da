import { describe, expect, it } from 'vitest';
import { readChatRequest } from './chat-request.ts';
import { readCompletionRequest } from './completion-request.ts';

const user = { role: 'user', content: 'Hello' };
const body = (more: object = {}): Record<string, unknown> => ({ model: 'm', messages: [user], ...more });

describe('chat requests', () => {
  it('reads what OpenAI clients send', () => {
    const request = readChatRequest(body({
      messages: [
        { role: 'developer', content: [{ type: 'text', text: 'Be ' }, { type: 'text', text: 'brief.' }] },
        { role: 'user', content: 'Sum?', name: 'ann' },
        { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'add', arguments: '{"a": 1}' } }] },
        { role: 'tool', tool_call_id: 'call_1', content: '3' },
      ],
      tools: [{ type: 'function', function: { name: 'add', description: 'Adds.', parameters: { type: 'object' } } }],
      tool_choice: 'auto', stream: true, stream_options: { include_usage: true }, max_completion_tokens: 9, max_tokens: null, stop: 'END', temperature: 0, user: 'u', n: 1,
    }), false);
    expect(request).toMatchObject({ stream: true, includeUsage: true, maxTokens: 9, stop: ['END'], temperature: 0, topP: 1, parallelToolCalls: true, forced: undefined });
    expect(request.messages).toEqual([
      { role: 'system', text: 'Be brief.' },
      { role: 'user', text: 'Sum?', name: 'ann' },
      { role: 'assistant', text: '', toolCalls: [{ id: 'call_1', name: 'add', argumentsJson: '{"a": 1}' }] },
      { role: 'tool', text: '3', toolCallId: 'call_1' },
    ]);
    expect(request.tools).toEqual([{ name: 'add', description: 'Adds.', parameters: { type: 'object' } }]);
  });

  it('offers no tools where the client forbids calls', () => {
    expect(readChatRequest(body({ tools: [{ type: 'function', function: { name: 'add' } }], tool_choice: 'none' }), false).tools).toEqual([]);
  });

  it.each([
    [{ model: 3 }, 'model'],
    [{ messages: [] }, 'messages'],
    [{ messages: 'hi' }, 'messages'],
    [{ messages: [user, { role: 'robot', content: '' }] }, 'messages[1].role'],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content'],
    [{ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] }, 'messages[0].content[0].type'],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].tool_call_id'],
    [{ messages: [{ role: 'assistant', tool_calls: [{ function: { name: 'f' } }] }] }, 'messages[0].tool_calls[0].function.arguments'],
    [{ tools: [{ type: 'custom' }] }, 'tools[0].type'],
    [{ tools: [{ type: 'function', function: {} }] }, 'tools[0].function.name'],
    [{ temperature: 3 }, 'temperature'],
    [{ temperature: '1' }, 'temperature'],
    [{ top_p: -1 }, 'top_p'],
    [{ max_tokens: 0 }, 'max_tokens'],
    [{ max_tokens: 1.5 }, 'max_tokens'],
    [{ seed: 'x' }, 'seed'],
    [{ stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop'],
    [{ stop: [''] }, 'stop'],
    [{ stream: 'yes' }, 'stream'],
    [{ stream_options: { include_usage: true } }, 'stream_options'],
    [{ n: 2 }, 'n'],
    [{ logprobs: true }, 'logprobs'],
    [{ top_logprobs: 3 }, 'top_logprobs'],
    [{ logit_bias: { 1: 5 } }, 'logit_bias'],
    [{ frequency_penalty: 0.5 }, 'frequency_penalty'],
    [{ response_format: { type: 'json_object' } }, 'response_format'],
    [{ tool_choice: 'required' }, 'tool_choice'],
    [{ functions: [] }, 'functions'],
    [{ entresol_force: { content: 'x' } }, 'entresol_force'],
  ])('refuses %j by naming %s', (more, at) => {
    expect(() => readChatRequest(body(more), false)).toThrow(expect.objectContaining({ code: 'ENT_BAD_REQUEST', at }));
  });

  it('takes null for "not set", and harmless values of what is not supported', () => {
    const harmless = { temperature: null, stop: null, tools: null, n: 1, logprobs: false, logit_bias: {}, frequency_penalty: 0, response_format: { type: 'text' } };
    expect(readChatRequest(body(harmless), false)).toMatchObject({ temperature: 1, stop: [], tools: [] });
  });

  it('reads forced answers where teacher forcing is on', () => {
    const force = { content: 'Now.', tool_calls: [{ name: 'add', arguments: { a: 1 } }, { name: 'raw', arguments: '{ "b":2 }' }] };
    expect(readChatRequest(body({ entresol_force: force }), true).forced).toEqual({
      kind: 'message', content: 'Now.', toolCalls: [{ name: 'add', argumentsJson: '{"a":1}' }, { name: 'raw', argumentsJson: '{ "b":2 }' }],
    });
    expect(readChatRequest(body({ entresol_force: { tokens: [5, 6] } }), true).forced).toEqual({ kind: 'tokens', tokens: Int32Array.of(5, 6) });
    expect(() => readChatRequest(body({ entresol_force: { tokens: [] } }), true)).toThrow(expect.objectContaining({ at: 'entresol_force.tokens' }));
    expect(() => readChatRequest(body({ entresol_force: { tool_calls: [{}] } }), true)).toThrow(expect.objectContaining({ at: 'entresol_force.tool_calls[0].name' }));
  });
});

describe('completion requests', () => {
  it('reads text and tokens', () => {
    expect(readCompletionRequest({ model: 'm', prompt: 'abc' }, false, 100)).toMatchObject({ prompt: 'abc', maxTokens: 16 });
    expect(readCompletionRequest({ model: 'm', prompt: ['abc'], max_tokens: 3 }, false, 100)).toMatchObject({ prompt: 'abc', maxTokens: 3 });
    expect(readCompletionRequest({ model: 'm', prompt: [3, 99] }, false, 100).prompt).toEqual(Int32Array.of(3, 99));
    expect(readCompletionRequest({ model: 'm', prompt: [[3, 99]] }, false, 100).prompt).toEqual(Int32Array.of(3, 99));
  });

  it.each([
    [{ prompt: [1, 100] }, 'prompt[1]'],
    [{ prompt: ['a', 'b'] }, 'prompt'],
    [{ prompt: '' }, 'prompt'],
    [{ prompt: [] }, 'prompt'],
    [{ prompt: 5 }, 'prompt'],
    [{ prompt: 'a', echo: true }, 'echo'],
    [{ prompt: 'a', logprobs: 0 }, 'logprobs'],
    [{ prompt: 'a', best_of: 2 }, 'best_of'],
  ])('refuses %j by naming %s', (more, at) => {
    expect(() => readCompletionRequest({ model: 'm', ...more }, false, 100)).toThrow(expect.objectContaining({ code: 'ENT_BAD_REQUEST', at }));
  });
});
