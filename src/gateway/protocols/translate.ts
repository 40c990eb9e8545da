/** A call of Messages or Responses for an engine that speaks chat completions, and the way back for its answer. */
import { randomUUID } from 'node:crypto';
import type { Answer, Dialect } from '../../core/index.ts';
import type { JsonObject } from '../../core/fields.ts';
import { listOf } from '../json-fields.ts';
import type { LeftOut } from './field-table.ts';
import { MessagesWriter } from './messages/answer-writer.ts';
import { chatFromMessages } from './messages/request.ts';
import { ResponsesWriter } from './responses/answer-writer.ts';
import { chatFromResponses } from './responses/request.ts';
import { TranslatedAnswer } from './translated-answer.ts';

export interface TranslatedCall {
  /** The chat completion request. */
  readonly parsed: JsonObject;
  readonly body: Buffer;
  readonly leftOut: readonly string[];
}

export const CHAT_PATH = '/v1/chat/completions';

/** @throws EntresolError `ENT_BAD_REQUEST`, `ENT_UNTRANSLATABLE`, naming the place */
export function translateCall(dialect: Dialect, request: JsonObject): TranslatedCall {
  const leftOut: LeftOut = new Set();
  const parsed = dialect === 'messages' ? chatFromMessages(request, leftOut) : chatFromResponses(request, leftOut);
  return { parsed, body: Buffer.from(JSON.stringify(parsed)), leftOut: [...leftOut].sort() };
}

/** Headers that speak of the client's dialect, or of a body that is no longer the client's. */
const OF_THE_DIALECT = /^(?:anthropic-|content-encoding$|content-type$|openai-beta$)/i;

/** Headers for the engine: a key in Anthropic's place goes where servers of chat completions look for it. */
export function chatHeaders(raw: readonly string[]): string[] {
  const names = raw.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const moved = !names.includes('authorization');
  const kept: string[] = ['content-type', 'application/json'];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index].toLowerCase();
    if (OF_THE_DIALECT.test(name)) continue;
    if (name === 'x-api-key') {
      if (moved) kept.push('authorization', `Bearer ${raw[index + 1]}`);
    } else kept.push(raw[index], raw[index + 1]);
  }
  return kept;
}

export interface AnswerContext {
  readonly requestId: string;
  readonly request: JsonObject;
  readonly leftOut: readonly string[];
  /** What is known of the prompt before the answer; 0 if nothing. */
  readonly promptTokens: number;
  readonly nowSeconds: number;
}

/** @param to where the client's answer goes */
export function translatedAnswer(dialect: Dialect, to: Answer, { requestId, request, leftOut, promptTokens, nowSeconds }: AnswerContext): TranslatedAnswer {
  const id = randomUUID().replaceAll('-', '');
  return new TranslatedAnswer(to, {
    writer: dialect === 'messages' ? new MessagesWriter(id, promptTokens, listOf(request.stop_sequences)) : new ResponsesWriter({ id, createdAt: nowSeconds, request }),
    stream: request.stream === true,
    model: typeof request.model === 'string' ? request.model : '',
    headers: [dialect === 'messages' ? 'request-id' : 'x-request-id', requestId, ...(leftOut.length === 0 ? [] : ['x-entresol-left-out', leftOut.join(', ')])],
    note: `translated ${dialect} to chat completions${leftOut.length === 0 ? '' : `, without ${leftOut.join(', ')}`}`,
    newCallId: () => `call_${randomUUID().replaceAll('-', '')}`,
  });
}
