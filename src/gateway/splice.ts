/**
 * Adds `stream_options.include_usage` to a request's bytes where the tap needs the counts. All other bytes stay as
 * they came: number forms, duplicate keys, lone surrogates and white space survive. Never makes a duplicate key.
 */
import { findMember, findMembers, type ByteRange } from './json-bytes.ts';
import { isFields } from './json-fields.ts';

const WANTED = '{"include_usage":true}';

export interface Spliced {
  readonly body: Buffer;
  /** The client did not ask for the usage chunk, so it must be taken out of the answer. */
  readonly removeUsageChunk: boolean;
}

function replace(body: Buffer, range: ByteRange, text: string): Buffer {
  return Buffer.concat([body.subarray(0, range.start), Buffer.from(text), body.subarray(range.end)]);
}

/** Inserts a member before the brace that closes the object in `range`. */
function insertMember(body: Buffer, range: ByteRange, member: string, empty: boolean): Buffer {
  return replace(body, { start: range.end - 1, end: range.end - 1 }, empty ? member : `,${member}`);
}

/** The range of the JSON value that the whole body is, without the white space around it. */
function wholeValue(body: Buffer): ByteRange {
  let end = body.length;
  while (end > 0 && body[end - 1] <= 0x20) end -= 1;
  return { start: 0, end };
}

/**
 * Replaces a member of the object that the body is, every duplicate of it, or adds it.
 * @param parsed the same body, parsed
 * @param value as JSON
 */
export function setMember(body: Buffer, parsed: Readonly<Record<string, unknown>>, name: string, value: string): Buffer {
  const whole = wholeValue(body);
  const members = Object.hasOwn(parsed, name) ? findMembers(body, whole, name) : [];
  if (members.length === 0) return insertMember(body, whole, `${JSON.stringify(name)}:${value}`, Object.keys(parsed).length === 0);
  return members.reduceRight((bytes, range) => replace(bytes, range, value), body);
}

/** @param parsed the same body, parsed: an object with `stream: true` */
export function askForUsage(body: Buffer, parsed: Readonly<Record<string, unknown>>): Spliced {
  const options = parsed.stream_options;
  if (isFields(options) && options.include_usage === true) return { body, removeUsageChunk: false };
  const whole = wholeValue(body);
  if (!Object.hasOwn(parsed, 'stream_options')) {
    return { body: insertMember(body, whole, `"stream_options":${WANTED}`, Object.keys(parsed).length === 0), removeUsageChunk: true };
  }
  const at = findMember(body, whole, 'stream_options');
  if (at === undefined || (!isFields(options) && options !== null)) return { body, removeUsageChunk: false };
  if (!isFields(options)) return { body: replace(body, at, WANTED), removeUsageChunk: true };
  const include = findMember(body, at, 'include_usage');
  const spliced = include === undefined
    ? insertMember(body, at, '"include_usage":true', Object.keys(options).length === 0)
    : replace(body, include, 'true');
  return { body: spliced, removeUsageChunk: true };
}
