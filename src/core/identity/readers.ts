/** How a place of a vendor row (`reader:argument`) is read from a call. */
export interface Readable {
  readonly headers: ReadonlyMap<string, string>;
  readonly body: unknown;
}

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
function claudeUserId(body: unknown, field: string): string | undefined {
  const userId = asText(valueAt(body, 'metadata.user_id'));
  if (userId === undefined) return undefined;
  const parsed = parsedOrUndefined(userId);
  if (parsed !== undefined) return asText(valueAt(parsed, field));
  return field === 'session_id' ? /_session_([0-9a-f-]{8,64})$/i.exec(userId)?.[1] : undefined;
}

const SESSION_HEADER = /^x-.+-session-id$/;

const READERS: Readonly<Record<string, Reader>> = {
  header: (call, name) => call.headers.get(name),
  'header-json': (call, argument) => {
    const dot = argument.indexOf('.');
    return asText(valueAt(parsedOrUndefined(call.headers.get(argument.slice(0, dot))), argument.slice(dot + 1)));
  },
  'header-last-segment': (call, name) => call.headers.get(name)?.split('/').findLast((segment) => segment !== ''),
  'any-session-header': (call) => {
    for (const [name, value] of call.headers) if (SESSION_HEADER.test(name) && !name.includes('parent')) return value;
    return undefined;
  },
  body: (call, path) => asText(valueAt(call.body, path)),
  'claude-user-id': (call, field) => claudeUserId(call.body, field),
  baggage: (call, name) => baggage(call.headers.get('baggage'), name),
  traceparent: (call) => /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(call.headers.get('traceparent') ?? '')?.[1],
};

/** @throws TypeError if the table names a reader that does not exist. */
export function readPlace(call: Readable, place: string): string | undefined {
  const colon = place.indexOf(':');
  const reader = READERS[place.slice(0, colon)];
  if (reader === undefined) throw new TypeError(`no reader for the place ${place}`);
  return reader(call, place.slice(colon + 1));
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
