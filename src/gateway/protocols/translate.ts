/** A call of Messages or Responses for an engine that speaks chat completions, and the way back for its answer. */
import { randomUUID } from 'node:crypto';
import type { Answer, Dialect, TenantId } from '../../core/index.ts';
import type { JsonObject } from '../../core/fields.ts';
import { listOf } from '../json-fields.ts';
import type { AnswerWriter } from './answer-writer.ts';
import { LeftOut, type HostedTools } from './field-table.ts';
import { MessagesWriter } from './messages/answer-writer.ts';
import { chatFromMessages } from './messages/request.ts';
import { ResponsesWriter } from './responses/answer-writer.ts';
import { KeptResponses } from './responses/kept-responses.ts';
import { chatFromResponses } from './responses/request.ts';
import { TranslatedAnswer } from './translated-answer.ts';

export interface AnswerContext {
  readonly requestId: string;
  /** What is known of the prompt before the answer; 0 if nothing. */
  readonly promptTokens: number;
  readonly nowSeconds: number;
}

export interface TranslatedCall {
  /** The chat completion request. */
  readonly parsed: JsonObject;
  readonly body: Buffer;
  /** Names of fields that were hints or labels. */
  readonly leftOut: readonly string[];
  /** @param to where the client's answer goes */
  answer(to: Answer, context: AnswerContext): TranslatedAnswer;
}

export const CHAT_PATH = '/v1/chat/completions';

export class Translator {
  private readonly kept: KeptResponses;
  private readonly hostedTools: HostedTools;

  constructor({ kept = new KeptResponses(), hostedTools = 'refuse' }: { readonly kept?: KeptResponses; readonly hostedTools?: HostedTools } = {}) {
    this.kept = kept;
    this.hostedTools = hostedTools;
  }

  /** @throws EntresolError `ENT_BAD_REQUEST`, `ENT_UNTRANSLATABLE`, naming the place */
  translate(dialect: Dialect, body: JsonObject, tenant: TenantId): TranslatedCall {
    // Members of a body may be parsed anew at each look: all of them are wanted, once.
    const request = { ...body };
    const leftOut = new LeftOut(this.hostedTools);
    const parsed = dialect === 'messages' ? chatFromMessages(request, leftOut) : chatFromResponses(this.kept.resolve(tenant, request), leftOut);
    const names = [...leftOut].sort();
    return {
      parsed, leftOut: names,
      body: Buffer.from(JSON.stringify(parsed)),
      answer: (to, context) => new TranslatedAnswer(to, {
        writer: this.writer(dialect, request, tenant, context),
        stream: request.stream === true,
        model: typeof request.model === 'string' ? request.model : '',
        headers: [dialect === 'messages' ? 'request-id' : 'x-request-id', context.requestId, ...(names.length === 0 ? [] : ['x-entresol-left-out', names.join(', ')])],
        note: `translated ${dialect} to chat completions${names.length === 0 ? '' : `, without ${names.join(', ')}`}`,
        newCallId: () => `call_${randomUUID().replaceAll('-', '')}`,
      }),
    };
  }

  private writer(dialect: Dialect, request: JsonObject, tenant: TenantId, { promptTokens, nowSeconds }: AnswerContext): AnswerWriter {
    const id = randomUUID().replaceAll('-', '');
    if (dialect === 'messages') return new MessagesWriter(id, promptTokens, listOf(request.stop_sequences));
    return new ResponsesWriter({ id, createdAt: nowSeconds, request, finished: (responseId, output) => this.kept.keep(tenant, responseId, request, output) });
  }
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
