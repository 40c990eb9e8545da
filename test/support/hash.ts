import { createHash } from 'node:crypto';
import createXxhash from 'xxhash-wasm';
import { hashingOf } from '../../src/gateway/hashing/hashing.ts';

/** A hash for tests: 16 hexadecimal digits, as the gateway's. */
export const testHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** The gateway's own hashing. */
export const testHashing = hashingOf(await createXxhash());
