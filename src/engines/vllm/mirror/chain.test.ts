import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unitId } from '../../../core/index.ts';
import { packKeys } from '../side-channel/messages.ts';
import type { Block } from './block.ts';
import { Chain } from './chain.ts';

const blockOf = (key: bigint): Block => ({ unit: unitId(Number(key)), rank: 0, key, parent: undefined, placed: true, depth: 0, children: 0, copies: 0, below: 0, owner: undefined, older: undefined, newer: undefined, loose: false });

function chainOf(keys: readonly bigint[], chain = new Chain()): Chain {
  const packed = packKeys(keys);
  keys.forEach((key, index) => chain.append(packed, 8 * index, blockOf(key)));
  return chain;
}

const keys = fc.array(fc.bigInt({ min: 0n, max: 3n }), { maxLength: 200 });

test('finds how much two prefixes have in common, whatever they are', () => {
  fc.assert(fc.property(keys, keys, keys, (common, one, other) => {
    const mine = [...common, ...one];
    const theirs = [...common, ...other];
    let same = 0;
    while (same < Math.min(mine.length, theirs.length) && mine[same] === theirs[same]) same += 1;
    // What comes over the wire begins anywhere in a larger buffer.
    const wire = Buffer.concat([Buffer.alloc(5), packKeys(theirs)]).subarray(5);
    expect(chainOf(mine).commonWith(wire)).toBe(same);
  }));
});

test('what is remembered of it stays, however it and its forks grow', () => {
  fc.assert(fc.property(keys, keys, keys, fc.double({ min: 0, max: 1, noNaN: true }), (begun, one, other, share) => {
    const chain = chainOf(begun);
    const length = Math.floor(share * begun.length);
    const fork = chainOf(other, chain.upTo(length));
    chainOf(one, fork === chain ? new Chain() : chain);
    expect([...fork.units()]).toEqual([...begun.slice(0, length), ...other].map(Number));
    expect(Buffer.from(fork.keys(length)).equals(packKeys(begun.slice(0, length)))).toBe(true);
    expect([...chain.units()].slice(0, begun.length)).toEqual(fork === chain ? [...begun, ...other].slice(0, begun.length).map(Number) : begun.map(Number));
  }));
});
