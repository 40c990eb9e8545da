/** Reads a chat completion, whole or chunk by chunk, into pieces that any dialect can be written from. */
import { countOf, fieldsOf, isFields, listOf, textOf, type Fields } from '../../json-fields.ts';
import type { Usage } from '../../tap/answer-reader.ts';
import type { AnswerBlocks } from '../answer-blocks.ts';

/** What an engine says went wrong, in its own words. */
export interface EngineError {
  readonly message: string;
  readonly type: string;
  readonly code?: string;
}

/** `{"error": {message, type, code}}`, `{"error": "…"}`, `{"message": …}` of older servers, `{"detail": …}`; undefined if it is none of these. */
export function engineError(value: unknown): EngineError | undefined {
  if (!isFields(value)) return undefined;
  const stated = isFields(value.error) ? value.error : value.object === 'error' ? value : undefined;
  const message = stated === undefined ? textOf(value.error) || textOf(value.detail) : textOf(stated.message);
  if (message === '' && stated === undefined) return undefined;
  const code = typeof stated?.code === 'string' ? stated.code : undefined;
  return { message: message === '' ? 'The engine failed without saying why.' : message, type: textOf(stated?.type), ...(code === undefined ? {} : { code }) };
}

/** Some servers give the arguments as an object, where the API has its text. */
const argumentsText = (value: unknown): string => (isFields(value) ? JSON.stringify(value) : textOf(value));

export class ChatAnswerReader {
  finish?: string;
  /** The stop string that ended it, where the server tells (vLLM, SGLang and the local engines do). */
  matchedStop?: string;
  usage: Usage = { promptTokens: 0, cachedTokens: 0, outputTokens: 0 };
  reasoningTokens = 0;
  error?: EngineError;
  model = '';
  begun = false;
  private readonly blocks: AnswerBlocks;
  private readonly begins: () => void;

  /** @param begins called before the first piece: something that a chat completion is made of has come */
  constructor(blocks: AnswerBlocks, begins: () => void) {
    this.blocks = blocks;
    this.begins = begins;
  }

  /** A body, or the data of one event. */
  read(value: unknown): void {
    if (!isFields(value)) return;
    const error = engineError(value);
    if (error !== undefined) this.error ??= error;
    if (this.model === '') this.model = textOf(value.model);
    if (isFields(value.usage)) this.readUsage(value.usage);
    for (const choice of listOf(value.choices)) if (isFields(choice) && countOf(choice.index) === 0) this.readChoice(choice);
  }

  /** A text, or parts of text and thinking, as Mistral's reasoning models answer. */
  private readContent(content: unknown): void {
    this.blocks.text('text', textOf(content));
    for (const part of listOf(content)) {
      const { type, text, thinking } = fieldsOf(part);
      if (type === 'thinking') this.blocks.text('reasoning', typeof thinking === 'string' ? thinking : listOf(thinking).map((piece) => textOf(fieldsOf(piece).text)).join(''));
      else this.blocks.text('text', textOf(text));
    }
  }

  private readUsage(usage: Fields): void {
    const { cached_tokens: cached } = fieldsOf(usage.prompt_tokens_details);
    this.usage = { promptTokens: countOf(usage.prompt_tokens), cachedTokens: countOf(cached), outputTokens: countOf(usage.completion_tokens) };
    this.reasoningTokens = countOf(fieldsOf(usage.completion_tokens_details).reasoning_tokens);
  }

  private readChoice(choice: Fields): void {
    if (!this.begun) {
      this.begun = true;
      this.begins();
    }
    const delta = isFields(choice.delta) ? choice.delta : fieldsOf(choice.message);
    this.blocks.text('reasoning', textOf(delta.reasoning_content ?? delta.reasoning));
    this.readContent(delta.content);
    this.blocks.text('refusal', textOf(delta.refusal));
    listOf(delta.tool_calls).forEach((call, position) => {
      if (!isFields(call)) return;
      const { name, arguments: piece } = fieldsOf(call.function);
      this.blocks.toolCall(typeof call.index === 'number' ? call.index : position, { id: textOf(call.id), name: textOf(name), piece: argumentsText(piece) });
    });
    // What OpenAI replaced by tool calls, and some servers still answer with: one call, in one piece or in many.
    const { name, arguments: piece } = fieldsOf(delta.function_call);
    if (textOf(name) !== '' || textOf(piece) !== '') this.blocks.toolCall(0, { id: '', name: textOf(name), piece: argumentsText(piece) });
    if (typeof choice.finish_reason !== 'string') return;
    this.finish = choice.finish_reason;
    if (typeof choice.stop_reason === 'string') this.matchedStop = choice.stop_reason;
  }
}
