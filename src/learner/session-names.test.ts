import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sessionId } from '../core/index.ts';
import { SessionNames } from './session-names.ts';

describe('SessionNames', () => {
  it('finds whoever was added and not removed, and nobody else, as a Map does', () => {
    const step = fc.record({ add: fc.boolean(), name: fc.integer({ min: 0, max: 400 }) });
    fc.assert(fc.property(fc.array(step, { maxLength: 1500, size: 'max' }), (steps) => {
      const ids = [sessionId('nobody')];
      const names = new SessionNames((row) => ids[row]);
      const expected = new Map<string, number>();
      for (const { add, name } of steps) {
        const id = sessionId(`s${name}`);
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
      for (let name = 0; name <= 400; name++) expect(names.rowOf(sessionId(`s${name}`))).toBe(expected.get(`s${name}`) ?? 0);
    }), { numRuns: 60 });
  });
});
