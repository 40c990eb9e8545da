import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedMap } from './bounded-map.ts';
import { RecencyMap } from './recency-map.ts';

describe('RecencyMap', () => {
  it('holds what a Map holds whose entries are deleted and set anew at each use', () => {
    const step = fc.record({ what: fc.constantFrom('set', 'use', 'get', 'delete'), key: fc.integer({ min: 0, max: 120 }) });
    fc.assert(fc.property(fc.array(step, { maxLength: 600, size: 'max' }), (steps) => {
      const map = new RecencyMap<number, string>();
      const expected = new Map<number, string>();
      for (const [index, { what, key }] of steps.entries()) {
        const known = expected.get(key);
        if (what === 'get') expect(map.get(key)).toBe(known);
        else if (what === 'delete') expect(map.delete(key)).toBe(expected.delete(key));
        else {
          const value = what === 'set' ? `value ${index}` : known;
          if (what === 'set') map.set(key, `value ${index}`);
          else expect(map.use(key)).toBe(known);
          if (value === undefined) continue;
          expected.delete(key);
          expected.set(key, value);
        }
      }
      expect([...map]).toEqual([...expected]);
      expect(map.size).toBe(expected.size);
      expect(map.oldest()).toEqual([...expected][0]);
    }), { numRuns: 100 });
  });

  it('can lose the entry that it has just given', () => {
    const map = new RecencyMap<number, number>();
    for (const key of [1, 2, 3, 4]) map.set(key, key * key);
    for (const [key] of map) if (key % 2 === 0) map.delete(key);
    expect([...map]).toEqual([[1, 1], [3, 9]]);
  });

  it('takes no more places than there were ever entries at once', () => {
    const map = new RecencyMap<number, number>();
    for (let key = 0; key < 1000; key++) {
      map.set(key, key);
      if (key >= 10) map.delete(key - 10);
    }
    expect([...map].map(([key]) => key)).toEqual([990, 991, 992, 993, 994, 995, 996, 997, 998, 999]);
    expect((map as unknown as { keys: unknown[] }).keys.length).toBe(12);
  });
});

describe('BoundedMap', () => {
  it('lets the entry go whose last use is longest ago, and says which', () => {
    const map = new BoundedMap<string, number>(2);
    expect(map.set('one', 1)).toBeUndefined();
    map.set('two', 2);
    map.get('one');
    expect(map.set('three', 3)).toEqual(['two', 2]);
    expect(map.peek('one')).toBe(1);
    expect(map.set('four', 4)).toEqual(['one', 1]);
    expect([...map]).toEqual([['three', 3], ['four', 4]]);
  });
});
