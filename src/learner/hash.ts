/** Small hashes for table cells. Not for security. */

/** FNV-1a over UTF-16 code units with a final avalanche; an unsigned 32-bit number. */
export function hashText(text: string): number {
  let hash = 2166136261;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 16777619);
  return avalanche(hash);
}

/** Order matters: mixHash(a, b) differs from mixHash(b, a). */
export function mixHash(first: number, second: number, third = 0, fourth = 0): number {
  return avalanche(
    Math.imul(first + 1, 0x9e3779b1) ^ Math.imul(second + 3, 0x85ebca77) ^ Math.imul(third + 7, 0xc2b2ae3d) ^ Math.imul(fourth + 11, 0x27d4eb2f),
  );
}

function avalanche(hash: number): number {
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  hash ^= hash >>> 12;
  hash = Math.imul(hash, 0x297a2d39);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** Position of the highest set bit of `value + 1`: 0 → 0, 1..2 → 1, 3..6 → 2, ... */
export function lengthBucket(value: number): number {
  return 31 - Math.clz32(Math.min(value, 0x3fffffff) + 1);
}
