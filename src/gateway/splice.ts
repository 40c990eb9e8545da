/** Adds `stream_options.include_usage` to a request's bytes where the tap needs the counts. */
import { findMember, insertMember, replaceBytes, wholeValue, type Memory } from '../core/index.ts';
import { isFields } from './json-fields.ts';

const WANTED = '{"include_usage":true}';

export interface Spliced {
  readonly body: Buffer;
  /** The client did not ask for the usage chunk, so it must be taken out of the answer. */
  readonly removeUsageChunk: boolean;
}

/** @param parsed the same body, parsed: an object with `stream: true` */
export function askForUsage(body: Buffer, parsed: Readonly<Record<string, unknown>>, memory?: Memory): Spliced {
  const options = parsed.stream_options;
  if (isFields(options) && options.include_usage === true) return { body, removeUsageChunk: false };
  const whole = wholeValue(body);
  if (!Object.hasOwn(parsed, 'stream_options')) {
    return { body: insertMember(body, whole, `"stream_options":${WANTED}`, Object.keys(parsed).length === 0, memory), removeUsageChunk: true };
  }
  const at = findMember(body, whole, 'stream_options');
  if (at === undefined || (!isFields(options) && options !== null)) return { body, removeUsageChunk: false };
  if (!isFields(options)) return { body: replaceBytes(body, at, WANTED, memory), removeUsageChunk: true };
  const include = findMember(body, at, 'include_usage');
  const spliced = include === undefined
    ? insertMember(body, at, '"include_usage":true', Object.keys(options).length === 0, memory)
    : replaceBytes(body, include, 'true', memory);
  return { body: spliced, removeUsageChunk: true };
}
