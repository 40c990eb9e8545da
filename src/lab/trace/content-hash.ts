/**
 * 64-bit content hashes as two 32-bit lanes, since a BigInt per block would cost more than the block. Each lane is
 * the body of MurmurHash3 (Appleby, public domain) with multipliers of its own, so that both lanes collide together
 * about once in 2^64 pairs.
 */
export interface HashLanes { a: number; b: number }

const SEED_A = 0x9747b28c | 0;
const SEED_B = 0x3c6ef372 | 0;

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

export function resetLanes(lanes: HashLanes): void {
  lanes.a = SEED_A;
  lanes.b = SEED_B;
}

/** Mixes one 32-bit word into both lanes. */
export function mixWord(lanes: HashLanes, word: number): void {
  const a = lanes.a ^ Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
  lanes.a = (Math.imul(rotate(a, 13), 5) + 0xe6546b64) | 0;
  const b = lanes.b ^ Math.imul(rotate(Math.imul(word ^ 0x5bd1e995, 0x85ebca77), 17), 0xc2b2ae3d);
  lanes.b = (Math.imul(rotate(b, 11), 9) + 0x27d4eb2f) | 0;
}

/** Spreads every input bit over all 32 bits (MurmurHash3's finaliser). */
export function avalanche(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Sets the lanes to the hash of a text, by UTF-16 code units and its length. */
export function hashText(lanes: HashLanes, text: string): void {
  resetLanes(lanes);
  for (let index = 0; index < text.length; index++) mixWord(lanes, text.charCodeAt(index));
  mixWord(lanes, text.length);
  lanes.a = avalanche(lanes.a) | 0;
  lanes.b = avalanche(lanes.b) | 0;
}
