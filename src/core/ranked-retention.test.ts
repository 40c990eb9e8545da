import { expect, it } from 'vitest';
import { rankedRetention, unitId } from './index.ts';

it('a ranked index offers no unit that was forgotten, and frees the one before it', () => {
  const index = rankedRetention((unit) => unit.uses);
  index.define({ id: unitId(0), sizeBlocks: 1, marginalPrefillMs: 1 });
  index.define({ id: unitId(1), parent: unitId(0), sizeBlocks: 1, marginalPrefillMs: 1 });
  for (const id of [0, 1]) index.setResident(unitId(id), true);
  expect([...index.victims(2, () => false, 0)]).toEqual([1, 0]);
  index.forget(unitId(1));
  expect([...index.victims(2, () => false, 0)]).toEqual([0]);
});
