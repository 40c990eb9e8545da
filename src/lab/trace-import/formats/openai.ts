/** Logs in an OpenAI style: `{request: {messages…}, response: {choices…}}`, or the request's and the answer's fields beside each other. */
import { importFault, type Fields } from '../fields.ts';
import type { EmitCall, FormatReader } from '../imported-call.ts';
import { isFields } from '../messages.ts';
import { SessionInference } from '../session-inference.ts';
import type { TextHasher } from '../text-hasher.ts';
import { emitRequest } from './requests.ts';

function firstText(...values: unknown[]): string | undefined {
  return values.find((value): value is string => typeof value === 'string' && value !== '');
}

export function openaiReader(hasher: TextHasher, emit: EmitCall): FormatReader {
  const inference = new SessionInference(hasher);
  return {
    read(record: Fields, place) {
      const request = [record.request, record.body, record.kwargs].find(isFields) ?? record;
      // Batch files keep the answer's body beside its status.
      const body = isFields(request.body) ? request.body : request;
      const answer = isFields(record.response) ? record.response : isFields(record.output) ? record.output : record.choices === undefined ? undefined : record;
      const response = isFields(answer?.body) ? answer.body : answer;
      if (body.messages === undefined && body.input === undefined && body.prompt === undefined) {
        throw importFault(place, 'messages', 'messages, input or prompt, in the record or in its request or body', undefined);
      }
      const metadata = [record.metadata, body.metadata].find(isFields) ?? {};
      emitRequest(hasher, emit, inference, `${place.file} ${place.line}`, {
        request: body,
        response,
        session: firstText(record.session_id, record.sessionId, record.conversation_id, record.thread_id, metadata.session_id, metadata.conversation_id, metadata.thread_id, record.trace_id),
        agent: firstText(record.agent, record.agent_name, metadata.agent, metadata.agent_name),
        workload: firstText(record.workload, metadata.workload),
        startedAt: record.started_at ?? record.start_time ?? record.startTime ?? record.timestamp ?? record.created_at ?? response?.created ?? response?.created_at,
        endedAt: record.ended_at ?? record.end_time ?? record.endTime,
        durationMs: [record.duration_ms, record.latency_ms].find((value): value is number => typeof value === 'number' && value >= 0),
      });
    },
  };
}
