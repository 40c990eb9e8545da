import { describe, expect, it } from 'vitest';
import { buildTrace } from '../trace/testing/arbitrary-lines.ts';
import type { TraceLine } from '../trace/trace-line.ts';
import { capacityAt, workingSetBlocks } from './capacity.ts';
import { scheduleCalls } from './schedule.ts';

function line(session: string, step: number, startMs: number | null, fields: Partial<TraceLine> = {}): TraceLine {
  return {
    workload: 'w', session, step, agent: 'a', instance: 'a', stop: undefined, startMs, durationMs: null,
    promptTokens: 4, outputTokens: 0, base: null, segments: [[`${session}${step}`, 4]], out: [], tools: [], ...fields,
  };
}

describe('scheduleCalls', () => {
  it('starts slot k at k seconds, clamps gaps, and starts the next session a second after the last call', () => {
    const trace = buildTrace([
      line('a', 0, 0), line('a', 1, 5000), line('a', 2, 5010), // 5 s, then clamped up to 0.2 s
      line('b', 0, 0), line('b', 1, 999_000), // clamped down to 300 s
      line('c', 0, null, { promptTokens: 8000, segments: [['c', 8000]], outputTokens: 120 }), line('c', 1, 0), // no clock: 1 + 1 + 2 s
    ], 2);
    const schedule = scheduleCalls(trace, 2).map(({ call, atSeconds }) => [call, Number(atSeconds.toFixed(6))]);
    expect(schedule).toEqual([[0, 0], [3, 1], [1, 5], [2, 5.2], [5, 6.2], [6, 10.2], [4, 301]]);
  });

  it('takes ties by slot', () => {
    const trace = buildTrace([line('a', 0, 0), line('a', 1, 1000), line('b', 0, 0), line('c', 0, 0)], 2);
    expect(scheduleCalls(trace, 2).map(({ call }) => call)).toEqual([0, 1, 2, 3]);
  });
});

describe('capacity', () => {
  it('weighs distinct blocks by calls, and never goes below what nearly every call needs', () => {
    // Session a: 2 calls, 3 distinct blocks (a shared one and two of its own); session b: 1 call, 2 blocks.
    const trace = buildTrace([
      line('a', 0, 0, { segments: [['s', 2], ['a0', 2]] }), line('a', 1, 0, { segments: [['s', 2], ['a1', 2]] }), line('b', 0, 0),
    ], 2);
    expect(workingSetBlocks(trace, 6)).toBe((6 * (3 * 2 + 2 * 1)) / 3);
    expect(capacityAt(trace, 16, 0.5)).toBe(8);
    expect(capacityAt(trace, 16, 0.01)).toBe(3); // 1.05 × 2, rounded up
  });
});
