/**
 * The chat format of the synthetic model (and of the simulated engine): every part of a prompt stands between marks,
 * which no text can contain. Each part is tokenised by itself and remembered, so a prompt that grows costs its new
 * text only, and one prompt is a prefix of the next as far as their messages are equal.
 */
import type { TenantId } from '../../../core/index.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { AnswerText, ChatFormat, RenderedPrompt } from './chat-format.ts';
import type { ChatMessage, ChatTool } from './chat-request.ts';
import type { ToolCallText } from './forced-answer.ts';
import type { Tokeniser } from './tokeniser.ts';

export interface Marks {
  readonly end: number;
  readonly system: number;
  readonly user: number;
  readonly assistant: number;
  readonly tool: number;
  readonly toolCall: number;
  readonly toolCallEnd: number;
  readonly tools: number;
}

/** Bounds of what is remembered, in characters of text and in tokens of answers. */
const REMEMBERED_CHARACTERS = 32_000_000;
const REMEMBERED_ANSWER_TOKENS = 1_000_000;

type Part = number | string | Int32Array;

/** A tool call as the model writes it. The arguments stay as they are, to the character. */
export function toolCallJson(call: ToolCallText): string {
  return `{"name":${JSON.stringify(call.name)},"arguments":${call.argumentsJson}}`;
}

/** White space between the tokens of a JSON text; what stands in strings is matched with them and kept. */
const JSON_SPACE = /("(?:[^"\\]|\\.)*")|\s+/gu;

/** Clients that parse a call's arguments send them back in their own spelling: as the same answer, and so the same tokens. */
function answerKey(tenant: TenantId, answer: AnswerText): string {
  return JSON.stringify([tenant, answer.text, ...answer.toolCalls.map((call) => toolCallJson(call).replace(JSON_SPACE, '$1'))]);
}

export class MarkedFormat implements ChatFormat {
  readonly toolCallMarks: { readonly begin: number; readonly end: number };
  readonly #tokeniser: Tokeniser;
  readonly #marks: Marks;
  readonly #texts = new BoundedCache<Int32Array>(REMEMBERED_CHARACTERS);
  readonly #answers = new BoundedCache<Int32Array>(REMEMBERED_ANSWER_TOKENS);

  constructor(tokeniser: Tokeniser, marks: Marks) {
    this.#tokeniser = tokeniser;
    this.#marks = marks;
    this.toolCallMarks = { begin: marks.toolCall, end: marks.toolCallEnd };
  }

  async prompt(messages: readonly ChatMessage[], tools: readonly ChatTool[], tenant: TenantId): Promise<RenderedPrompt> {
    const leading = messages.findIndex((message) => message.role !== 'system');
    const systems = leading < 0 ? messages.length : leading;
    const tokens = await this.#tokens([
      ...messages.slice(0, systems).flatMap((message) => this.#messageParts(message, tenant)),
      ...(tools.length === 0 ? [] : [this.#marks.tools, ...tools.map((tool) => `${JSON.stringify(tool)}\n`), this.#marks.end]),
      ...messages.slice(systems).flatMap((message) => this.#messageParts(message, tenant)),
      this.#marks.assistant,
    ]);
    return { tokens, stop: [] };
  }

  async answer(answer: AnswerText): Promise<Int32Array> {
    return this.#tokens([...this.#answerParts(answer), this.#marks.end]);
  }

  remember(tenant: TenantId, answer: AnswerText, tokens: Int32Array): void {
    const ended = tokens[tokens.length - 1] === this.#marks.end;
    this.#answers.set(answerKey(tenant, answer), ended ? tokens.subarray(0, -1) : tokens, tokens.length);
  }

  #messageParts(message: ChatMessage, tenant: TenantId): Part[] {
    const { end } = this.#marks;
    switch (message.role) {
      case 'system':
      case 'user': return [this.#marks[message.role], ...(message.name === undefined ? [] : [`${message.name}: `]), message.text, end];
      case 'assistant': {
        const decoded = this.#answers.get(answerKey(tenant, message));
        return [this.#marks.assistant, ...(decoded === undefined ? this.#answerParts(message) : [decoded]), end];
      }
      case 'tool': return [this.#marks.tool, message.text, end];
    }
  }

  #answerParts(answer: AnswerText): Part[] {
    return [answer.text, ...answer.toolCalls.flatMap((call): Part[] => [this.#marks.toolCall, toolCallJson(call), this.#marks.toolCallEnd])];
  }

  async #tokens(parts: readonly Part[]): Promise<Int32Array> {
    const pieces = await Promise.all(parts.map((part) => {
      if (typeof part === 'number') return Int32Array.of(part);
      return typeof part === 'string' ? this.#tokensOf(part) : part;
    }));
    const whole = new Int32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let offset = 0;
    for (const piece of pieces) {
      whole.set(piece, offset);
      offset += piece.length;
    }
    return whole;
  }

  #tokensOf(text: string): Int32Array | Promise<Int32Array> {
    if (text === '') return new Int32Array(0);
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    return this.#tokeniser.tokenise(text).then((tokens) => {
      this.#texts.set(text, tokens, text.length);
      return tokens;
    });
  }
}
