import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { variantsOf } from './contestants.ts';
import { chooseWithout, type VariantScore } from './leave-one-out.ts';

const TRACES = ['a', 'b', 'c', 'd'];
const VARIANTS = 3;
const shares = fc.option(fc.double({ min: -1, max: 1, noNaN: true }), { nil: null });
const tables = fc.array(fc.array(shares, { minLength: VARIANTS, maxLength: VARIANTS }), { minLength: TRACES.length, maxLength: TRACES.length });
const scoresOf = (table: readonly (readonly (number | null)[])[]): VariantScore[] => table.flatMap((row, index) => row.map((share, variant) => ({ trace: TRACES[index], variant, share })));

describe('chooseWithout', () => {
  it('never depends on the trace that it chooses for', () => {
    fc.assert(fc.property(tables, fc.nat(TRACES.length - 1), fc.array(shares, { minLength: VARIANTS, maxLength: VARIANTS }), (table, left, otherRow) => {
      const changed = table.with(left, otherRow);
      expect(chooseWithout(TRACES[left], scoresOf(changed), VARIANTS)).toEqual(chooseWithout(TRACES[left], scoresOf(table), VARIANTS));
      expect(chooseWithout(TRACES[left], scoresOf(table), VARIANTS).traces).not.toContain(TRACES[left]);
    }));
  });

  it('takes what is best on the others, the first of equals, and the first where there is nothing to choose on', () => {
    const scores = scoresOf([[0.9, 0, 0], [0, 0.5, 0.4], [0, 0.1, 0.3], [0, 0, 0]]);
    expect(chooseWithout('a', scores, VARIANTS)).toEqual({ variant: 2, traces: ['b', 'c', 'd'] });
    expect(chooseWithout('b', scores, VARIANTS)).toEqual({ variant: 0, traces: ['a', 'c', 'd'] });
    expect(chooseWithout('a', scoresOf([[0, 1, 2]]), VARIANTS)).toEqual({ variant: 0, traces: [] });
    expect(chooseWithout('d', scoresOf([[0, 0, 0], [0, 0, 0], [0, 0, 0]]), VARIANTS).variant).toBe(0);
  });
});

describe('variantsOf', () => {
  it('is every combination of candidates, the defaults first and as nothing', () => {
    expect(variantsOf({ fixed: { default: 1, description: '' } })).toEqual([{}]);
    expect(variantsOf({
      ttlMs: { default: 10, candidates: [5, 10, 20], description: '' }, fixed: { default: 1, description: '' }, mode: { default: 'x', candidates: ['y'], description: '' },
    })).toEqual([{}, { mode: 'y' }, { ttlMs: 5 }, { ttlMs: 5, mode: 'y' }, { ttlMs: 20 }, { ttlMs: 20, mode: 'y' }]);
  });
});
