/** One answer of a model, written as each API writes it: whole, or as the events of a stream. */
export interface SpokenToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

export interface SpokenAnswer {
  readonly text?: string;
  readonly thinking?: string;
  readonly toolCalls?: readonly SpokenToolCall[];
  /** The limit on output cut it. */
  readonly cut?: boolean;
  readonly usage?: { readonly prompt: number; readonly cached: number; readonly output: number };
}

interface StreamEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

const USAGE = { prompt: 12, cached: 8, output: 3 };

/** Cuts a text into pieces of a few characters, as models stream it. */
const pieces = (text: string): string[] => [...text.matchAll(/[\s\S]{1,7}/gu)].map(([piece]) => piece);
const event = (value: StreamEvent): string => `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`;
const data = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

const chatFinish = ({ toolCalls = [], cut }: SpokenAnswer): string => (cut === true ? 'length' : toolCalls.length > 0 ? 'tool_calls' : 'stop');
const chatUsage = ({ usage = USAGE }: SpokenAnswer): unknown => ({ prompt_tokens: usage.prompt, completion_tokens: usage.output, total_tokens: usage.prompt + usage.output, prompt_tokens_details: { cached_tokens: usage.cached } });

export function chatBody(answer: SpokenAnswer): string {
  const toolCalls = (answer.toolCalls ?? []).map((call) => ({ id: call.id, type: 'function', function: { name: call.name, arguments: call.arguments } }));
  const message = { role: 'assistant', content: answer.text ?? null, refusal: null, ...(answer.thinking === undefined ? {} : { reasoning_content: answer.thinking }), ...(toolCalls.length > 0 ? { tool_calls: toolCalls } : {}) };
  return JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, message, logprobs: null, finish_reason: chatFinish(answer) }], usage: chatUsage(answer) });
}

export function chatStream(answer: SpokenAnswer, includeUsage: boolean): string {
  const heading = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm' };
  const delta = (part: unknown, finish: string | null = null): string => data({ ...heading, choices: [{ index: 0, delta: part, logprobs: null, finish_reason: finish }], ...(includeUsage ? { usage: null } : {}) });
  return [
    delta({ role: 'assistant', content: '' }),
    ...pieces(answer.thinking ?? '').map((piece) => delta({ reasoning_content: piece })),
    ...pieces(answer.text ?? '').map((piece) => delta({ content: piece })),
    ...(answer.toolCalls ?? []).flatMap((call, index) => [
      delta({ tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } }] }),
      ...pieces(call.arguments).map((piece) => delta({ tool_calls: [{ index, function: { arguments: piece } }] })),
    ]),
    delta({}, chatFinish(answer)),
    ...(includeUsage ? [data({ ...heading, choices: [], usage: chatUsage(answer) })] : []),
    'data: [DONE]\n\n',
  ].join('');
}

const messagesStop = ({ toolCalls = [], cut }: SpokenAnswer): string => (cut === true ? 'max_tokens' : toolCalls.length > 0 ? 'tool_use' : 'end_turn');
const messagesInput = ({ usage = USAGE }: SpokenAnswer): object => ({ input_tokens: usage.prompt - usage.cached, cache_creation_input_tokens: 0, cache_read_input_tokens: usage.cached });

export function messagesBody(answer: SpokenAnswer): string {
  const content = [
    ...(answer.thinking === undefined ? [] : [{ type: 'thinking', thinking: answer.thinking, signature: 'c2ln' }]),
    ...(answer.text === undefined ? [] : [{ type: 'text', text: answer.text }]),
    ...(answer.toolCalls ?? []).map((call) => ({ type: 'tool_use', id: call.id, name: call.name, input: JSON.parse(call.arguments) as unknown })),
  ];
  const { output } = answer.usage ?? USAGE;
  return JSON.stringify({ id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content, stop_reason: messagesStop(answer), stop_sequence: null, usage: { ...messagesInput(answer), output_tokens: output } });
}

export function messagesStream(answer: SpokenAnswer): string {
  let index = -1;
  const block = (start: object, deltas: readonly object[]): string[] => {
    index += 1;
    return [event({ type: 'content_block_start', index, content_block: start }), ...deltas.map((delta) => event({ type: 'content_block_delta', index, delta })), event({ type: 'content_block_stop', index })];
  };
  const { output } = answer.usage ?? USAGE;
  return [
    event({ type: 'message_start', message: { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: null, stop_sequence: null, usage: { ...messagesInput(answer), output_tokens: 1 } } }),
    event({ type: 'ping' }),
    ...(answer.thinking === undefined ? [] : block({ type: 'thinking', thinking: '', signature: '' }, [...pieces(answer.thinking).map((thinking) => ({ type: 'thinking_delta', thinking })), { type: 'signature_delta', signature: 'c2ln' }])),
    ...(answer.text === undefined ? [] : block({ type: 'text', text: '' }, pieces(answer.text).map((text) => ({ type: 'text_delta', text })))),
    ...(answer.toolCalls ?? []).flatMap((call) => block({ type: 'tool_use', id: call.id, name: call.name, input: {} }, ['', ...pieces(call.arguments)].map((piece) => ({ type: 'input_json_delta', partial_json: piece })))),
    event({ type: 'message_delta', delta: { stop_reason: messagesStop(answer), stop_sequence: null }, usage: { output_tokens: output } }),
    event({ type: 'message_stop' }),
  ].join('');
}

