/** The check values of the given traces, and invariants on every one of them that is at hand. */
import { describe, expect, it } from 'vitest';
import { givenTrace } from '../trace/testing/given-trace.ts';
import { readTrace } from '../trace/index.ts';
import { TraceReplays } from './replay-trace.ts';
import { resolveContenders } from './resolve-contenders.ts';

describe('whowhen-magentic', () => {
  const path = givenTrace('whowhen-magentic');
  it.skipIf(path === undefined)('has its check values to five decimals', async () => {
    const trace = await readTrace(path ?? '', { blockTokens: 16 });
    const contenders = await resolveContenders(['lru', 'belady', 'infinite']);
    const replays = new TraceReplays(trace, 16);
    expect([replays.facts.requests, replays.facts.workingSetBlocks]).toEqual([1505, 77_876]);
    const rows = [0.1, 0.2].flatMap((capacity) => contenders.map((contender) => replays.row(contender, capacity, 'exact')));
    expect(rows.map(({ policy, capacity, hitRate }) => [policy, capacity, hitRate])).toEqual([
      ['lru', 0.1, 0.24436], ['belady', 0.1, 0.61218], ['infinite', 0.1, 0.88702],
      ['lru', 0.2, 0.73918], ['belady', 0.2, 0.85844], ['infinite', 0.2, 0.88702],
    ]);
  });
});

/** Figures of an independent program that follows the same rules. */
const REFERENCE: [trace: string, requests: number, workingSetBlocks: number, lru: number, belady: number, infinite: number][] = [
  ['metagpt-sop', 124, 1970, 0.17743, 0.42287, 0.49858],
  ['miniswe-lmcache', 402, 13405, 0.17798, 0.46759, 0.94975],
  ['whowhen-captain', 670, 8027, 0.20967, 0.42281, 0.60018],
  ['trail-swe', 377, 23255, 0.33388, 0.62346, 0.9042],
  ['magentic-lmcache', 990, 85814, 0.72752, 0.74589, 0.74589],
  ['tau2-multidomain', 2376, 3776, 0.7537, 0.84591, 0.94372],
  ['taubench-airline', 3944, 7397, 0.80558, 0.91879, 0.97279],
];

describe.each(REFERENCE)('%s', (name, requests, workingSetBlocks, lru, belady, infinite) => {
  const path = givenTrace(name);
  it.skipIf(path === undefined)('agrees with an independent replay at 0.2', async () => {
    const trace = await readTrace(path ?? '', { blockTokens: 16 });
    const contenders = await resolveContenders(['lru', 'belady', 'infinite', 'anchor-pin', 'cachescout', 'cachescout-session']);
    const replays = new TraceReplays(trace, 16);
    const rows = contenders.map((contender) => replays.row(contender, 0.2, 'exact'));
    expect([replays.facts.requests, replays.facts.workingSetBlocks]).toEqual([requests, workingSetBlocks]);
    const hitRates = Object.fromEntries(rows.map(({ policy, hitRate }) => [policy, hitRate]));
    expect([hitRates.lru, hitRates.belady, hitRates.infinite]).toEqual([lru, belady, infinite]);
    for (const { hitRate } of rows) expect(hitRate).toBeLessThanOrEqual(infinite);
  });
});
