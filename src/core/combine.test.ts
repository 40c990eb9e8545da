import { array, assert, constantFrom, double, nat, oneof, property, record, type Arbitrary } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combineSets, retentionFactor, type OrderRule, type ScoredSet } from './combine.ts';

const RULE: OrderRule = { affinityLag: 2, starvationMs: 1000 };
const score = oneof({ weight: 8, arbitrary: nat(5) }, { weight: 1, arbitrary: constantFrom(-Infinity) });
const sized: Arbitrary<{ size: number; sets: ScoredSet[]; waitedMs: Float64Array }> = nat(8).chain((size) => record({
  size: constantFrom(size),
  sets: array(record({ role: constantFrom<ScoredSet['role']>('rank', 'affinity'), scores: array(score, { minLength: size, maxLength: size }).map((each) => Float64Array.from(each)) }), { maxLength: 3 }),
  waitedMs: array(oneof(nat(999), nat(5000)), { minLength: size, maxLength: size }).map((each) => Float64Array.from(each)),
}));
const ruledOut = (sets: readonly ScoredSet[], member: number): boolean => sets.some(({ scores }) => scores[member] === -Infinity);

describe('combining sets', () => {
  it('neither loses nor doubles a member; only who is ruled out is missing', () => {
    assert(property(sized, ({ size, sets, waitedMs }) => {
      const expected = Array.from({ length: size }, (_, member) => member).filter((member) => !ruledOut(sets, member));
      expect(combineSets(size, sets, RULE).sort((a, b) => a - b)).toEqual(expected);
      expect(combineSets(size, sets, RULE, waitedMs).sort((a, b) => a - b)).toEqual(expected);
    }), { numRuns: 500 });
  });

  it('lets those that starve go first, the longest wait first', () => {
    assert(property(sized, ({ size, sets, waitedMs }) => {
      const order = combineSets(size, sets, RULE, waitedMs);
      const starving = order.filter((member) => waitedMs[member] >= RULE.starvationMs);
      expect(order.slice(0, starving.length)).toEqual(starving);
      for (let place = 1; place < starving.length; place++) expect(waitedMs[starving[place - 1]]).toBeGreaterThanOrEqual(waitedMs[starving[place]]);
    }), { numRuns: 500 });
  });

  it('lets affinity win no more than its lag of places over a ranking', () => {
    assert(property(nat(10).chain((size) => record({
      rank: constantFrom(Float64Array.from({ length: size }, (_, member) => -member)),
      affinity: array(nat(9), { minLength: size, maxLength: size }).map((each) => Float64Array.from(each)),
      lag: nat(4),
    })), ({ rank, affinity, lag }) => {
      const order = combineSets(rank.length, [{ role: 'rank', scores: rank }, { role: 'affinity', scores: affinity }], { affinityLag: lag, starvationMs: Infinity });
      order.forEach((member, place) => expect(member - place).toBeLessThanOrEqual(lag));
    }), { numRuns: 300 });
  });

  it('ranks by one set, best first, ties as they came', () => {
    expect(combineSets(4, [{ role: 'rank', scores: Float64Array.of(1, 3, 3, 2) }], RULE)).toEqual([1, 2, 3, 0]);
    expect(combineSets(3, [], RULE)).toEqual([0, 1, 2]);
  });

  it('lets affinity decide among equals of a ranking', () => {
    const sets: ScoredSet[] = [{ role: 'rank', scores: Float64Array.of(1, 1, 0) }, { role: 'affinity', scores: Float64Array.of(0, 5, 0) }];
    expect(combineSets(3, sets, RULE)).toEqual([1, 0, 2]);
  });
});

it('a retention factor lies in [0, 10], and what is no number is 1', () => {
  assert(property(double(), (factor) => {
    const clamped = retentionFactor(factor);
    expect(clamped >= 0 && clamped <= 10).toBe(true);
    if (factor >= 0 && factor <= 10) expect(clamped === factor).toBe(true);
    if (Number.isNaN(factor)) expect(clamped).toBe(1);
  }));
});
