/** One call: its tokens through the slot manager, its answer to the client as it comes. */
import { EntresolError, type Answer, type CallReport, type EngineCall } from '../../core/index.ts';
import type { SlotManager, SlotResult } from '../slots/slot-manager.ts';
import { AnswerDecoder } from './dialect/answer-decoder.ts';
import type { AnswerWriter, FinishReason } from './dialect/answer-writer.ts';
import { StreamedChatAnswer, WholeChatAnswer } from './dialect/chat-answer.ts';
import { StreamedCompletionAnswer, WholeCompletionAnswer } from './dialect/completion-answer.ts';
import { TokenText } from './dialect/token-text.ts';
import type { Tokeniser } from './dialect/tokeniser.ts';
import type { LocalModel } from './local-model.ts';
import type { PreparedCall } from './prepared-call.ts';

export interface CallContext {
  readonly call: EngineCall;
  readonly prepared: PreparedCall;
  readonly model: LocalModel;
  readonly manager: SlotManager;
  readonly answer: Answer;
  readonly id: string;
  readonly nowSeconds: number;
}

/** What single tokens say, per tokeniser. */
const SINGLE_TOKENS = new WeakMap<Tokeniser, Map<number, string>>();

function tokenText(tokeniser: Tokeniser): TokenText {
  let single = SINGLE_TOKENS.get(tokeniser);
  if (single === undefined) SINGLE_TOKENS.set(tokeniser, single = new Map());
  return new TokenText(tokeniser, single);
}

function writerOf({ prepared, answer, id, nowSeconds }: CallContext): AnswerWriter {
  const { model, stream, includeUsage } = prepared.options;
  if (prepared.dialect === 'chat') {
    const heading = { id: `chatcmpl-${id}`, created: nowSeconds, model };
    return stream ? new StreamedChatAnswer(answer, heading, includeUsage) : new WholeChatAnswer(answer, heading);
  }
  const heading = { id: `cmpl-${id}`, created: nowSeconds, model };
  return stream ? new StreamedCompletionAnswer(answer, heading, includeUsage) : new WholeCompletionAnswer(answer, heading);
}

/** @throws EntresolError of the slot manager; before the first token nothing has been written, after it a stream has said why it breaks */
export async function serveCall(context: CallContext): Promise<CallReport> {
  const { call, prepared, model, manager } = context;
  const { options } = prepared;
  const writer = writerOf(context);
  const stop = new AbortController();
  if (call.signal.aborted) stop.abort();
  else call.signal.addEventListener('abort', () => { stop.abort(); }, { once: true });
  const decoder = new AnswerDecoder({
    text: tokenText(model.tokeniser), stop: options.stop, sink: writer,
    toolCallMarks: prepared.readsToolCalls ? model.format.toolCallMarks : undefined,
    toolCallTexts: prepared.readsToolCalls ? model.format.toolCallTexts : undefined,
    oneToolCall: prepared.oneToolCall,
    onEnough: () => { stop.abort(); },
  });
  let begun: void | Promise<void> = undefined;
  let first = true;
  const result = await manager.submit({
    request: call.request,
    tokens: prepared.tokens,
    generate: {
      maxTokens: options.maxTokens ?? prepared.forced?.length ?? model.defaultMaxTokens ?? model.tokenEngine.contextTokens,
      temperature: options.temperature, topP: options.topP, seed: options.seed,
      forced: prepared.forced,
      signal: stop.signal,
      onToken: (token) => {
        if (first) begun = writer.begin();
        first = false;
        decoder.push(token);
      },
    },
  }).catch((error: unknown) => {
    if (!first && error instanceof EntresolError && error.code !== 'ENT_CANCELLED') writer.fail?.(error);
    throw error;
  });
  await begun;
  return finish(context, writer, decoder, result);
}

async function finish({ call, prepared, model, answer }: CallContext, writer: AnswerWriter, decoder: AnswerDecoder, result: SlotResult): Promise<CallReport> {
  const { text, toolCalls, exact } = await decoder.finish();
  const report = {
    promptTokens: result.promptTokens, cachedTokens: result.cachedTokens, outputTokens: result.output.length,
    tools: toolCalls.map((toolCall) => toolCall.name), queueMs: result.queueMs, prefillMs: result.prefillMs, notes: result.notes,
  };
  if (result.stop === 'cancelled' && !decoder.enough) {
    answer.destroy(new Error('cancelled'));
    return { status: 'cancelled', ...report };
  }
  if (exact && prepared.dialect === 'chat') model.format.remember(call.request.by.tenant, { text, toolCalls }, result.output);
  const ended: FinishReason = result.stop === 'length' ? 'length' : 'stop';
  const reason: FinishReason = ended === 'stop' && toolCalls.length > 0 ? 'tool_calls' : ended;
  await writer.end(reason, { promptTokens: result.promptTokens, cachedTokens: result.cachedTokens, outputTokens: result.output.length }, decoder.matchedStop);
  return { status: 'ok', stop: reason, ...report };
}
