/** Bodies of paths that nobody here knows: whether they say, or may say, what is not for clients to say. */
import { EntresolError } from '../../core/index.ts';
import { headerIn } from './edit-headers.ts';

export interface UnreadNames {
  /** Of members of JSON. */
  readonly json: readonly string[];
  /** Of fields of forms; those that end in `_` are beginnings of names. */
  readonly form: readonly string[];
  /** Whether the first level of the JSON tells, or every one. */
  readonly levels: 'first' | 'all';
}

/** What a parser reads names through: %5F in forms, \u005f in JSON. */
const ESCAPED = /%([0-9a-f]{2})|\\u00([0-9a-f]{2})/giu;
/** The headers of a form's part from the one that holds its name on; Python's parser takes a line feed alone for a part of the header. */
const PART_HEADERS = /content-disposition([^]*?)(?:\r\n\r\n|$)/gi;
/** With a star: in pieces, or in an encoding of its own (RFC 2231), which no client writes and Python reads. */
const PART_NAME = /(?<![\w-])name\s*(?:(\*)|=\s*["'<]?([^"'<>;\r\n]*))/gi;
const FIELD_NAME = /(?:^|[&;])([^&;=]*)/g;
/** Before the first bracket of JSON: white space, marks of byte order, and the zeros of wide characters. */
const BEFORE_JSON: ReadonlySet<number> = new Set([0, 0x09, 0x0a, 0x0d, 0x20, 0xbb, 0xbf, 0xef, 0xfe, 0xff]);

/** @returns what it says, in words or by its name; undefined: nothing of these */
export function saidUnread(body: Buffer, headers: readonly string[], names: UnreadNames): string | undefined {
  const type = headerIn(headers, 'content-type')?.toLowerCase() ?? '';
  for (const field of type.startsWith('multipart/') ? partNames(body) : type.startsWith('application/x-www-form-urlencoded') ? fieldNames(body) : []) {
    if (field === undefined) return 'a field whose name is in pieces';
    const name = names.form.find((each) => field === each || (each.endsWith('_') && field.startsWith(each)));
    if (name !== undefined) return name;
  }
  return mayBeJson(body) ? saidInJson(body, names) : undefined;
}

/** Names of the form's fields, undefined for one that is not to be read here. What only looks like a field's name, in a file of mails say, is among them. */
function* partNames(body: Buffer): Generator<string | undefined> {
  for (const [, partHeaders] of body.toString('latin1').matchAll(PART_HEADERS)) {
    for (const [, star, name] of partHeaders.matchAll(PART_NAME)) yield star === undefined ? plain(name) : undefined;
  }
}

function* fieldNames(body: Buffer): Generator<string> {
  for (const [, name] of body.toString('latin1').matchAll(FIELD_NAME)) yield plain(name);
}

const unescaped = (text: string): string => text.replaceAll(ESCAPED, (_, percent?: string, escape?: string) => String.fromCodePoint(Number.parseInt(percent ?? escape ?? '0', 16)));
/** `a` of `a[b]` and `a.b` too. */
const plain = (name: string): string => unescaped(name).replaceAll('\\', '').split(/[[.]/, 1)[0].trim();

/** Whatever the content type says: servers parse without asking for it. */
function mayBeJson(body: Buffer): boolean {
  const first = body.find((byte) => !BEFORE_JSON.has(byte));
  return first === 0x7b || first === 0x5b;
}

function saidInJson(body: Buffer, names: UnreadNames): string | undefined {
  // Python reads JSON in other encodings too.
  if (body.subarray(0, 4).includes(0) || (body[0] >= 0xfe && body[1] >= 0xfe)) return 'JSON in another encoding than UTF-8';
  if (!body.includes('\\u') && !names.json.some((name) => body.includes(name))) return undefined;
  let found: string | undefined;
  try {
    const value = JSON.parse(body.toString(), names.levels === 'first' ? undefined : (name, inner: unknown) => {
      if (names.json.includes(name)) found = name;
      return inner;
    }) as unknown;
    if (names.levels === 'first' && typeof value === 'object' && value !== null) found = names.json.find((name) => Object.hasOwn(value, name));
  } catch {
    // What is no JSON here may be some to a parser that is less strict.
    const text = unescaped(body.toString('latin1'));
    return names.json.find((name) => text.includes(`"${name}"`) || text.includes(`'${name}'`));
  }
  return found;
}

export const notAmongTenants = (said: string): EntresolError => new EntresolError('ENT_BAD_REQUEST', `${said} may not be sent to a server that tenants share.`, { at: said });

/** @throws EntresolError `ENT_BAD_REQUEST` where a tenant among several says, on its first level, what ranks a call or chooses where it goes */
export function refuseUnread(body: Buffer, headers: readonly string[], names: readonly string[]): void {
  const said = body.length === 0 ? undefined : saidUnread(body, headers, { json: names, form: names, levels: 'first' });
  if (said !== undefined) throw notAmongTenants(said);
}
