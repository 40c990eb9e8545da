/** How a place of a vendor row (`reader:argument`) is read from a call. */
import type { Outline } from './outline/outline.ts';

export interface Readable {
  readonly headers: ReadonlyMap<string, string>;
  readonly outline: Outline | undefined;
}

/** A member that holds ids is not as long as this. */
const LONGEST_MEMBER = 65_536;

type Reader = (call: Readable, argument: string) => string | undefined;

/** The value at a dotted path of own properties; undefined where the path breaks off. */
export function valueAt(value: unknown, path: string): unknown {
  let current = value;
  for (const name of path.split('.')) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, name)) return undefined;
    current = (current as Record<string, unknown>)[name];
  }
  return current;
}

/** The value at a dotted path of the body; only its first step's member is parsed. */
function inBody({ outline }: Readable, path: string): unknown {
  const dot = path.indexOf('.');
  const name = dot < 0 ? path : path.slice(0, dot);
  const member = outline?.member(name);
  if (outline === undefined || member === undefined || member.end - member.start > LONGEST_MEMBER) return undefined;
  const value = outline.value(name);
  return dot < 0 ? value : valueAt(value, path.slice(dot + 1));
}

function asText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return undefined;
}

/** A header or field that should hold JSON; anything else is no evidence. */
function parsedOrUndefined(text: string | undefined): unknown {
  if (text === undefined || !text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

/** `baggage: name=value;property, name=value` of W3C, percent-decoded. */
function baggage(header: string | undefined, wanted: string): string | undefined {
  if (header === undefined || header.length > 8192) return undefined;
  for (const member of header.split(',')) {
    const pair = member.split(';', 1)[0];
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === wanted) return decoded(pair.slice(equals + 1).trim());
  }
  return undefined;
}

/** Claude Code's `metadata.user_id`: JSON with `session_id` (new) or `user_…_account_…_session_<uuid>` (old). */
function claudeUserId(call: Readable, field: string): string | undefined {
  const userId = asText(inBody(call, 'metadata.user_id'));
  if (userId === undefined) return undefined;
  const parsed = parsedOrUndefined(userId);
  if (parsed !== undefined) return asText(valueAt(parsed, field));
  return field === 'session_id' ? /_session_([0-9a-f-]{8,64})$/i.exec(userId)?.[1] : undefined;
}

const SESSION_HEADER = /^x-.+-session-id$/;

/** Of a path in a header, `/a/b/c`. */
const segments = (call: Readable, name: string): string[] => (call.headers.get(name) ?? '').split('/').filter((segment) => segment !== '');

const READERS: Readonly<Record<string, Reader>> = {
  header: (call, name) => call.headers.get(name),
  'header-json': (call, argument) => {
    const dot = argument.indexOf('.');
    return asText(valueAt(parsedOrUndefined(call.headers.get(argument.slice(0, dot))), argument.slice(dot + 1)));
  },
  'header-last-segment': (call, name) => segments(call, name).at(-1),
  'header-parent-path': (call, name) => {
    const path = segments(call, name);
    return path.length < 2 ? undefined : `/${path.slice(0, -1).join('/')}`;
  },
  'any-session-header': (call) => {
    for (const [name, value] of call.headers) if (name.endsWith('-session-id') && SESSION_HEADER.test(name) && !name.includes('parent')) return value;
    return undefined;
  },
  body: (call, path) => asText(inBody(call, path)),
  /** `body-json:a.b>c`: the field `c` of the JSON text at `a.b`. */
  'body-json': (call, argument) => {
    const [path, field] = argument.split('>');
    return asText(valueAt(parsedOrUndefined(asText(inBody(call, path))), field));
  },
  'claude-user-id': (call, field) => claudeUserId(call, field),
  'system-text': (call) => (call.outline?.facts.system.subAgent === true ? 'subagent' : undefined),
  baggage: (call, name) => baggage(call.headers.get('baggage'), name),
  traceparent: (call) => /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(call.headers.get('traceparent') ?? '')?.[1],
};

/** What a call must have for a place to hold anything: a header, one whose name ends so, or a member of the body. */
export interface Need { readonly header?: string; readonly ending?: string; readonly member?: string }
const firstStep = (path: string): string => path.split(/[.>]/, 1)[0];

const NEEDS: Readonly<Record<string, (argument: string) => Need>> = {
  header: (name) => ({ header: name }),
  'header-json': (path) => ({ header: firstStep(path) }),
  'header-last-segment': (name) => ({ header: name }),
  'header-parent-path': (name) => ({ header: name }),
  'any-session-header': () => ({ ending: '-session-id' }),
  body: (path) => ({ member: firstStep(path) }),
  'body-json': (path) => ({ member: firstStep(path) }),
  'claude-user-id': () => ({ member: 'metadata' }),
  baggage: () => ({ header: 'baggage' }),
  traceparent: () => ({ header: 'traceparent' }),
};

/** Undefined for a place that any call may fill. */
export function needOf(place: string): Need | undefined {
  const colon = place.indexOf(':');
  return NEEDS[place.slice(0, colon)]?.(place.slice(colon + 1));
}

/** A place, ready to be read. */
type Place = (call: Readable) => string | undefined;
const places = new Map<string, Place>();

/** Places come from tables in the code: a bounded set. */
function placeOf(place: string): Place {
  let ready = places.get(place);
  if (ready === undefined) {
    const colon = place.indexOf(':');
    const reader = READERS[place.slice(0, colon)];
    if (reader === undefined) throw new TypeError(`no reader for the place ${place}`);
    const argument = place.slice(colon + 1);
    ready = (call) => reader(call, argument);
    places.set(place, ready);
  }
  return ready;
}

/** @throws TypeError if the table names a reader that does not exist. */
export function readPlace(call: Readable, place: string): string | undefined {
  return placeOf(place)(call);
}

const PRINTABLE = /^[\x20-\x7e]{1,256}$/;

/** An id that a client sent: 1 to 256 printable bytes, trimmed; undefined if it is not that. */
export function cleanId(text: string): string | undefined {
  const trimmed = text.trim();
  return PRINTABLE.test(trimmed) ? trimmed : undefined;
}

/** `true`, `1`, `yes`: the words for a flag header. */
export function isYes(text: string | undefined): boolean {
  return text !== undefined && /^(true|1|yes)$/i.test(text.trim());
}
