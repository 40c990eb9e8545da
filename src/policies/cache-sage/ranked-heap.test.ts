import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RankedHeap } from './ranked-heap.ts';

it('always has the lowest on top, whatever is added, ranked anew and taken out', () => {
  const step = fc.record({ item: fc.nat(12), key: fc.nat(20), tie: fc.nat(5), remove: fc.boolean() });
  fc.assert(fc.property(fc.array(step, { minLength: 20, maxLength: 80 }), (steps) => {
    const heap = new RankedHeap();
    const model = new Map<number, readonly [number, number]>();
    for (const { item, key, tie, remove } of steps) {
      if (remove) {
        heap.remove(item);
        model.delete(item);
      } else {
        heap.set(item, key, tie);
        model.set(item, [key, tie]);
      }
      expect(heap.size).toBe(model.size);
      expect(heap.has(item)).toBe(model.has(item));
      if (model.size === 0) expect(heap.top()).toBe(-1);
      else {
        const least = [...model.values()].reduce((a, b) => (b[0] < a[0] || (b[0] === a[0] && b[1] < a[1]) ? b : a));
        expect(model.get(heap.top())).toEqual(least);
      }
    }
  }));
});
