/** Answers of Anthropic's Messages, from a chat completion. */
import { jsonOrUndefined } from '../../json-fields.ts';
import { anthropicErrorType } from '../../errors.ts';
import type { Block } from '../answer-blocks.ts';
import { EventBuffer, type AnswerOutcome, type AnswerWriter } from '../answer-writer.ts';
import type { EngineError } from '../chat/answer-reader.ts';

/** Clients keep thinking only with a signature. It is for the API that wrote it; this one says who did. */
const SIGNATURE = 'entresol';

const STOPS: Readonly<Record<string, string>> = { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use', function_call: 'tool_use', content_filter: 'refusal' };

interface Stop {
  readonly stop_reason: string;
  readonly stop_sequence: string | null;
}

/** @param stops those that the client gave: a server may have ended at one of its own */
function stopOf(blocks: readonly Block[], { finish = 'stop', matchedStop }: AnswerOutcome, stops: readonly unknown[]): Stop {
  // Some servers say `stop` where they have called tools.
  if (finish === 'stop' && blocks.some((block) => block.kind === 'tool')) return { stop_reason: 'tool_use', stop_sequence: null };
  if (finish === 'stop' && blocks.some((block) => block.kind === 'refusal')) return { stop_reason: 'refusal', stop_sequence: null };
  if (finish === 'stop' && matchedStop !== undefined && stops.includes(matchedStop)) return { stop_reason: 'stop_sequence', stop_sequence: matchedStop };
  return { stop_reason: STOPS[finish] ?? finish, stop_sequence: null };
}

function usageOf({ usage }: AnswerOutcome): object {
  return { input_tokens: Math.max(0, usage.promptTokens - usage.cachedTokens), cache_creation_input_tokens: 0, cache_read_input_tokens: usage.cachedTokens, output_tokens: usage.outputTokens };
}

function wholeBlocks(block: Block): object[] {
  if (block.kind === 'reasoning') return [{ type: 'thinking', thinking: block.text, signature: SIGNATURE }];
  if (block.kind !== 'tool') return [{ type: 'text', text: block.text }];
  const input = jsonOrUndefined(block.text);
  // Arguments that the limit on output cut off: the stop reason tells, and a half call is not to be run.
  return typeof input === 'object' && input !== null ? [{ type: 'tool_use', id: block.id, name: block.name, input }] : [];
}

export class MessagesWriter implements AnswerWriter {
  private readonly events = new EventBuffer();
  private readonly id: string;
  private readonly promptTokens: number;
  private readonly stops: readonly unknown[];

  /** @param promptTokens what is known of the prompt before the answer; 0 if nothing */
  constructor(id: string, promptTokens: number, stops: readonly unknown[]) {
    this.id = `msg_${id}`;
    this.promptTokens = promptTokens;
    this.stops = stops;
  }

  begin(model: string): void {
    const usage = { input_tokens: this.promptTokens, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 };
    this.events.add({ type: 'message_start', message: { id: this.id, type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null, usage } });
  }

  opened(block: Block): void {
    const content = block.kind === 'tool' ? { type: 'tool_use', id: block.id, name: block.name, input: {} }
      : block.kind === 'reasoning' ? { type: 'thinking', thinking: '', signature: '' } : { type: 'text', text: '' };
    this.events.add({ type: 'content_block_start', index: block.index, content_block: content });
  }

  grew(block: Block, piece: string): void {
    const delta = block.kind === 'tool' ? { type: 'input_json_delta', partial_json: piece }
      : block.kind === 'reasoning' ? { type: 'thinking_delta', thinking: piece } : { type: 'text_delta', text: piece };
    this.events.add({ type: 'content_block_delta', index: block.index, delta });
  }

  closed(block: Block): void {
    if (block.kind === 'reasoning') this.events.add({ type: 'content_block_delta', index: block.index, delta: { type: 'signature_delta', signature: SIGNATURE } });
    this.events.add({ type: 'content_block_stop', index: block.index });
  }

  end(blocks: readonly Block[], outcome: AnswerOutcome): void {
    this.events.add({ type: 'message_delta', delta: stopOf(blocks, outcome, this.stops), usage: usageOf(outcome) });
    this.events.add({ type: 'message_stop' });
  }

  fail(error: EngineError): void {
    this.events.add({ type: 'error', error: { type: 'api_error', message: error.message } });
  }

  take(): string {
    return this.events.take();
  }

  document(blocks: readonly Block[], outcome: AnswerOutcome): object {
    return { id: this.id, type: 'message', role: 'assistant', model: outcome.model, content: blocks.flatMap(wholeBlocks), ...stopOf(blocks, outcome, this.stops), usage: usageOf(outcome) };
  }

  errorDocument(status: number, error: EngineError): object {
    return { type: 'error', error: { type: anthropicErrorType(status), message: error.message, ...(error.code === undefined ? {} : { code: error.code }) } };
  }
}
