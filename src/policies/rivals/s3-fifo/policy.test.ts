import { describe, expect, it } from 'vitest';
import { RetentionScript } from '../../testing/retention-script.ts';
import { s3Fifo } from './policy.ts';

/** A cache of ten blocks: the small queue may fill one of them. */
function called(prompts: string): RetentionScript {
  const script = new RetentionScript(s3Fifo, {}, 10);
  for (const prompt of prompts) script.call('one', 'planner', prompt);
  return script;
}

function evict(script: RetentionScript, count = 1): string {
  const victims = script.victims(count);
  script.drop(victims);
  return victims;
}

describe('s3-fifo', () => {
  it('moves what was used twice to the main queue, demotes the rest early, and takes back what the ghost remembers', () => {
    // Small: a (2 uses) b (1) c … j.
    const script = called('abcdefghijaab');
    expect(evict(script)).toBe('b'); // a has moved; b is remembered
    script.call('one', 'planner', 'b');
    script.call('one', 'planner', 'k');
    // Small: c … k, main: a b.
    expect(evict(script, 8)).toBe('cdefghij');
    // One block is left in the small queue, which is its share: now the main queue gives.
    expect(evict(script)).toBe('a');
    expect(evict(script)).toBe('b');
    expect(evict(script)).toBe('k');
  });

  it('gives a round in the main queue for each use', () => {
    const script = called('abaabb'); // both have moved by the time that something must go
    script.call('one', 'planner', 'k');
    expect(script.victims(1, 'k')).toBe('a'); // in order
    script.call('one', 'planner', 'a');
    expect(evict(script)).toBe('b'); // a had a use left
  });

  it('remembers no more than the main queue could hold', () => {
    const script = called('abcdefghijklm');
    evict(script, 12); // a … l; the ghost has room for nine: d … l
    script.call('one', 'planner', 'c');
    script.call('one', 'planner', 'd');
    // Small: m c, main: d.
    expect(evict(script, 3)).toBe('mdc');
  });

  it('a parent in the small queue waits for its child', () => {
    const script = new RetentionScript(s3Fifo, {}, 10);
    script.call('one', 'planner', 'p');
    script.call('two', 'planner', 'xy');
    script.call('one', 'planner', 'pq'); // p has one use: too few
    script.call('three', 'planner', 'z');
    // In order of the queue: p y x q z. p waits for q.
    expect(script.victims()).toBe('yxqpz');
  });
});
