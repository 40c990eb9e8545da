/** Answers of OpenAI's Responses, from a chat completion. */
import { isObject, type JsonObject } from '../../../core/fields.ts';
import { errorType } from '../../errors.ts';
import { jsonOrUndefined } from '../../json-fields.ts';
import type { Block } from '../answer-blocks.ts';
import { EventBuffer, type AnswerOutcome, type AnswerWriter } from '../answer-writer.ts';
import type { EngineError } from '../chat/answer-reader.ts';
import { clientTools, type ClientTool } from './tools.ts';

export interface ResponseHeading {
  readonly id: string;
  /** Seconds since 1970. */
  readonly createdAt: number;
  /** The client's request: an answer repeats what was asked. */
  readonly request: JsonObject;
  /** The answer is whole. */
  finished?(id: string, output: readonly JsonObject[]): void;
}

const INCOMPLETE: Readonly<Record<string, string>> = { length: 'max_output_tokens', content_filter: 'content_filter' };

type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

/** The free text of a call that went to the engine as a function with one argument. */
function freeText(json: string): string {
  const value = jsonOrUndefined(json);
  return isObject(value) && typeof value.input === 'string' ? value.input : json;
}

export class ResponsesWriter implements AnswerWriter {
  private readonly events = new EventBuffer();
  private readonly heading: ResponseHeading;
  private readonly tools: ReadonlyMap<string, ClientTool>;
  private sequence = 0;
  private model = '';

  constructor(heading: ResponseHeading) {
    this.heading = heading;
    this.tools = clientTools(heading.request);
  }

  begin(model: string): void {
    this.model = model;
    this.add('response.created', { response: this.response('in_progress') });
    this.add('response.in_progress', { response: this.response('in_progress') });
  }

  opened(block: Block): void {
    this.add('response.output_item.added', { output_index: block.index, item: this.item(block, 'in_progress') });
    if (block.kind !== 'tool') this.add('response.content_part.added', { ...this.place(block), content_index: 0, part: this.part(block, '') });
  }

  grew(block: Block, piece: string): void {
    const place = this.place(block);
    if (block.kind === 'text') this.add('response.output_text.delta', { ...place, content_index: 0, delta: piece, logprobs: [] });
    else if (block.kind === 'refusal') this.add('response.refusal.delta', { ...place, content_index: 0, delta: piece });
    else if (block.kind === 'reasoning') this.add('response.reasoning_text.delta', { ...place, content_index: 0, delta: piece });
    // Free text can be read only once its JSON is whole.
    else if (!this.isCustom(block)) this.add('response.function_call_arguments.delta', { ...place, delta: piece });
  }

  closed(block: Block): void {
    const place = this.place(block);
    const { text } = block;
    if (block.kind === 'tool') this.closedCall(block);
    else {
      if (block.kind === 'text') this.add('response.output_text.done', { ...place, content_index: 0, text, logprobs: [] });
      else if (block.kind === 'refusal') this.add('response.refusal.done', { ...place, content_index: 0, refusal: text });
      else this.add('response.reasoning_text.done', { ...place, content_index: 0, text });
      this.add('response.content_part.done', { ...place, content_index: 0, part: this.part(block, text) });
    }
    this.add('response.output_item.done', { output_index: block.index, item: this.item(block, 'completed') });
  }

  end(blocks: readonly Block[], outcome: AnswerOutcome): void {
    const response = this.document(blocks, outcome);
    this.add(`response.${response.status}`, { response });
  }

  fail(error: EngineError): void {
    this.add('response.failed', { response: { ...this.response('failed'), error: { code: 'server_error', message: error.message } } });
  }

  take(): string {
    return this.events.take();
  }

