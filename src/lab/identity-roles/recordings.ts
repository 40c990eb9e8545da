/**
 * What real clients sent, as the lane of test/clients has recorded it: the bodies of an application's calls in their order,
 * the agent that made each, the answer it got. Values that come again (a conversation grows) are stored once.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { SpokenCall } from './conversations.ts';

export type RecordedCall = Pick<SpokenCall, 'role' | 'body' | 'answer'>;
export interface Recording {
  readonly client: string;
  /** By application: each is one session. */
  readonly conversations: Readonly<Record<string, readonly RecordedCall[]>>;
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
interface Stored { readonly client: string; readonly parts: readonly Json[]; readonly conversations: Readonly<Record<string, readonly Json[]>> }

const FOLDER = new URL('recordings/', import.meta.url);
/** Shorter values are written where they stand. */
const LEAST_PART = 40;
const PART = '$part';

/** The same value with every member of it put through. */
function mapped(value: Json, put: (inner: Json) => Json): Json {
  if (Array.isArray(value)) return value.map(put);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, put(inner as Json)]));
}

/** @returns the text of a recording's file: a line for each part and each call */
export function recordingText({ client, conversations }: Recording): string {
  const seen = new Map<string, number>();
  const count = (value: Json): Json => {
    const text = JSON.stringify(value);
    const times = (seen.get(text) ?? 0) + 1;
    seen.set(text, times);
    if (times === 1) mapped(value, count);
    return value;
  };
  const parts: string[] = [];
  const indexes = new Map<string, number>();
  const packed = (value: Json): Json => {
    const text = JSON.stringify(value);
    if (text.length < LEAST_PART || (seen.get(text) ?? 0) < 2) return mapped(value, packed);
    const known = indexes.get(text);
    if (known !== undefined) return { [PART]: known };
    const inner = JSON.stringify(mapped(value, packed));
    indexes.set(text, parts.length);
    parts.push(inner);
    return { [PART]: parts.length - 1 };
  };
  const all = Object.entries(conversations) as unknown as readonly (readonly [string, readonly Json[]])[];
  for (const [, calls] of all) calls.forEach(count);
  const written = all.map(([name, calls]) => `${JSON.stringify(name)}: [\n${calls.map((call) => JSON.stringify(mapped(call, packed))).join(',\n')}\n]`);
  return `{"client": ${JSON.stringify(client)},\n"parts": [\n${parts.join(',\n')}\n],\n"conversations": {\n${written.join(',\n')}\n}}\n`;
}

export function readRecording(text: string): Recording {
  const { client, parts, conversations } = JSON.parse(text) as Stored;
  const unpacked = (value: Json): Json => {
    const part = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as { [PART]?: Json })[PART] : undefined;
    return typeof part === 'number' ? unpacked(parts[part]) : mapped(value, unpacked);
  };
  return { client, conversations: Object.fromEntries(Object.entries(conversations).map(([name, calls]) => [name, calls.map(unpacked) as unknown as RecordedCall[]])) };
}

/** Where the recording of a client is kept. */
export const recordingPlace = (client: string): URL => new URL(`${client.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '')}.json`, FOLDER);

export const allRecordings = (): Recording[] => readdirSync(FOLDER).filter((name) => name.endsWith('.json')).toSorted().map((name) => readRecording(readFileSync(new URL(name, FOLDER), 'utf8')));