interface Item {
  readonly type: string;
  readonly id: string;
  readonly [field: string]: unknown;
}

function responseItems(answer: SpokenAnswer, status: string): Item[] {
  const parts = (text: string): object[] => (status === 'in_progress' ? [] : [{ type: 'output_text', text, annotations: [], logprobs: [] }]);
  return [
    ...(answer.thinking === undefined ? [] : [{ type: 'reasoning', id: 'rs_1', summary: status === 'in_progress' ? [] : [{ type: 'summary_text', text: answer.thinking }] }]),
    ...(answer.text === undefined ? [] : [{ type: 'message', id: 'msg_1', role: 'assistant', status, content: parts(answer.text) }]),
    ...(answer.toolCalls ?? []).map((call, index) => ({ type: 'function_call', id: `fc_${index}`, call_id: call.id, name: call.name, arguments: status === 'in_progress' ? '' : call.arguments, status })),
  ];
}

function response(answer: SpokenAnswer, finished: boolean): object {
  const { prompt, cached, output } = answer.usage ?? USAGE;
  const status = !finished ? 'in_progress' : answer.cut === true ? 'incomplete' : 'completed';
  return {
    id: 'resp_1', object: 'response', created_at: 1, status, background: false, error: null, incomplete_details: finished && answer.cut === true ? { reason: 'max_output_tokens' } : null, instructions: null, max_output_tokens: null, model: 'm',
    output: finished ? responseItems(answer, 'completed') : [], parallel_tool_calls: true, previous_response_id: null, reasoning: { effort: null, summary: null }, store: false, temperature: 1, text: { format: { type: 'text' } }, tool_choice: 'auto', tools: [], top_p: 1, truncation: 'disabled',
    usage: finished ? { input_tokens: prompt, input_tokens_details: { cached_tokens: cached }, output_tokens: output, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: prompt + output } : null, user: null, metadata: {},
  };
}

export function responsesBody(answer: SpokenAnswer): string {
  return JSON.stringify(response(answer, true));
}

export function responsesStream(answer: SpokenAnswer): string {
  const begun = responseItems(answer, 'in_progress');
  const done = responseItems(answer, 'completed');
  const streamed = (item: Item, place: number): StreamEvent[] => {
    const at = { item_id: item.id, output_index: place };
    if (item.type === 'message') {
      const part = { ...at, content_index: 0 };
      const text = answer.text ?? '';
      return [
        { type: 'response.content_part.added', ...part, part: { type: 'output_text', text: '', annotations: [], logprobs: [] } },
        ...pieces(text).map((delta) => ({ type: 'response.output_text.delta', ...part, delta, logprobs: [] })),
        { type: 'response.output_text.done', ...part, text, logprobs: [] },
        { type: 'response.content_part.done', ...part, part: { type: 'output_text', text, annotations: [], logprobs: [] } },
      ];
    }
    if (item.type === 'function_call') {
      const text = String(done[place].arguments);
      return [...pieces(text).map((delta) => ({ type: 'response.function_call_arguments.delta', ...at, delta })), { type: 'response.function_call_arguments.done', ...at, arguments: text }];
    }
    const part = { ...at, summary_index: 0 };
    const text = answer.thinking ?? '';
    return [
      { type: 'response.reasoning_summary_part.added', ...part, part: { type: 'summary_text', text: '' } },
      ...pieces(text).map((delta) => ({ type: 'response.reasoning_summary_text.delta', ...part, delta })),
      { type: 'response.reasoning_summary_text.done', ...part, text },
      { type: 'response.reasoning_summary_part.done', ...part, part: { type: 'summary_text', text } },
    ];
  };
  const events: StreamEvent[] = [
    { type: 'response.created', response: response(answer, false) },
    { type: 'response.in_progress', response: response(answer, false) },
    ...begun.flatMap((item, place) => [{ type: 'response.output_item.added', output_index: place, item }, ...streamed(item, place), { type: 'response.output_item.done', output_index: place, item: done[place] }]),
    { type: answer.cut === true ? 'response.incomplete' : 'response.completed', response: response(answer, true) },
  ];
  return events.map((value, index) => event({ ...value, sequence_number: index })).join('');
}
