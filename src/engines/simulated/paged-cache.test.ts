import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unitId, type RetentionIndex, type UnitId } from '../../core/index.ts';
import { RecencyIndex } from '../../policies/lru/recency-index.ts';
import { PagedCache } from './paged-cache.ts';

const UNITS = 12;

function lruIndex(): RecencyIndex {
  const index = new RecencyIndex();
  for (let id = 0; id < UNITS; id++) index.define({ id: unitId(id), sizeBlocks: 1, marginalPrefillMs: 1 });
  return index;
}

/** An index that names what it is told to. */
const naming = (victims: readonly number[]): RetentionIndex => Object.assign(lruIndex(), { victims: () => victims as UnitId[] });

function admit(cache: PagedCache, chain: Int32Array, index: RetentionIndex): number {
  const overflow = cache.pin(chain);
  cache.evict(index, overflow, 0);
  cache.insert(chain, index);
  return overflow;
}

describe('PagedCache', () => {
  it('never exceeds its capacity, holds every chain it has just taken, and evicts no more than it must', () => {
    const chains = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: UNITS - 1 }), { minLength: 1, maxLength: 5 }), { maxLength: 30 });
    fc.assert(fc.property(chains, fc.integer({ min: 5, max: UNITS }), (calls, capacity) => {
      const cache = new PagedCache(capacity, UNITS);
      const index = lruIndex();
      for (const units of calls) {
        const before = cache.usedBlocks;
        const missing = units.filter((unit) => !cache.has(unit)).length;
        const evicted = admit(cache, Int32Array.from(units), index);
        expect(evicted).toBe(Math.max(0, before + missing - capacity));
        expect(cache.usedBlocks).toBe(before + missing - evicted);
        expect(cache.usedBlocks).toBeLessThanOrEqual(capacity);
        expect(units.every((unit) => cache.has(unit))).toBe(true);
      }
    }));
  });

  it('counts leading resident blocks up to the first gap or the limit', () => {
    const cache = new PagedCache(8, UNITS);
    admit(cache, Int32Array.of(0, 1, 3), lruIndex());
    const chain = Int32Array.of(0, 1, 2, 3);
    expect([cache.leadingResident(chain, 4), cache.leadingResident(chain, 1), cache.leadingResident(chain, -1)]).toEqual([2, 1, 0]);
  });

  it.each([
    ['pinned by the call in hand', [3], /named unit 3, which is pinned/],
    ['not resident', [7], /named unit 7, which is not resident/],
    ['named twice', [0, 0], /named unit 0, which is not resident, or was named twice/],
    ['too few', [0], /named 1 units where 2 were asked for/],
  ])('refuses victims that are %s', (_what, victims, message) => {
    const cache = new PagedCache(4, UNITS);
    admit(cache, Int32Array.of(0, 1, 2, 3), lruIndex());
    const overflow = cache.pin(Int32Array.of(3, 4, 5));
    expect(overflow).toBe(2);
    expect(() => cache.evict(naming(victims), overflow, 0)).toThrow(expect.objectContaining({ code: 'ENT_POLICY_INVALID', message: expect.stringMatching(message) as string }) as Error);
  });

  it('takes no more victims than it needs and tells the index what went', () => {
    const cache = new PagedCache(4, UNITS);
    admit(cache, Int32Array.of(0, 1, 2, 3), lruIndex());
    const gone: number[] = [];
    const index = Object.assign(naming([2, 0, 1]), { setResident: (unit: UnitId, resident: boolean) => { if (!resident) gone.push(unit); } });
    admit(cache, Int32Array.of(4, 5), index);
    expect(gone).toEqual([2, 0]);
    expect([0, 1, 2, 3, 4, 5].filter((unit) => cache.has(unit))).toEqual([1, 3, 4, 5]);
  });
});