  document(blocks: readonly Block[], outcome: AnswerOutcome): JsonObject & { readonly status: string } {
    this.model = outcome.model;
    const reason = outcome.finish === undefined ? undefined : INCOMPLETE[outcome.finish];
    const { promptTokens, cachedTokens, outputTokens } = outcome.usage;
    const status = reason === undefined ? 'completed' : 'incomplete';
    const output = blocks.map((block) => this.item(block, reason !== undefined && block === blocks.at(-1) ? 'incomplete' : 'completed'));
    this.heading.finished?.(`resp_${this.heading.id}`, output);
    return {
      ...this.response(status), status,
      incomplete_details: reason === undefined ? null : { reason },
      output,
      usage: {
        input_tokens: promptTokens, input_tokens_details: { cached_tokens: cachedTokens },
        output_tokens: outputTokens, output_tokens_details: { reasoning_tokens: outcome.reasoningTokens }, total_tokens: promptTokens + outputTokens,
      },
    };
  }

  errorDocument(status: number, error: EngineError): object {
    return { error: { message: error.message, type: error.type === '' ? errorType(status) : error.type, param: null, code: error.code ?? null } };
  }

  private add(type: string, fields: JsonObject): void {
    this.events.add({ type, sequence_number: this.sequence++, ...fields });
  }

  private isCustom(block: Block): boolean {
    return block.kind === 'tool' && this.tools.get(block.name)?.custom === true;
  }

  private closedCall(block: Block): void {
    const place = this.place(block);
    if (!this.isCustom(block)) {
      this.add('response.function_call_arguments.done', { ...place, arguments: block.text });
      return;
    }
    const input = freeText(block.text);
    this.add('response.custom_tool_call_input.delta', { ...place, delta: input });
    this.add('response.custom_tool_call_input.done', { ...place, input });
  }

  private itemId(block: Block): string {
    const prefix = block.kind === 'tool' ? (this.isCustom(block) ? 'ctc' : 'fc') : block.kind === 'reasoning' ? 'rs' : 'msg';
    return `${prefix}_${this.heading.id}_${block.index}`;
  }

  private place(block: Block): JsonObject {
    return { item_id: this.itemId(block), output_index: block.index };
  }

  private part(block: Block, text: string): object {
    if (block.kind === 'reasoning') return { type: 'reasoning_text', text };
    return block.kind === 'refusal' ? { type: 'refusal', refusal: text } : { type: 'output_text', text, annotations: [], logprobs: [] };
  }

  private item(block: Block, status: ItemStatus): JsonObject {
    const id = this.itemId(block);
    const begun = status !== 'in_progress';
    if (block.kind === 'reasoning') return { id, type: 'reasoning', summary: [], content: begun ? [this.part(block, block.text)] : [], status };
    if (block.kind !== 'tool') return { id, type: 'message', role: 'assistant', status, content: begun ? [this.part(block, block.text)] : [] };
    const { name, namespace } = this.tools.get(block.name) ?? { name: block.name };
    const call = { id, call_id: block.id, name, ...(namespace === undefined ? {} : { namespace }), status };
    return this.isCustom(block) ? { ...call, type: 'custom_tool_call', input: begun ? freeText(block.text) : '' } : { ...call, type: 'function_call', arguments: begun ? block.text : '' };
  }

  private response(status: string): JsonObject {
    const { id, createdAt, request } = this.heading;
    return {
      id: `resp_${id}`, object: 'response', created_at: createdAt, status, background: false, error: null, incomplete_details: null,
      instructions: request.instructions ?? null, max_output_tokens: request.max_output_tokens ?? null, metadata: request.metadata ?? {}, model: this.model, output: [],
      parallel_tool_calls: request.parallel_tool_calls ?? true, previous_response_id: request.previous_response_id ?? null, reasoning: request.reasoning ?? { effort: null, summary: null }, store: request.store ?? true,
      temperature: request.temperature ?? 1, text: request.text ?? { format: { type: 'text' } }, tool_choice: request.tool_choice ?? 'auto', tools: request.tools ?? [],
      top_p: request.top_p ?? 1, truncation: 'disabled', usage: null, user: null,
    };
  }
}
