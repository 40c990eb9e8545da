import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../core/index.ts';
import { bootstrapInterval } from './bootstrap.ts';

const ratio = ([above, below]: readonly number[]): number => above / below;

const width = (clusters: number[][]): number => {
  const interval = bootstrapInterval(clusters, ratio);
  return interval === undefined ? 0 : interval.high - interval.low;
};

describe('the bootstrap over clusters', () => {
  it('holds the true ratio in about 95 of 100 experiments', () => {
    const random = seededRandom(5);
    let covered = 0;
    for (let experiment = 0; experiment < 300; experiment++) {
      const clusters = Array.from({ length: 40 }, () => {
        const size = 1 + Math.floor(random() * 6);
        const level = 0.5 + random();
        return [0.6 * size * level * (0.7 + 0.6 * random()), size * level * (0.7 + 0.6 * random())];
      });
      const interval = bootstrapInterval(clusters, ratio, experiment);
      if (interval !== undefined && interval.low <= 0.6 && 0.6 <= interval.high) covered++;
    }
    expect(covered / 300).toBeGreaterThan(0.88);
    expect(covered / 300).toBeLessThan(0.99);
  });

  it('is wider when calls of a cluster move together than when as many are independent', () => {
    const random = seededRandom(9);
    const values = Array.from({ length: 200 }, () => random());
    const independent = values.map((value) => [value, 0.5]);
    const together = Array.from({ length: 20 }, (_, cluster) => [10 * values[cluster], 5]);
    expect(width(together)).toBeGreaterThan(2 * width(independent));
  });

  it('collapses for equal clusters, repeats for a seed, and has no answer for a few clusters', () => {
    const interval = bootstrapInterval(Array.from({ length: 9 }, () => [3, 4]), ratio);
    expect(interval).toEqual({ low: 0.75, high: 0.75 });
    expect(bootstrapInterval([[1, 2], [5, 4], [2, 9], [3, 3]], ratio)).toBeUndefined();
    expect(bootstrapInterval(Array.from({ length: 9 }, () => [1, 0]), ratio)).toBeUndefined();
    const clusters = [[1, 2], [5, 4], [2, 9], [3, 3], [4, 1]];
    expect(bootstrapInterval(clusters, ratio, 3)).toEqual(bootstrapInterval(clusters, ratio, 3));
  });
});
