/**
 * Entresol's own decision log: explanations, one per line, as `GET /entresol/v1/explain` gives them. They hold lengths
 * and who called, no content: an instance's conversation is taken to grow, and what the engine found in its cache at an
 * instance's first call is taken for what its agent's prompts share.
 */
import { BoundedMap } from '../../../core/index.ts';
import { importFault, requiredCount, requiredText, durationMs, count, type Fields } from '../fields.ts';
import { GrowingPrompts } from '../growing-prompt.ts';
import type { EmitCall, FormatReader } from '../imported-call.ts';
import { isFields } from '../messages.ts';
import { knownStop } from '../stop-reasons.ts';
import type { TextHasher } from '../text-hasher.ts';
import type { LinePlace } from '../../trace/trace-line.ts';

const REMEMBERED_CALLS = 1_000_000;

function evidence(identity: Fields, field: string, place: LinePlace): string {
  const found = identity[field];
  return requiredText(isFields(found) ? { [`identity.${field}.value`]: found.value } : {}, `identity.${field}.value`, place);
}

const milliseconds = (value: unknown): number | null => (typeof value === 'number' && value >= 0 ? value : null);

export function entresolReader(hasher: TextHasher, emit: EmitCall): FormatReader {
  const growing = new GrowingPrompts(hasher);
  /** A server tells its recent calls only: who asks again and again is told of most of them more than once. */
  const seen = new BoundedMap<string, true>(REMEMBERED_CALLS);
  return {
    read(record: Fields, place) {
      const { identity, end } = record;
      if (!isFields(identity)) throw importFault(place, 'identity', 'an object', identity);
      const request = requiredText(record, 'request', place);
      if (seen.get(request) === true) return;
      seen.set(request, true);
      // Warm-ups are ours; what never ended or was refused has no answer.
      if (record.warmup === true || record.status !== 'ok' || !isFields(end)) return;
      const [session, agent, instance] = ['session', 'agent', 'instance'].map((field) => evidence(identity, field, place));
      const promptTokens = requiredCount(end, 'promptTokens', place);
      const outputTokens = requiredCount(end, 'outputTokens', place);
      const cachedTokens = count(end.cachedTokens);
      const lineage = `${session} ${instance}`;
      const startMs = milliseconds(record.arrivedAtMs);
      emit({
        session, workload: hasher.name('workload', evidence(identity, 'workload', place)), agent: hasher.name('agent', agent), instance: hasher.id('instance', instance),
        startMs, durationMs: durationMs(startMs, milliseconds(end.atMs)), lineage,
        ...growing.next(lineage, agent, promptTokens, outputTokens, cachedTokens ?? 0),
        stop: knownStop(end.stop), tools: Array.isArray(end.tools) ? end.tools.filter((tool) => typeof tool === 'string').map((tool) => ({ name: hasher.name('tool', tool) })) : [],
        usage: { in: promptTokens, out: outputTokens, cacheRead: cachedTokens },
      });
    },
  };
}
