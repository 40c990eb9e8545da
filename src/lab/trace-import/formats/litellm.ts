/** LiteLLM's standard logging payload, a line per call (docs.litellm.ai, "StandardLoggingPayload Specification"), or wrapped in a callback's `standard_logging_object`. */
import { importFault, type Fields } from '../fields.ts';
import type { EmitCall, FormatReader } from '../imported-call.ts';
import { isFields } from '../messages.ts';
import { SessionInference } from '../session-inference.ts';
import type { TextHasher } from '../text-hasher.ts';
import { emitRequest } from './requests.ts';

export function litellmReader(hasher: TextHasher, emit: EmitCall): FormatReader {
  const inference = new SessionInference(hasher);
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
      emitRequest(hasher, emit, inference, `${place.file} ${place.line}`, {
        request: { messages, tools: parameters.tools, instructions: parameters.instructions },
        response: isFields(payload.response) ? payload.response : typeof payload.response === 'string' ? { choices: [{ text: payload.response }] } : undefined,
        session: text(requester.session_id, own.session_id, payload.litellm_session_id, payload.trace_id),
        agent: text(requester.agent_name, requester.agent, own.agent_name, payload.agent_id),
        workload: text(own.user_api_key_team_alias, own.user_api_key_alias),
        startedAt: payload.startTime,
        endedAt: payload.endTime,
        usage: { prompt_tokens: payload.prompt_tokens, completion_tokens: payload.completion_tokens, ...(isFields(own.usage_object) ? { prompt_tokens_details: own.usage_object.prompt_tokens_details } : {}) },
      });
    },
  };
}
