/** System prompts as hashes of what is stable in them. Normalising is the dear part: what was seen is remembered. */
import { BoundedMap } from '../../bounded-map.ts';
import { labelOf, writeStable } from '../fingerprint.ts';
import type { Hashing } from '../hashing.ts';
import { TextBytes } from './text-bytes.ts';

/** What identity keeps of system text: never the text. */
export interface SystemText {
  /** Of the stable words; 0 where there is no text. */
  readonly hash: bigint;
  readonly bytes: number;
  /** Of its first words: prompts whose later parts change from run to run have them in common. */
  readonly head: bigint;
  /** What it calls its agent. */
  readonly label?: string;
  /** It says that a sub-agent speaks. */
  readonly subAgent?: boolean;
}

export const NO_SYSTEM: SystemText = { hash: 0n, bytes: 0, head: 0n };

/** Claude Code puts an attribution header with a changing hash first in its system prompt: it names no role. */
const ATTRIBUTION = 'x-anthropic-billing-header:';

const MAXIMUM_TEXTS = 1024;
const HEAD_BYTES = 120;

export function joinSystem(first: SystemText, second: SystemText, hashing: Hashing): SystemText {
  if (second.bytes === 0) return second.subAgent === true ? { ...first, subAgent: true } : first;
  if (first.bytes === 0) return first.subAgent === true ? { ...second, subAgent: true } : second;
  const label = first.label ?? second.label;
  return {
    hash: hashing.bytes(bytesOf(second.hash), first.hash), bytes: first.bytes + second.bytes, head: first.head,
    ...(label === undefined ? {} : { label }), ...(first.subAgent === true || second.subAgent === true ? { subAgent: true } : {}),
  };
}

const EIGHT_BYTES = Buffer.alloc(8);
function bytesOf(hash: bigint): Buffer {
  EIGHT_BYTES.writeBigUInt64LE(hash);
  return EIGHT_BYTES;
}

export class SystemTexts {
  private readonly known = new BoundedMap<bigint, SystemText>(MAXIMUM_TEXTS);
  private readonly hashing: Hashing;
  private readonly raw = new TextBytes();
  private readonly stable = new TextBytes();

  constructor(hashing: Hashing) {
    this.hashing = hashing;
  }

  /** Of the body that is being read. @param start after the opening quote @param end before the closing one */
  read(bytes: Buffer, start: number, end: number): SystemText {
    if (end <= start) return NO_SYSTEM;
    const key = this.hashing.body.hash(start, end, this.hashing.body.secret);
    const known = this.known.get(key);
    if (known !== undefined) return known;
    this.raw.clear();
    this.raw.appendEscaped(bytes, start, end);
    const text = this.summarise(this.raw.trimmed);
    this.known.set(key, text);
    return text;
  }

  private summarise(text: Buffer): SystemText {
    if (text.length === 0) return NO_SYSTEM;
    if (text.toString('latin1', 0, ATTRIBUTION.length) === ATTRIBUTION) return text.includes('cc_is_subagent=true') ? { ...NO_SYSTEM, subAgent: true } : NO_SYSTEM;
    this.stable.clear();
    writeStable(text, this.stable);
    const label = labelOf(text.toString('utf8', 0, Math.min(text.length, 4096)));
    return { hash: this.hashing.bytes(this.stable.view, 1n), bytes: text.length, head: this.hashing.bytes(this.stable.view.subarray(0, HEAD_BYTES), 1n), ...(label === undefined ? {} : { label }) };
  }
}
