/** LiteLLM's standard logging payload, a line per call (docs.litellm.ai, "StandardLoggingPayload Specification"), or wrapped in a callback's `standard_logging_object`. */
import { count, durationMs, importFault, timeMs, type Fields } from '../fields.ts';
import { GrowingPrompts } from '../growing-prompt.ts';
import type { EmitCall, FormatReader } from '../imported-call.ts';
import { isFields } from '../messages.ts';
import { SessionInference } from '../session-inference.ts';
import type { TextHasher } from '../text-hasher.ts';
import { emitRequest } from './requests.ts';

/** What stands in the place of every text where message logging is off: taken for text, all prompts would be the same. */
const REDACTED = 'redacted-by-litellm';

function isRedacted(messages: unknown): boolean {
  return messages === REDACTED || (Array.isArray(messages) && messages.length > 0 && messages.every((message) => isFields(message) && message.content === REDACTED));
}

export function litellmReader(hasher: TextHasher, emit: EmitCall): FormatReader {
  const inference = new SessionInference(hasher);
  const growing = new GrowingPrompts(hasher);
  return {
    read(record: Fields, place) {
      const payload = isFields(record.standard_logging_object) ? record.standard_logging_object : record;
      if (payload.status === 'failure') return;
      const { messages, metadata } = payload;
      if (typeof messages !== 'string' && !Array.isArray(messages)) {
        throw importFault(place, 'messages', 'messages (LiteLLM leaves them out where message logging is off)', messages);
      }
      const parameters = isFields(payload.model_parameters) ? payload.model_parameters : {};
      const own = isFields(metadata) ? metadata : {};
      const requester = isFields(own.requester_metadata) ? own.requester_metadata : {};
      const text = (...values: unknown[]): string | undefined => values.find((value): value is string => typeof value === 'string' && value !== '');
      const session = text(requester.session_id, own.session_id, payload.litellm_session_id, payload.trace_id);
      const agent = text(requester.agent_name, requester.agent, own.agent_name, payload.agent_id);
      const workload = text(own.user_api_key_team_alias, own.user_api_key_alias);
      if (isRedacted(messages)) {
        const [promptTokens, outputTokens] = [count(payload.prompt_tokens), count(payload.completion_tokens)];
        if (promptTokens === undefined) throw importFault(place, 'prompt_tokens', 'a whole number from 0, for the messages are redacted', payload.prompt_tokens);
        const startMs = timeMs(payload.startTime);
        const lineage = `${session ?? `${place.file} ${place.line}`} ${agent ?? ''}`;
        emit({
          session: session ?? lineage, agent: agent === undefined ? 'agent' : hasher.name('agent', agent), ...(workload === undefined ? {} : { workload: hasher.name('workload', workload) }),
          startMs, durationMs: durationMs(startMs, timeMs(payload.endTime)), lineage, ...growing.next(lineage, agent ?? '', promptTokens, outputTokens ?? 0, 0), tools: [],
          usage: { in: promptTokens, out: outputTokens },
        });
        return;
      }
      emitRequest(hasher, emit, inference, `${place.file} ${place.line}`, {
        request: { messages, tools: parameters.tools, instructions: parameters.instructions },
        response: isFields(payload.response) ? payload.response : typeof payload.response === 'string' ? { choices: [{ text: payload.response }] } : undefined,
        session, agent, workload,
        startedAt: payload.startTime,
        endedAt: payload.endTime,
        usage: { prompt_tokens: payload.prompt_tokens, completion_tokens: payload.completion_tokens, ...(isFields(own.usage_object) ? { prompt_tokens_details: own.usage_object.prompt_tokens_details } : {}) },
      });
    },
  };
}
