/**
 * Engines name a block by a hash of its tokens and all before them: 64 bits, which no JavaScript number holds, or the
 * whole digest. Here they are BigInts and hexadecimal text; either is a key of a Map by its value.
 */
export type BlockHash = bigint | string;

const WIDEST_BYTES = 64;

/** Undefined for what is no hash. */
export function blockHash(value: unknown): BlockHash | undefined {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (value instanceof Uint8Array && value.length > 0 && value.length <= WIDEST_BYTES) return Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex');
  return undefined;
}

const MASK = 0xffff_ffff_ffff_ffffn;

/** The 64 bits that stand for a whole digest in engines' events: its last eight bytes. */
export function shortHash(hash: BlockHash): bigint {
  return typeof hash === 'string' ? BigInt(`0x${hash.slice(-16)}`) : hash & MASK;
}
