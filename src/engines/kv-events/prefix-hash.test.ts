import { expect, test } from 'vitest';
import { prefixKeys } from './prefix-hash.ts';

/** By hashlib and cbor2 in Python, as vLLM itself does it; tokens of every width that CBOR has. */
const TOKENS = [1, 23, 24, 255, 256, 65_535, 65_536, 128_000];

test('names of blocks are those that vLLM computes', () => {
  expect(prefixKeys(TOKENS, 4)).toEqual([3129330480506261839n, 5772874936754695001n]);
  expect(prefixKeys(TOKENS, 4, 'a'.repeat(30))).toEqual([7843926396451003978n, 3220105883229073403n]);
});

test('only full blocks have one, and each hangs on all before it', () => {
  expect(prefixKeys(TOKENS.slice(0, 7), 4)).toEqual([3129330480506261839n]);
  expect(prefixKeys([...TOKENS.slice(4), ...TOKENS.slice(4)], 4)[1]).not.toBe(5772874936754695001n);
  expect(prefixKeys([1, 2, 3], 4)).toEqual([]);
});
