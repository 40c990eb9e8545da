import { describe, expect, it } from 'vitest';
import { RetentionScript } from '../../testing/retention-script.ts';
import { sieve } from './policy.ts';

function called(...prompts: string[]): RetentionScript {
  const script = new RetentionScript(sieve);
  for (const prompt of prompts) script.call('one', 'planner', prompt);
  return script;
}

function evict(script: RetentionScript): string {
  const victim = script.victims(1);
  script.drop(victim);
  return victim;
}

describe('sieve', () => {
  it('clears visited bits on its way, keeps those where they are, and evicts the first that was not visited', () => {
    // Oldest first, * visited: a* b c* d, the hand at a.
    const script = called('a', 'b', 'c', 'd', 'a', 'c');
    expect(evict(script)).toBe('b'); // a* passed; the hand at c*
    expect(evict(script)).toBe('d'); // c* passed; the hand at the end
    script.call('one', 'planner', 'e'); // a c e
    script.call('one', 'planner', 'c'); // a c* e
    expect(evict(script)).toBe('a'); // from the oldest again; the hand at c*
    expect(evict(script)).toBe('e');
    expect(evict(script)).toBe('c');
    expect(evict(script)).toBe('');
  });

  it('within one call the deeper block is the older one', () => {
    expect(called('abc', 'xy').victims()).toBe('cbayx');
  });

  it('a parent whose turn comes before its child goes right after it', () => {
    // p q* with p the older; both visited again, then x: p* q* x*. All bits are cleared in the first round.
    const script = called('p', 'pq', 'x', 'pq', 'x');
    expect(script.victims()).toBe('qpx');
  });

  it('a use between spares a parent that waits for its child', () => {
    const script = called('p', 'pq', 'x', 'pq', 'x');
    expect(evict(script)).toBe('q'); // p's turn has come before: it waits, and is now free to go
    script.call('one', 'planner', 'p');
    expect(evict(script)).toBe('x');
    expect(evict(script)).toBe('p');
  });

  it('passes over what is pinned, and comes back to what was named but not dropped', () => {
    const script = called('a', 'b', 'c');
    expect(script.victims(1, 'a')).toBe('b');
    expect(script.victims(2, 'a')).toBe('cb');
    expect(script.victims(Infinity, 'abc')).toBe('');
  });
});
