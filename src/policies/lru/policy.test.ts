import { describe, expect, it } from 'vitest';
import { RetentionScript } from '../testing/retention-script.ts';
import { lru } from './policy.ts';

describe('lru', () => {
  it('evicts the oldest call first, and within a call the deepest block first', () => {
    const script = new RetentionScript(lru);
    script.call('one', 'planner', 'abc', 'd');
    script.call('two', 'coder', 'xy', 'z');
    expect(script.victims()).toBe('dcbazyx');
    script.call('one', 'planner', 'ab', 'e');
    // c and d stay old; a, b and e were just used.
    expect(script.victims()).toBe('dczyxeba');
  });

  it('skips pinned blocks and forgets dropped ones', () => {
    const script = new RetentionScript(lru);
    script.call('one', 'planner', 'abc');
    script.call('two', 'coder', 'xy');
    expect(script.victims(3, 'c')).toBe('bay');
    script.drop('ba');
    expect(script.victims()).toBe('cyx');
  });

  it('keeps the order when calls overlap: an answer that comes late renews its whole chain', () => {
    const script = new RetentionScript(lru);
    script.call('one', 'planner', 'ab');
    script.call('two', 'coder', 'xy');
    script.call('one', 'planner', 'ab', 'c');
    expect(script.victims()).toBe('yxcba');
  });

  it('values what was used later higher', () => {
    const script = new RetentionScript(lru);
    script.call('one', 'planner', 'a');
    script.call('two', 'coder', 'b');
    expect(script.value('b')).toBeGreaterThan(script.value('a'));
    expect(script.index.leases(0, 1).map(({ unit }) => unit)).toEqual([script.unit('b')]);
  });
});
