import { describe, expect, it } from 'vitest';
import { lostHistories } from './lost-histories.ts';
import { compare, completedByAll, engineUtilisation, measureSide, spread, type CallSample, type SliceSample } from './measures.ts';
import { utilisation } from './utilisation.ts';

const sample = (session: string, step: number, values: Partial<CallSample> = {}): CallSample => ({
  session, step, agent: 'planner', endedAtMs: 100, ttftMs: 50, endToEndMs: 80, promptTokens: 1000, cachedTokens: 0, outputTokens: 10, requestHash: 'x', ...values,
});
const slice = (calls: number, activeMs: number, cpuMs: number): SliceSample => ({ calls, activeMs, cpuMs, engineCpuMs: cpuMs / 2 });

describe('the measures', () => {
  it('compare only calls that both sides completed', () => {
    const off = [sample('a', 0), sample('a', 1), sample('b', 0)];
    const on = [sample('b', 0), sample('c', 0), sample('a', 0)];
    expect(completedByAll([off, on]).map((side) => side.map(({ session, step }) => `${session}${step}`))).toEqual([['a0', 'b0'], ['a0', 'b0']]);
  });

  const slices = (calls: number, cpuMs: number): SliceSample[] => Array.from({ length: 10 }, () => slice(calls, 1000, cpuMs));

  it('take ratios on / off, means over pairs, throughput and CPU per call over slices', () => {
    const off = [...'abcde'].map((session) => sample(session, 0, { ttftMs: 200, endToEndMs: 400, cachedTokens: 200 }));
    const on = [...'abcde'].map((session) => sample(session, 0, { ttftMs: 100, endToEndMs: 300, cachedTokens: 700 }));
    const result = compare(off, [...on, sample('z', 0, { ttftMs: 9_999 })], slices(2, 800), slices(3, 600));
    expect(result.pairedCalls).toBe(5);
    expect(result.ratio).toEqual({ ttftMean: 0.5, endToEndMean: 0.75, throughput: 1.5, cpu: 0.5 });
    expect(result.hitRateGainPoints).toBeCloseTo(50, 9);
    expect(result.interval.ttftMean).toEqual({ low: 0.5, high: 0.5 });
    expect(result.interval.throughput).toEqual({ low: 1.5, high: 1.5 });
  });

  it('take neighbouring slices as one: what one began and the next ended makes no spread', () => {
    const off = [sample('a', 0, {}), sample('b', 0, {})];
    const uneven = Array.from({ length: 5 }, () => [slice(1, 1000, 100), slice(5, 1000, 100)]).flat();
    const { interval } = compare(off, off, slices(3, 100), uneven);
    expect(interval.throughput).toEqual({ low: 1, high: 1 });
  });

  it('weigh the hit rate by tokens and find quantiles', () => {
    const side = measureSide([sample('a', 0, { promptTokens: 100, cachedTokens: 100 }), sample('a', 1, { promptTokens: 900, cachedTokens: 0 })], [slice(4, 2000, 500)]);
    expect(side).toMatchObject({ hitRate: 0.1, turnsPerSecond: 2, cpuSeconds: 0.5, cpuSecondsPerCall: 0.125 });
    expect(spread([3, 1, 2])).toEqual({ mean: 2, p50: 2, p99: 2 });
    expect(spread([])).toEqual({ mean: 0, p50: 0, p99: 0 });
  });

  it('count a history as lost when less than half of the agent\'s last prompt was found', () => {
    const lost = lostHistories([
      sample('a', 2, { cachedTokens: 300, promptTokens: 1_200 }), sample('a', 0), sample('a', 5, { cachedTokens: 1_190, promptTokens: 1_400 }),
      sample('a', 3, { agent: 'coder' }), sample('b', 9, { cachedTokens: 0 }),
    ]);
    expect(lost).toEqual({ returns: 2, lost: 1, tokensComputedAgain: 700 + 10, byAgent: [{ agent: 'planner', lost: 1 }] });
  });

  it('call an engine busy for the share of time in which it computed, by thread', () => {
    expect(engineUtilisation([slice(1, 1000, 800), slice(1, 1000, 400)], 1)).toBeCloseTo(0.3, 9);
    expect(engineUtilisation([slice(1, 1000, 800)], 2)).toBeCloseTo(0.2, 9);
  });

  it('count overlapping calls once in the time that a side was busy', () => {
    expect(utilisation([{ endedAtMs: 100, endToEndMs: 100 }, { endedAtMs: 150, endToEndMs: 80 }, { endedAtMs: 400, endToEndMs: 50 }], { fromMs: 0, untilMs: 500 })).toBeCloseTo(0.4, 9);
    expect(utilisation([], { fromMs: 0, untilMs: 0 })).toBe(0);
  });

  it('count only what lies within the window', () => {
    expect(utilisation([{ endedAtMs: 150, endToEndMs: 100 }, { endedAtMs: 700, endToEndMs: 300 }], { fromMs: 100, untilMs: 500 })).toBeCloseTo(150 / 400, 9);
  });
});
