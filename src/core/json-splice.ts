/** Changes members of a JSON object in its bytes. All other bytes stay as they came: number forms, duplicate keys, lone surrogates and white space survive. Never makes a duplicate key. */
import { findMember, findMembers, type ByteRange, type MemberRange } from './json-bytes.ts';

type Members = Readonly<Record<string, unknown>>;

/** Where changed bytes are written: as many as are asked for, whatever is in them. */
export type Memory = (bytes: number) => Buffer;

const fresh: Memory = (bytes) => Buffer.allocUnsafe(bytes);

export function replaceBytes(body: Buffer, range: ByteRange, text: string, memory?: Memory): Buffer {
  return replaceAll(body, [range], text, memory);
}

/** @param ranges in their order, apart from each other */
function replaceAll(body: Buffer, ranges: readonly ByteRange[], text: string, memory: Memory = fresh): Buffer {
  const inserted = Buffer.from(text);
  const changed = memory(ranges.reduce((bytes, { start, end }) => bytes - (end - start) + inserted.length, body.length));
  let from = 0;
  let to = 0;
  for (const { start, end } of ranges) {
    to += body.copy(changed, to, from, start);
    to += inserted.copy(changed, to);
    from = end;
  }
  body.copy(changed, to, from);
  return changed;
}

/** Inserts a member before the brace that closes the object in `range`. */
export function insertMember(body: Buffer, range: ByteRange, member: string, empty: boolean, memory?: Memory): Buffer {
  return replaceBytes(body, { start: range.end - 1, end: range.end - 1 }, empty ? member : `,${member}`, memory);
}

/** The range of the JSON value that the whole body is, without the white space around it. */
export function wholeValue(body: Buffer): ByteRange {
  let end = body.length;
  while (end > 0 && body[end - 1] <= 0x20) end -= 1;
  return { start: 0, end };
}

/**
 * Replaces a member of the object that the body is, every duplicate of it, or adds it.
 * @param parsed the same body, parsed
 * @param value as JSON
 */
export function setMember(body: Buffer, parsed: Members, name: string, value: string, memory?: Memory): Buffer {
  const whole = wholeValue(body);
  const members = Object.hasOwn(parsed, name) ? findMembers(body, whole, name) : [];
  if (members.length === 0) return insertMember(body, whole, `${JSON.stringify(name)}:${value}`, Object.keys(parsed).length === 0, memory);
  return replaceAll(body, members, value, memory);
}

/**
 * Adds members to an object within the object that the body is (`vllm_xargs`, `nvext`), which is made where it is
 * absent or null. What the client has set there itself stays; where the client has something else there, nothing is added.
 * @param parsed the same body, parsed
 */
export function addMembersIn(body: Buffer, parsed: Members, name: string, members: Members, memory?: Memory): Buffer {
  if (Object.keys(members).length === 0) return body;
  const there = Object.hasOwn(parsed, name) ? parsed[name] : undefined;
  if (there === undefined || there === null) return setMember(body, parsed, name, JSON.stringify(members), memory);
  const at = findMember(body, wholeValue(body), name);
  if (at === undefined || typeof there !== 'object' || Array.isArray(there)) return body;
  const missing = Object.entries(members).filter(([member]) => !Object.hasOwn(there, member));
  if (missing.length === 0) return body;
  const text = missing.map(([member, value]) => `${JSON.stringify(member)}:${JSON.stringify(value)}`).join(',');
  return insertMember(body, at, text, Object.keys(there).length === 0, memory);
}

const COMMA = 0x2c;
const isSpace = (byte: number): boolean => byte <= 0x20;

/** Takes a member out, with the comma that parted it from its neighbour. */
function cutMember(body: Buffer, { keyStart, end }: MemberRange): Buffer {
  let after = end;
  while (isSpace(body[after])) after += 1;
  if (body[after] === COMMA) {
    after += 1;
    while (isSpace(body[after])) after += 1;
    return replaceBytes(body, { start: keyStart, end: after }, '');
  }
  let before = keyStart - 1;
  while (isSpace(body[before])) before -= 1;
  return replaceBytes(body, { start: body[before] === COMMA ? before : keyStart, end }, '');
}

/** Takes members out of an object within the object that the body is, every duplicate of them, in every duplicate of that object. */
export function removeMembersIn(body: Buffer, name: string, members: readonly string[]): Buffer {
  return findMembers(body, wholeValue(body), name).reduceRight((bytes, object) => (bytes[object.start] !== 0x7b ? bytes : members
    .flatMap((member) => findMembers(bytes, object, member))
    .sort((one, other) => other.keyStart - one.keyStart)
    .reduce((left, member) => cutMember(left, member), bytes)), body);
}
