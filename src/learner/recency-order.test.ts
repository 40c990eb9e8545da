import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecencyOrder } from './recency-order.ts';

describe('RecencyOrder', () => {
  it('has the order of the last touches, as a Map has whose keys are deleted and set anew', () => {
    const step = fc.record({ remove: fc.boolean(), number: fc.integer({ min: 1, max: 300 }) });
    fc.assert(fc.property(fc.array(step, { maxLength: 800, size: 'max' }), (steps) => {
      const order = new RecencyOrder();
      const expected = new Set<number>();
      for (const { remove, number } of steps) {
        const isIn = expected.delete(number);
        if (remove) {
          if (isIn) order.remove(number);
          continue;
        }
        expected.add(number);
        if (isIn) order.touch(number);
        else order.add(number);
      }
      expect([...order.oldestFirst()]).toEqual([...expected]);
      expect(order.oldest).toBe([...expected][0] ?? 0);
    }), { numRuns: 60 });
  });
});
