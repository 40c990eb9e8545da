/** The hashes of the latest tool calls' ids, taken where they lie: what joins a call to the answer that it goes on from. */
import type { Hashing } from '../hashing.ts';
import { QUOTE } from './json-scanner.ts';
import type { CallPlace } from './message-parts.ts';

/** An id as short as `call_0` is counted anew by every answer. */
export const LEAST_ID = 9;
const LONGEST = 256;
const BACKSLASH = 0x5c;

/** Of an id in plain letters, the latest call first; undefined where it is another, which has to be read. */
export function callIdHashes(bytes: Buffer, calls: readonly CallPlace[], hashing: Hashing): readonly (bigint | undefined)[] {
  const hashes: (bigint | undefined)[] = [];
  for (let index = calls.length - 1; index >= 0; index--) {
    const { id } = calls[index];
    const end = id >= 0 && bytes[id] === QUOTE ? endOfPlain(bytes, id + 1) : -1;
    hashes.push(end - id - 1 < LEAST_ID ? undefined : hashing.body.hash(id + 1, end, 0n));
  }
  return hashes;
}

/** Where the string of plain letters ends; -1 where it is none, or a long one. */
function endOfPlain(bytes: Buffer, start: number): number {
  for (let at = start; at < start + LONGEST; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    if (byte <= 0x20 || byte >= 0x7f || byte === BACKSLASH) return -1;
  }
  return -1;
}
