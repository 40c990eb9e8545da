/** Mooncake traces (Qin et al., FAST 2025): a line per request, prompts as ids of blocks that stand for themselves and all before them. */
import { importFault, requiredCount, type Fields } from '../fields.ts';
import type { EmitCall, FormatReader, HashedRun } from '../imported-call.ts';
import type { TextHasher } from '../text-hasher.ts';

const BLOCK_TOKENS = 512;

export function mooncakeReader(hasher: TextHasher, emit: EmitCall): FormatReader {
  let line = 0;
  return {
    read(record: Fields, place) {
      const promptTokens = requiredCount(record, 'input_length', place);
      const outputTokens = requiredCount(record, 'output_length', place);
      const { hash_ids: ids, timestamp, session_id: sessionId } = record;
      if (!Array.isArray(ids) || ids.some((id) => !Number.isInteger(id))) throw importFault(place, 'hash_ids', 'an array of whole numbers', ids);
      if (timestamp !== undefined && (typeof timestamp !== 'number' || timestamp < 0)) throw importFault(place, 'timestamp', 'milliseconds from 0', timestamp);
      // The last block may be partly filled, and some tools leave it out: what no id covers is the request's own.
      const add: HashedRun[] = [];
      let left = promptTokens;
      for (const id of ids as number[]) {
        const tokens = Math.min(BLOCK_TOKENS, left);
        if (tokens > 0) add.push({ hash: hasher.hash('block', tokens === BLOCK_TOKENS ? String(id) : `${id} ${tokens}`), tokens });
        left -= tokens;
      }
      const own = `${place.file} ${line++}`;
      if (left > 0) add.push({ hash: hasher.hash('own', own), tokens: left });
      emit({
        // Without session ids all requests are one session, in order of time.
        session: typeof sessionId === 'string' || typeof sessionId === 'number' ? `${sessionId}` : place.file,
        // A clock from 0: an offset keeps its first request from being no time at all.
        startMs: timestamp === undefined ? null : timestamp + 1, durationMs: null, lineage: own, keep: 0, add,
        out: outputTokens > 0 ? [{ hash: hasher.hash('answer', own), tokens: outputTokens }] : [], tools: [],
        usage: { in: promptTokens, out: outputTokens },
      });
    },
  };
}
