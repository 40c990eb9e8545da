import { array, assert, double, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from './latency-histogram.ts';

describe('latency histogram', () => {
  it('gives quantiles to within 5 %, exact sums and means', () => {
    assert(property(array(double({ min: 0.02, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 }), (values) => {
      const histogram = new LatencyHistogram();
      for (const value of values) histogram.record(value);
      const sorted = [...values].sort((a, b) => a - b);
      for (const q of [0, 0.5, 0.9, 0.99, 1]) {
        const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1];
        const ratio = histogram.quantile(q) / exact;
        expect(ratio).toBeGreaterThan(0.95);
        expect(ratio).toBeLessThan(1.05);
      }
      expect(histogram.count).toBe(values.length);
      expect(histogram.sum).toBeCloseTo(values.reduce((sum, value) => sum + value, 0), 3);
    }), { numRuns: 100 });
  });

  it('takes nothing for zero and drops what is no quantity', () => {
    const histogram = new LatencyHistogram();
    expect([histogram.quantile(0.5), histogram.mean]).toEqual([0, 0]);
    for (const value of [NaN, -1, Infinity]) histogram.record(value);
    expect(histogram.count).toBe(0);
    histogram.record(0);
    histogram.record(1e300);
    expect(histogram.count).toBe(2);
  });

  it('counts what is at most a bound, ever more for higher bounds', () => {
    const histogram = new LatencyHistogram();
    for (let value = 1; value <= 1000; value++) histogram.record(value);
    expect(histogram.countAtMost(0.5)).toBe(0);
    expect(Math.abs(histogram.countAtMost(100) - 100)).toBeLessThanOrEqual(10);
    expect(histogram.countAtMost(1e9)).toBe(1000);
  });
});
