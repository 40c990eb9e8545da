import { describe, expect, it } from 'vitest';
import { RetentionScript } from '../../testing/retention-script.ts';
import type { LecarIndex } from './lecar-index.ts';
import { lecar } from './policy.ts';

/** a was used twice, long ago; b once, lately. LRU would evict a, LFU b. */
function called(parameters: Record<string, number>): { script: RetentionScript; index: LecarIndex } {
  const script = new RetentionScript(lecar, parameters);
  for (const prompt of 'aab') script.call('one', 'planner', prompt);
  return { script, index: script.index as LecarIndex };
}

describe('lecar', () => {
  it('evicts by LRU or by LFU, as the weights have it', () => {
    expect(called({ initialLruWeight: 0.99 }).script.victims(1)).toBe('a');
    expect(called({ initialLruWeight: 0.01 }).script.victims(1)).toBe('b');
  });

  it('takes weight from who evicted what is missed: by λ d^t', () => {
    const { script, index } = called({ initialLruWeight: 0.99 });
    script.victims(1);
    script.drop('a'); // by LRU, the first eviction
    script.call('one', 'planner', 'a'); // missed with none in between: a regret of 1
    // 0.99 : 0.01 · e^0.45
    expect(index.lruWeight).toBeCloseTo(0.99 / (0.99 + 0.01 * Math.exp(0.45)), 12);
    const before = index.lruWeight;
    script.call('one', 'planner', 'c'); // nobody evicted c
    expect(index.lruWeight).toBe(before);
  });

  it('fades with the evictions since, and is the mean over the blocks that a call misses', () => {
    const { script, index } = called({ initialLruWeight: 0.99 });
    script.victims(1);
    script.drop('a');
    const evicted = script.victims(1);
    script.drop(evicted); // b, the second eviction
    script.call('one', 'planner', 'ax'); // a: regret d, one eviction ago; x is new: none
    const discount = 0.005 ** (1 / 100);
    expect(index.lruWeight).toBeCloseTo(0.99 / (0.99 + 0.01 * Math.exp((0.45 * discount) / 2)), 12);
  });

  it('remembers the uses of what a history remembers', () => {
    const { script } = called({ initialLruWeight: 0.01 });
    script.victims(1);
    script.drop('b'); // by LFU: 1 use
    script.call('one', 'planner', 'b'); // 2 uses
    script.call('one', 'planner', 'c');
    // To LFU, which has nearly all the weight, b is worth 1 − 1/3 and c 1 − 1/2.
    expect(script.value('b') - script.value('c')).toBeGreaterThan(0.15);
  });
});
