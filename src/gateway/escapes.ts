/** Escapes in JSON strings, which the scanner of bodies leaves unread. */
const BACKSLASH = 0x5c;

/** By byte: what may stand behind a backslash; 2 for `u`, which wants four digits. */
const ESCAPES = new Uint8Array(256);
for (const letter of '"\\/bfnrt') ESCAPES[letter.charCodeAt(0)] = 1;
ESCAPES['u'.charCodeAt(0)] = 2;

const HEXADECIMAL = new Uint8Array(256);
for (const digit of '0123456789abcdefABCDEF') HEXADECIMAL[digit.charCodeAt(0)] = 1;

/**
 * @param bytes JSON but for its escapes
 * @param from a place outside any string
 * @returns where the first broken escape stands, -1 if there is none
 */
export function brokenEscape(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(BACKSLASH, from); at >= 0; at = bytes.indexOf(BACKSLASH, at + 2)) {
    const kind = ESCAPES[bytes[at + 1]];
    if (kind === 1) continue;
    if (kind !== 2 || HEXADECIMAL[bytes[at + 2]] + HEXADECIMAL[bytes[at + 3]] + HEXADECIMAL[bytes[at + 4]] + HEXADECIMAL[bytes[at + 5]] !== 4) return at;
  }
  return -1;
}
