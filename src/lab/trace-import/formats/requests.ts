/**
 * Logs of requests and answers in an OpenAI dialect (chat completions, Responses, completions): what our reader of such
 * logs and that of LiteLLM's have in common.
 */
import { count, timeMs, durationMs, type Fields } from '../fields.ts';
import type { EmitCall, HashedRun } from '../imported-call.ts';
import { calledTools, definitionRuns, isFields, messageRuns, messagesRuns, systemText } from '../messages.ts';
import type { SessionInference } from '../session-inference.ts';
import { knownStop } from '../stop-reasons.ts';
import type { TextHasher } from '../text-hasher.ts';

export interface LoggedRequest {
  readonly request: Fields;
  readonly response: Fields | undefined;
  readonly session?: string;
  readonly agent?: string;
  readonly workload?: string;
  readonly startedAt?: unknown;
  readonly endedAt?: unknown;
  readonly durationMs?: number;
  readonly usage?: Fields;
}

/** Messages of the answer, in whichever dialect. */
function answerMessages(response: Fields | undefined): Fields[] {
  if (response === undefined) return [];
  if (Array.isArray(response.choices)) {
    return response.choices.filter(isFields).slice(0, 1).map((choice) => (isFields(choice.message) ? choice.message : { role: 'assistant', content: choice.text }));
  }
  if (Array.isArray(response.output)) return response.output.filter(isFields);
  if (Array.isArray(response.content)) return [{ role: 'assistant', content: response.content }];
  return [];
}

function stopOf(response: Fields | undefined): unknown {
  const choice = Array.isArray(response?.choices) ? response.choices.find(isFields) : undefined;
  return choice?.finish_reason ?? response?.stop_reason ?? (response?.object === 'response' ? response.status : undefined);
}

export function emitRequest(hasher: TextHasher, emit: EmitCall, inference: SessionInference, lineage: string, logged: LoggedRequest): void {
  const { request, response } = logged;
  const messages = request.messages ?? request.input ?? request.prompt;
  const instructions = request.instructions ?? request.system;
  const add: HashedRun[] = [
    ...definitionRuns(hasher, request.tools),
    ...(instructions === undefined ? [] : messageRuns(hasher, { role: 'system', content: instructions })),
    ...messagesRuns(hasher, messages),
  ];
  const answers = answerMessages(response);
  const startMs = timeMs(logged.startedAt);
  const system = systemText(messages) ?? (typeof instructions === 'string' ? instructions : undefined);
  const usage = logged.usage ?? (isFields(response?.usage) ? response.usage : {});
  const details = [usage.prompt_tokens_details, usage.input_tokens_details].find(isFields);
  const cacheRead = count(details?.cached_tokens ?? usage.cache_read_input_tokens);
  const cacheWrite = count(usage.cache_creation_input_tokens);
  const promptTokens = count(usage.prompt_tokens) ?? anthropicPrompt(usage);
  emit({
    session: logged.session ?? inference.sessionOf(add),
    ...(logged.workload === undefined ? {} : { workload: hasher.name('workload', logged.workload) }),
    agent: logged.agent !== undefined ? hasher.name('agent', logged.agent) : system === undefined ? 'agent' : hasher.id('agent', system),
    startMs, durationMs: logged.durationMs ?? durationMs(startMs, timeMs(logged.endedAt)), lineage, keep: 0, add,
    out: answers.flatMap((message) => messageRuns(hasher, { role: 'assistant', ...message })),
    tools: calledTools(hasher, answers),
    stop: knownStop(stopOf(response)),
    usage: { in: promptTokens, out: count(usage.completion_tokens ?? usage.output_tokens), cacheRead, cacheWrite },
  });
}

/** Anthropic's input tokens leave out those read from and written to the cache. */
function anthropicPrompt(usage: Fields): number | undefined {
  const input = count(usage.input_tokens);
  if (input === undefined) return undefined;
  return input + (count(usage.cache_read_input_tokens) ?? 0) + (count(usage.cache_creation_input_tokens) ?? 0);
}
