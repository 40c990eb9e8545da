import { describe, expect, it } from 'vitest';
import { RetentionScript } from '../../testing/retention-script.ts';
import { lfu } from './policy.ts';

describe('lfu', () => {
  /** Uses while resident: a 2, b 2, x 1, y 1, z 1. */
  function counted(parameters: Record<string, boolean> = {}): RetentionScript {
    const script = new RetentionScript(lfu, parameters);
    script.call('one', 'planner', 'ab');
    script.call('two', 'planner', 'xy');
    script.call('one', 'planner', 'ab');
    script.call('three', 'planner', 'z');
    return script;
  }

  it('evicts what was used least often, the least recently used of equals, children before parents', () => {
    expect(counted().victims()).toBe('yxzba');
    expect(counted().victims(2, 'xy')).toBe('zb');
  });

  it('ages: new uses start from the rank of what went last', () => {
    const script = counted();
    script.drop('yx'); // L = 1
    script.call('four', 'planner', 'w');
    // w: 1 use + L = 2, as much as a and b, and used later. z: 1.
    expect(script.victims()).toBe('zbaw');
    script.drop('z'); // L = 1 still
    script.call('five', 'planner', 'v');
    script.call('five', 'planner', 'v');
    // v: 2 + 1 = 3
    expect(script.victims()).toBe('bawv');
  });

  it('does not age where that is switched off', () => {
    const script = counted({ aging: false });
    script.drop('yx');
    script.call('four', 'planner', 'w');
    expect(script.victims()).toBe('zwba');
  });

  it('forgets the uses of what has gone', () => {
    const script = counted({ aging: false });
    script.drop('ba');
    script.call('one', 'planner', 'a');
    // a begins again with one use: of those with one it was used last.
    expect(script.victims()).toBe('yxza');
  });

  it('counts an answer as stored, not as used', () => {
    const script = new RetentionScript(lfu);
    script.call('one', 'planner', 'a', 'b');
    script.call('two', 'planner', 'c');
    script.call('two', 'planner', 'c');
    expect(script.value('b')).toBeCloseTo(script.value('a'), 5);
    expect(script.victims()).toBe('bac');
  });
});
