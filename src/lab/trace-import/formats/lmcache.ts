/**
 * LMCache agent traces: `{timestamp, input, output, session_id}` with the whole prompt as one text and times in
 * microseconds, or `{session_id, input: [messages], output_length, pre_gap}` with seconds since the last answer.
 */
import { BoundedMap } from '../../../core/index.ts';
import { count, importFault, requiredText, timeMs, type Fields } from '../fields.ts';
import type { EmitCall, FormatReader } from '../imported-call.ts';
import { calledTools, messagesRuns, systemText } from '../messages.ts';
import type { TextHasher } from '../text-hasher.ts';

const SESSIONS = 100_000;
const MS_PER_OUTPUT_TOKEN = 1000 / 60;

export function lmcacheReader(hasher: TextHasher, emit: EmitCall): FormatReader {
  /** End of the session's last call, where the source tells gaps in place of times. */
  const ends = new BoundedMap<string, number>(SESSIONS);
  return {
    read(record: Fields, place) {
      const session = requiredText(record, 'session_id', place);
      const { input, output } = record;
      if (typeof input !== 'string' && !Array.isArray(input)) throw importFault(place, 'input', 'a text or an array of messages', input);
      if (output !== undefined && output !== null && typeof output !== 'string') throw importFault(place, 'output', 'a text', output);
      const outputTokens = count(record.output_length);
      const gap = record.pre_gap;
      let startMs = timeMs(record.timestamp);
      if (startMs === null && typeof gap === 'number' && gap >= 0) {
        startMs = (ends.get(session) ?? 1) + gap * 1000;
        ends.set(session, startMs + (outputTokens ?? 0) * MS_PER_OUTPUT_TOKEN);
      }
      const system = systemText(input);
      const answer = typeof output === 'string' ? hasher.runs('assistant', output) : [];
      emit({
        session, agent: system === undefined ? 'agent' : hasher.id('agent', system), startMs, durationMs: null, lineage: `${place.file} ${place.line}`, keep: 0,
        add: messagesRuns(hasher, input),
        out: answer.length > 0 || outputTokens === undefined || outputTokens === 0 ? answer : [{ hash: hasher.hash('answer', `${place.file} ${place.line}`), tokens: outputTokens }],
        tools: calledTools(hasher, output),
        ...(outputTokens === undefined ? {} : { usage: { out: outputTokens } }),
      });
    },
  };
}
