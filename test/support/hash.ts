import { createHash } from 'node:crypto';

/** A hash for tests: 16 hexadecimal digits, as the gateway's. */
export const testHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
