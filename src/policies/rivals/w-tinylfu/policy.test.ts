import { describe, expect, it } from 'vitest';
import { RetentionScript } from '../../testing/retention-script.ts';
import { FrequencySketch } from './frequency-sketch.ts';
import { wTinyLfu } from './policy.ts';

/** Ten blocks: one of window, nine of main cache, seven of which may be protected. */
function called(prompts: string): RetentionScript {
  const script = new RetentionScript(wTinyLfu, { windowShare: 0.1 }, 10);
  for (const prompt of prompts) script.call('one', 'planner', prompt);
  return script;
}

function evict(script: RetentionScript): string {
  const victim = script.victims(1);
  script.drop(victim);
  return victim;
}

describe('w-tinylfu', () => {
  it('of the oldest of window and probation the one that was counted less often goes, the new one where they are equal', () => {
    // The first nine fill the main cache; window: j k. j and a were counted once each.
    const script = called('abcdefghijk');
    expect(evict(script)).toBe('j');
  });

  it('admits what was counted more often', () => {
    // b was used again in the window, so it is the last but one there: window b k, on probation a c … j.
    const script = called('abcdefghijbk');
    expect(evict(script)).toBe('a'); // counted once, b twice
    // The window holds no more than its share: probation gives.
    expect(evict(script)).toBe('c');
    // What is used on probation is protected.
    script.call('one', 'planner', 'd');
    expect(evict(script)).toBe('e');
  });

  it('puts the oldest of the protected back on probation when they are too many', () => {
    const script = called('abcdefghij');
    script.victims(0); // a … i go to the main cache
    for (const prompt of 'abcdefgh') script.call('one', 'planner', prompt);
    // Eight were protected; the limit is seven: a is behind i on probation.
    expect([evict(script), evict(script), evict(script)].join('')).toBe('iab');
  });

  it('evicts children before their parents', () => {
    const script = new RetentionScript(wTinyLfu, { windowShare: 0.1 }, 10);
    script.call('one', 'planner', 'ab', 'c');
    script.call('two', 'planner', 'xy');
    script.call('one', 'planner', 'ab', 'c');
    // The answer c was not used by the second prompt.
    expect(script.victims()).toBe('cyxba');
  });
});

describe('FrequencySketch', () => {
  it('counts, at most to fifteen, and never too few', () => {
    const sketch = new FrequencySketch(1000);
    for (let unit = 0; unit < 50; unit++) for (let use = 0; use <= unit % 20; use++) sketch.count(unit);
    for (let unit = 0; unit < 50; unit++) expect(sketch.frequency(unit)).toBeGreaterThanOrEqual(Math.min(15, 1 + (unit % 20)));
    expect(sketch.frequency(19)).toBe(15);
  });

  it('halves all counts after ten uses per unit of capacity', () => {
    const sketch = new FrequencySketch(16);
    for (let use = 0; use < 12; use++) sketch.count(7);
    for (let use = 0; use < 148; use++) sketch.count(100 + use); // the 160th use
    expect(sketch.frequency(7)).toBeLessThan(12);
    expect(sketch.frequency(7)).toBeGreaterThanOrEqual(6);
  });
});
