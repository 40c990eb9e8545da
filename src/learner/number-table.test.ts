import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashText } from './hash.ts';
import { NumberTable } from './number-table.ts';

describe('NumberTable', () => {
  it('finds whoever was added and not removed, and nobody else, as a Map does', () => {
    const step = fc.record({ add: fc.boolean(), name: fc.integer({ min: 0, max: 400 }) });
    fc.assert(fc.property(fc.array(step, { maxLength: 1500, size: 'max' }), (steps) => {
      const ids = ['nobody'];
      const names = new NumberTable((number) => ids[number], hashText);
      const expected = new Map<string, number>();
      for (const { add, name } of steps) {
        const id = `s${name}`;
        if (!add) {
          names.remove(id);
          expected.delete(id);
        } else if (!expected.has(id)) {
          ids.push(id);
          names.add(ids.length - 1);
          expected.set(id, ids.length - 1);
        }
      }
      expect(names.size).toBe(expected.size);
      for (let name = 0; name <= 400; name++) expect(names.numberOf(`s${name}`)).toBe(expected.get(`s${name}`) ?? 0);
    }), { numRuns: 60 });
  });
});
