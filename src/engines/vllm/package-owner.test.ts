import { expect, test } from 'vitest';
import { PackageOwner } from './package-owner.ts';

test('a package that reports our call is in the engine that served it', async () => {
  const owner = new PackageOwner(3_600_000);
  expect(await owner.find((tag) => { owner.heard('another call'); owner.heard(undefined); owner.heard(tag); return Promise.resolve(true); })).toBe('ours');
  expect(await owner.find((tag) => { setImmediate(() => owner.heard(tag)); return Promise.resolve(true); })).toBe('ours');
});

test('one that does not is in another, unless the call was not served', async () => {
  const owner = new PackageOwner(1);
  expect(await owner.find(() => Promise.resolve(true))).toBe('another');
  expect(await owner.find(() => Promise.resolve(false))).toBe('unknown');
  expect(await owner.find(() => Promise.reject(new Error('no answer')))).toBe('unknown');
});

test('no two calls have one tag', async () => {
  const owner = new PackageOwner(1);
  const tags = new Set<string>();
  for (let round = 0; round < 3; round++) await owner.find((tag) => { tags.add(tag); return Promise.resolve(true); });
  expect(tags.size).toBe(3);
});
