import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PrefillCost } from './prefill-cost.ts';

describe('prefill cost', () => {
  it('finds the curve of the engine from calls as they come', () => {
    fc.assert(fc.property(fc.double({ min: 0, max: 20, noNaN: true }), fc.double({ min: 0.01, max: 3, noNaN: true }), fc.double({ min: 0, max: 0.002, noNaN: true }), fc.infiniteStream(fc.nat(1500)), (fixed, perToken, attention, lengths) => {
      const truth = (tokens: number, position: number): number => fixed + perToken * tokens + attention * tokens * (position + tokens / 2);
      const cost = new PrefillCost();
      for (let at = 0; at < 120; at++) {
        const [tokens = 0, position = 0] = [...lengths.take(2)];
        cost.observePrefill(tokens + 1, position, truth(tokens + 1, position));
      }
      for (const [tokens, position] of [[32, 0], [500, 200], [1000, 1000]]) {
        expect(Math.abs(cost.prefillMs(tokens, position) - truth(tokens, position))).toBeLessThan(4 + 0.15 * truth(tokens, position));
      }
    }), { numRuns: 30 });
  });

  it('never says that computing costs nothing or less, whatever was measured', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: -5, max: 4000 }), fc.nat(4000), fc.double())), (measured) => {
      const cost = new PrefillCost();
      for (const [tokens, position, ms] of measured) cost.observePrefill(tokens, position, Math.min(ms, 1e6));
      for (const position of [0, 100, 3000]) {
        expect(cost.marginalMs(32, position)).toBeGreaterThan(0);
        expect(cost.prefillMs(32, position)).toBeGreaterThanOrEqual(0);
        expect(Number.isFinite(cost.marginalMs(32, position))).toBe(true);
      }
    }));
  });

  it('values late tokens higher: they attend to more', () => {
    const cost = new PrefillCost();
    expect(cost.marginalMs(32, 4000)).toBeGreaterThan(cost.marginalMs(32, 0));
  });
});
