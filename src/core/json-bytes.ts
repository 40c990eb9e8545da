/** Finds members of a JSON object in its bytes, without decoding them. The bytes are known to be valid JSON. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Of a member's value; the member itself begins with its key. */
export interface MemberRange extends ByteRange {
  readonly keyStart: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The index after the string that opens at `start`. */
function skipString(body: Buffer, start: number): number {
  for (let index = start + 1; index < body.length; index++) {
    if (body[index] === BACKSLASH) index += 1;
    else if (body[index] === QUOTE) return index + 1;
  }
  return body.length;
}

/** The index after the value that begins at `start`: a string, an object, an array, or a bare word or number. */
function skipValue(body: Buffer, start: number): number {
  if (body[start] === QUOTE) return skipString(body, start);
  let depth = 0;
  let index = start;
  while (index < body.length) {
    const byte = body[index];
    if (byte === QUOTE) {
      index = skipString(body, index);
      continue;
    }
    if (byte === 0x7b || byte === 0x5b) depth += 1;
    else if (byte === 0x7d || byte === 0x5d) {
      if (depth === 0) return index;
      depth -= 1;
      if (depth === 0) return index + 1;
    } else if (depth === 0 && (byte === 0x2c || byte <= 0x20)) return index;
    index += 1;
  }
  return index;
}

function skipSpace(body: Buffer, start: number): number {
  let index = start;
  while (index < body.length && body[index] <= 0x20) index += 1;
  return index;
}

/**
 * The range of the value of a member of the object in `range`. Of duplicate keys the last one, which parsers go by.
 * @param name compared with the decoded key, so that an escaped spelling is found too
 */
export function findMember(body: Buffer, range: ByteRange, name: string): ByteRange | undefined {
  return findMembers(body, range, name).at(-1);
}

/** The same of every duplicate, in order: parsers differ in which one they go by. */
export function findMembers(body: Buffer, range: ByteRange, name: string): MemberRange[] {
  const found: MemberRange[] = [];
  let index = skipSpace(body, skipSpace(body, range.start) + 1);
  while (index < range.end && body[index] === QUOTE) {
    const keyEnd = skipString(body, index);
    const key = JSON.parse(body.toString('utf8', index, keyEnd)) as string;
    const valueStart = skipSpace(body, skipSpace(body, keyEnd) + 1);
    const valueEnd = skipValue(body, valueStart);
    if (key === name) found.push({ keyStart: index, start: valueStart, end: valueEnd });
    index = skipSpace(body, valueEnd);
    if (body[index] === 0x2c) index = skipSpace(body, index + 1);
  }
  return found;
}
