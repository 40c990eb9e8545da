import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildTrace } from '../trace/testing/arbitrary-lines.ts';
import type { TraceLine } from '../trace/trace-line.ts';
import { ReuseDistances } from './reuse-distances.ts';
import { SpreadCounter } from './spread.ts';
import { statsText } from './stats-text.ts';
import { traceStats } from './trace-stats.ts';

describe('ReuseDistances', () => {
  it('is the number of distinct blocks used in between, also when positions are packed', () => {
    fc.assert(fc.property(fc.array(fc.nat(5), { maxLength: 60 }), fc.boolean(), (uses, long) => {
      const sequence = long ? Array.from({ length: 1500 }, (_, index) => uses[index % Math.max(1, uses.length)] ?? 0) : uses;
      const distances = new ReuseDistances(6);
      const last = new Map<number, number>();
      for (const [at, block] of sequence.entries()) {
        const before = last.get(block);
        const expected = before === undefined ? -1 : new Set(sequence.slice(before + 1, at)).size;
        expect(distances.distanceOf(block)).toBe(expected);
        distances.use(block);
        last.set(block, at);
      }
    }), { numRuns: 60 });
  });
});

describe('SpreadCounter', () => {
  it('is within 1 % of the percentile, and exact at the top', () => {
    fc.assert(fc.property(fc.array(fc.double({ min: 0.01, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 }), (values) => {
      const counter = new SpreadCounter();
      for (const value of values) counter.add(value);
      const sorted = values.toSorted((one, other) => one - other);
      const { p50, p90, most } = counter.spread();
      const near = (found: number, share: number): void => {
        const exact = sorted[Math.floor(share * (sorted.length - 1))];
        expect(Math.abs(found - exact)).toBeLessThanOrEqual(0.0105 * exact);
      };
      near(p50, 0.5);
      near(p90, 0.9);
      expect(Math.abs(most - (sorted.at(-1) as number))).toBeLessThanOrEqual(0.001 * most);
    }));
  });
});

const line = (session: string, step: number, agent: string, segments: [string, number][], base: TraceLine['base'] = null, startMs: number | null = step * 2000): TraceLine => ({
  workload: 'w', session, step, agent, instance: agent, stop: undefined, startMs, durationMs: null, outputTokens: 4,
  promptTokens: segments.reduce((sum, [, tokens]) => sum + tokens, base === null ? 0 : 8 * base[1]), base, segments, out: [], tools: [],
});

describe('traceStats', () => {
  // Two sessions that share their first segment; blocks of 8 tokens, so a segment is a block.
  const lines = [
    line('x', 0, 'planner', [['s', 8], ['x', 8]]), line('x', 1, 'clerk', [['c', 8]]), line('x', 2, 'planner', [['x2', 8]], [0, 2]),
    line('y', 0, 'planner', [['s', 8], ['y', 8]]),
  ];
  const stats = traceStats(buildTrace(lines, 8), 1);

  it('counts sessions, agents, who follows whom, and how prompts grow', () => {
    expect(stats).toMatchObject({ sessions: 2, calls: 4, distinctBlocks: 5, otherAgents: 0 });
    expect(stats.agents).toEqual([
      { agent: 'planner', calls: 3, instances: 2, promptTokens: 18.67, outputTokens: 4, next: [{ agent: 'END', share: 0.6667 }, { agent: 'clerk', share: 0.3333 }] },
      { agent: 'clerk', calls: 1, instances: 1, promptTokens: 8, outputTokens: 4, next: [{ agent: 'planner', share: 1 }] },
    ]);
    expect(stats.promptGrowth).toEqual([{ step: 0, promptTokens: 16, calls: 2 }, { step: 1, promptTokens: 8, calls: 1 }, { step: 2, promptTokens: 24, calls: 1 }]);
    expect(stats.gapSeconds?.p50).toBeCloseTo(2, 1);
  });

  it('tells who uses again what, and how far apart', () => {
    // Uses of prompt blocks: s x | c | s x x2 | s y. Reused: s and x by the planner of x, then s by the other session.
    expect(stats.reuse).toMatchObject({ share: Number((3 / 8).toPrecision(4)), sameAgent: 0.6667, otherAgentSameSession: 0, otherSession: 0.3333 });
    // x: s (younger, though of the same call) and c were used in between; s: c alone; s again: nothing.
    expect(stats.reuse.distanceBlocks.most).toBe(2);
    expect(stats.reuse.seconds.most).toBe(4);
  });

  it('reads for a person', () => {
    expect(statsText(stats)).toMatch(/2 sessions, 4 calls, 2 agents[\s\S]+planner +3 +2 +19 +4 +END 66\.7 %, clerk 33\.3 %/);
  });

  it('says where there is no clock', () => {
    expect(traceStats(buildTrace([line('x', 0, 'a', [['s', 8]], null, null)], 8), 1).gapSeconds).toBeNull();
  });
});
