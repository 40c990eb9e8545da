import { describe, expect, it } from 'vitest';
import { checkBars, median, SIX_AGENTS } from './bars.ts';
import type { WorkloadReport } from './document.ts';

function report(trace: string, capacityFraction: number, gain: number, ratio: { ttftMean: number; throughput: number; cpu: number }, width = 0.1): WorkloadReport {
  const around = (value: number): { low: number; high: number } => ({ low: value - width, high: value + width });
  return {
    trace, load: { thinkTimes: true, capacityFraction }, hitRateGainPoints: gain, pairedCalls: 100,
    ratio: { ...ratio, endToEndMean: 1 },
    interval: { ttftMean: around(ratio.ttftMean), endToEndMean: null, throughput: around(ratio.throughput), cpu: around(ratio.cpu), hitRateGainPoints: around(gain) },
  } as WorkloadReport;
}

describe('the bars', () => {
  it('hold the six agents to each capacity and the traces to their median', () => {
    const good = { ttftMean: 0.5, throughput: 1.3, cpu: 0.7 };
    const results = checkBars([
      report(SIX_AGENTS, 0.1, 25, good), report(SIX_AGENTS, 0.2, 19, good),
      report('t1', 0.1, 30, good), report('t2', 0.1, 12, good), report('t3', 0.1, -2, { ttftMean: 1.1, throughput: 1, cpu: 1 }),
    ]);
    expect(results.filter((each) => !each.met).map((each) => each.bar)).toEqual(['six agents at capacity 0.2: hit rate at least +20 points']);
    expect(results.at(-3)?.found).toBe('12.0 points');
  });

  it('do not accept a gain whose interval contains none', () => {
    const results = checkBars([report(SIX_AGENTS, 0.1, 25, { ttftMean: 0.55, throughput: 1.25, cpu: 0.7 }, 0.5)]);
    expect(results.map((each) => each.met)).toEqual([true, false, false]);
  });

  it('want the same CPU with an ample cache', () => {
    expect(checkBars([report('t1', 2, 0, { ttftMean: 1, throughput: 1, cpu: 1.02 })])[0].met).toBe(true);
    expect(checkBars([report('t1', 2, 0, { ttftMean: 1, throughput: 1, cpu: 1.3 })])[0].met).toBe(false);
  });

  it('take the middle of an odd number and the mean of the middle two of an even one', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
  });
});
