/** From a request's body to what the engine is to do. */
import { EntresolError, type EngineCall, type TenantId } from '../../core/index.ts';
import { readChatRequest } from './dialect/chat-request.ts';
import { readCompletionRequest } from './dialect/completion-request.ts';
import { objectOf, type JsonObject } from '../../core/fields.ts';
import type { SamplingOptions } from './dialect/sampling.ts';
import type { LocalModel } from './local-model.ts';

export interface PreparedCall {
  readonly dialect: 'chat' | 'completions';
  readonly options: SamplingOptions;
  readonly tokens: Int32Array;
  readonly forced: Int32Array | undefined;
  /** Tool calls in the answer are looked for. */
  readonly readsToolCalls: boolean;
  /** The client wants one tool call at most. */
  readonly oneToolCall: boolean;
}

type Call = Pick<EngineCall, 'dialect' | 'path' | 'parsed'>;

function checkModel(requested: string, model: LocalModel): void {
  if (requested !== model.info.id) throw new EntresolError('ENT_UNKNOWN_MODEL', `the model ${JSON.stringify(requested)} is not served here; ${JSON.stringify(model.info.id)} is.`, { at: 'model' });
}

async function forcedTokens(options: SamplingOptions, model: LocalModel): Promise<Int32Array | undefined> {
  const { forced } = options;
  if (forced === undefined) return undefined;
  if (forced.kind === 'message') return model.format.answer({ text: forced.content, toolCalls: forced.toolCalls });
  const strange = forced.tokens.findIndex((token) => token >= model.vocabularySize);
  if (strange >= 0) throw new EntresolError('ENT_BAD_REQUEST', `entresol_force.tokens[${strange}] must be below ${model.vocabularySize}.`, { at: `entresol_force.tokens[${strange}]` });
  return forced.tokens;
}

async function prepareChat(body: JsonObject, model: LocalModel, tenant: TenantId, teacherForcing: boolean): Promise<PreparedCall> {
  const request = readChatRequest(body, teacherForcing);
  checkModel(request.model, model);
  const { tokens, stop } = await model.format.prompt(request.messages, request.tools, tenant);
  // Forced calls are read even where no tool is offered: they are what the trace says.
  const readsToolCalls = request.tools.length > 0 || request.forced !== undefined;
  return {
    dialect: 'chat', options: { ...request, stop: [...request.stop, ...stop] }, readsToolCalls, tokens,
    forced: await forcedTokens(request, model),
    oneToolCall: !request.parallelToolCalls,
  };
}

async function prepareCompletion(body: JsonObject, model: LocalModel, teacherForcing: boolean): Promise<PreparedCall> {
  const request = readCompletionRequest(body, teacherForcing, model.vocabularySize);
  checkModel(request.model, model);
  return {
    dialect: 'completions', options: request, readsToolCalls: false, oneToolCall: false,
    tokens: typeof request.prompt === 'string' ? await model.tokeniser.tokenise(request.prompt) : request.prompt,
    forced: await forcedTokens(request, model),
  };
}

/** @throws EntresolError `ENT_BAD_REQUEST`, `ENT_UNKNOWN_MODEL`, `ENT_PROMPT_TOO_LONG`, `ENT_UNKNOWN_ROUTE` */
export async function prepareCall(call: Call, model: LocalModel, tenant: TenantId, teacherForcing: boolean): Promise<PreparedCall> {
  if (call.dialect !== 'chat' && call.dialect !== 'completions') throw new EntresolError('ENT_UNKNOWN_ROUTE', `this engine does not serve ${call.path}.`, { at: call.path });
  const body = objectOf(call.parsed, 'the body');
  const prepared = call.dialect === 'chat' ? await prepareChat(body, model, tenant, teacherForcing) : await prepareCompletion(body, model, teacherForcing);
  const { contextTokens } = model.tokenEngine;
  if (prepared.tokens.length >= contextTokens) {
    const at = call.dialect === 'chat' ? 'messages' : 'prompt';
    throw new EntresolError('ENT_PROMPT_TOO_LONG', `the prompt has ${prepared.tokens.length} tokens; the context holds ${contextTokens}, and the answer needs room.`, { at });
  }
  return prepared;
}
