import { readFileSync, writeFileSync } from 'node:fs';
import * as fc from 'fast-check';
import createWabt from 'wabt';
import { describe, expect, it } from 'vitest';
import createXxhash from 'xxhash-wasm';
import { BodyMemory } from './body-memory.ts';
import { BODY_MEMORY_WASM } from './body-memory.wasm.ts';

const SOURCE = new URL('body-memory.wat', import.meta.url);
const BUILT = new URL('body-memory.wasm.ts', import.meta.url);

/** Where the string ends whose quote is at `at`, byte by byte. */
function endOf(bytes: Buffer, at: number): number {
  for (let index = at + 1; index < bytes.length; index++) {
    if (bytes[index] === 0x5c) index += 1;
    else if (bytes[index] === 0x22) return index;
  }
  return -1;
}

/** The ends of all strings, of which every `skip`-th is left out. */
function strings(bytes: Buffer, end: (at: number) => number, skip: number): number[] {
  const ends: number[] = [];
  let at = bytes.indexOf(0x22);
  for (let index = 0; at >= 0; index++) {
    const to = index % skip === 0 ? endOf(bytes, at) : end(at);
    ends.push(to);
    if (to < 0) break;
    at = bytes.indexOf(0x22, to + 1);
  }
  return ends;
}

const piece = fc.oneof(
  fc.constantFrom('"', '\\', '\\\\', '\\"', '\\\\"', '"x"', '{"a":', '\\u0022', 'ü', '\u0000', ' '),
  fc.nat({ max: 200 }).map((length) => 'x'.repeat(length)),
  fc.nat({ max: 140 }).map((length) => '\\'.repeat(length)),
);
const near = (length: number): fc.Arbitrary<number> => fc.integer({ min: length - 3, max: length + 3 });

describe('the memory of a body', () => {
  it('finds the quotes that are found byte by byte, whatever the runs of backslashes', () => {
    const memory = new BodyMemory();
    fc.assert(fc.property(fc.array(piece, { maxLength: 60 }), fc.integer({ min: 2, max: 9 }), (pieces, skip) => {
      const bytes = Buffer.from(pieces.join(''));
      memory.take(bytes);
      expect(strings(bytes, (at) => memory.stringEnd(at), skip)).toEqual(strings(bytes, (at) => endOf(bytes, at), skip));
    }), { numRuns: 2000 });
  });

  it('finds them where windows meet', () => {
    const memory = new BodyMemory();
    fc.assert(fc.property(fc.constantFrom('x', '\\"', '""', '\\\\'), near(16_384), fc.array(piece, { maxLength: 20 }), (filler, before, pieces) => {
      const bytes = Buffer.from(`"${filler.repeat(before).slice(0, before)}${pieces.join('')}" "${filler.repeat(9000)}" "${pieces.join('')}"`);
      memory.take(bytes);
      expect(strings(bytes, (at) => memory.stringEnd(at), 1000)).toEqual(strings(bytes, (at) => endOf(bytes, at), 1000));
    }), { numRuns: 60 });
  });

  it('hashes parts and prefixes as xxHash does, of any length and at any place', async () => {
    const { h64Raw } = await createXxhash();
    const memory = new BodyMemory();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat({ max: 400 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(32, 64, 96), (bytes, from, seed, step) => {
      memory.take(bytes);
      const start = Math.min(from, bytes.length);
      expect(memory.hash(start, bytes.length, seed)).toBe(h64Raw(bytes.subarray(start), seed));
      expect(Array.from({ length: memory.hashPrefixes(step) }, (_, index) => memory.prefix(index))).toEqual(Array.from({ length: Math.floor(bytes.length / step) }, (_, index) => h64Raw(bytes.subarray(0, (index + 1) * step), memory.secret)));
    }), { numRuns: 1000 });
  });

  it('tells prefixes by a secret of its own: none can be written to be taken for another', () => {
    const [one, other] = [new BodyMemory(), new BodyMemory()];
    for (const memory of [one, other]) {
      memory.take(Buffer.alloc(64, 'x'));
      memory.hashPrefixes(64);
    }
    expect(one.prefix(0)).not.toBe(other.prefix(0));
  });

  it('takes long bodies and short ones by turns, and never reads one in the other', async () => {
    const { h64Raw } = await createXxhash();
    const memory = new BodyMemory();
    for (const length of [100, 3_000_000, 10, 12_000_000, 64, 0, 65_536]) {
      const bytes = Buffer.alloc(length, '"');
      memory.take(bytes);
      expect(memory.hash(0, length, 7n)).toBe(h64Raw(bytes, 7n));
      const even = length - (length % 2);
      let found = 0;
      for (let at = 0; at < Math.min(even, 40_000); at += 2) found += memory.stringEnd(at) === at + 1 ? 1 : 0;
      expect(found).toBe(Math.min(even, 40_000) / 2);
      memory.take(bytes.subarray(0, 1));
      expect(length === 0 ? -1 : memory.stringEnd(0)).toBe(-1);
    }
  });

  // UPDATE_WASM=1 writes the module anew from its source.
  it('come from the module that its source gives', async () => {
    const module = (await createWabt()).parseWat('body-memory.wat', readFileSync(SOURCE, 'utf8'), { simd: true });
    module.validate();
    const built = Buffer.from(module.toBinary({}).buffer).toString('base64');
    if (process.env.UPDATE_WASM === '1') writeFileSync(BUILT, `/** Built from body-memory.wat by body-memory.test.ts with UPDATE_WASM=1. */\nexport const BODY_MEMORY_WASM = '${built}';\n`);
    else expect(BODY_MEMORY_WASM).toBe(built);
  });
});
