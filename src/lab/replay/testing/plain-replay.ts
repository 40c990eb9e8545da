/** LRU, Belady and infinite the plain way, on token texts: what the replay must equal. Slow and obvious. */
import { plainChains } from '../../trace/testing/arbitrary-lines.ts';
import type { TraceLine } from '../../trace/trace-line.ts';
import type { ScheduledCall } from '../schedule.ts';

export function plainHitRate(lines: readonly TraceLine[], schedule: readonly ScheduledCall[], blockTokens: number, capacity: number, policy: 'lru' | 'belady'): number {
  const chains = plainChains(lines, blockTokens);
  const calls = schedule.map(({ call }) => ({ ...chains[call], promptTokens: lines[call].promptTokens }));
  const resident = new Map<string, { lastUse: number; nextUse: number }>();
  let clock = 0;
  let hits = 0;
  let tokens = 0;
  calls.forEach((call, position) => {
    const limit = Math.floor((call.promptTokens - 1) / blockTokens);
    let hit = 0;
    while (hit < call.prompt.length && hit < limit && resident.has(call.prompt[hit])) hit++;
    hits += hit * blockTokens;
    tokens += call.promptTokens;
    if (call.all.length > capacity) return; // It passes by: its blocks keep the next use they had, this one.
    const nextUse = (block: string): number => {
      const ahead = calls.findIndex((later, index) => index > position && later.prompt.includes(block));
      return ahead === -1 ? Infinity : ahead;
    };
    const missing = call.all.filter((block) => !resident.has(block)).length;
    while (resident.size + missing > capacity) {
      const candidates = [...resident].filter(([block]) => !call.all.includes(block));
      candidates.sort(([blockA, a], [blockB, b]) => {
        if (policy === 'lru') return a.lastUse - b.lastUse;
        return a.nextUse === b.nextUse ? blockB.length - blockA.length : b.nextUse - a.nextUse;
      });
      resident.delete(candidates[0][0]);
    }
    for (const block of call.all.toReversed()) resident.set(block, { lastUse: ++clock, nextUse: nextUse(block) });
  });
  return tokens === 0 ? 0 : hits / tokens;
}
