/** Bodies of paths that nobody here knows: whether they say, or may say, what is not for clients to say. */
import { EntresolError } from '../../core/index.ts';
import { headerIn } from './edit-headers.ts';

export interface UnreadNames {
  /** Of members of JSON. */
  readonly json: readonly string[];
  /** Of fields of forms, whole or their beginnings. */
  readonly form: readonly string[];
  /** Whether the first level of the JSON tells, or every one. */
  readonly levels: 'first' | 'all';
}

const FORM = /^(?:multipart\/|application\/x-www-form-urlencoded)/;
/** Names are looked for, not parsed: what is written as %5F, or with an escape of JSON's, is found with them. */
const ESCAPED = /%([0-9a-f]{2})|\\u00([0-9a-f]{2})/giu;

/** @returns what it says, in words or by its name; undefined: nothing of these */
export function saidUnread(body: Buffer, headers: readonly string[], names: UnreadNames): string | undefined {
  if (FORM.test(headerIn(headers, 'content-type')?.toLowerCase() ?? '')) {
    const text = body.toString('latin1').replaceAll(ESCAPED, (_, percent?: string, escape?: string) => String.fromCodePoint(Number.parseInt(percent ?? escape ?? '0', 16)));
    return names.form.find((name) => text.includes(name));
  }
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
    return names.json.find((name) => body.includes(name));
  }
  return found;
}

/** @throws EntresolError `ENT_BAD_REQUEST` where a tenant among several says, on its first level, what ranks a call or chooses where it goes */
export function refuseUnread(body: Buffer, headers: readonly string[], names: readonly string[]): void {
  const said = body.length === 0 ? undefined : saidUnread(body, headers, { json: names, form: names, levels: 'first' });
  if (said !== undefined) throw new EntresolError('ENT_BAD_REQUEST', `${said} may not be sent to a server that tenants share.`, { at: said });
}
