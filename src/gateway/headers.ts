/** Which header goes where. Headers travel as raw pairs: order, case and repeated lines stay as they came. */

import { readableOffer } from './encodings.ts';

/** RFC 9110, section 7.6.1, and what HTTP/1.1 itself frames a message with. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings']);

/** Set anew for the next hop. `expect` has been answered here. */
const REFRAMED = new Set(['host', 'content-length', 'expect']);

/** What harnesses tell about their own sessions: it goes to hosted APIs as it came, and not to engines of one's own. */
const HARNESS_PREFIXES = ['x-claude-code-', 'x-codex-', 'x-opencode-'];

const NONE: ReadonlySet<string> = new Set();
/** What nearly every `Connection` header says: it names no header. */
const PLAIN_CONNECTION = /^(?:keep-alive|close)$/i;

/** Names in a `Connection` header are hop-by-hop too. */
function connectionNames(raw: readonly string[]): ReadonlySet<string> {
  let names: Set<string> | undefined;
  for (let index = 0; index < raw.length; index += 2) {
    if (raw[index].length !== 10 || raw[index].toLowerCase() !== 'connection' || PLAIN_CONNECTION.test(raw[index + 1])) continue;
    names ??= new Set();
    for (const name of raw[index + 1].split(',')) names.add(name.trim().toLowerCase());
  }
  return names ?? NONE;
}

export interface RequestHeaderRule {
  /** In what the answer may come: as the client said, in what the tap can read, or plain, for something is to be taken out of it. */
  readonly accept: 'as-sent' | 'readable' | 'plain';
  /** The body goes out unpacked. */
  readonly unpacked?: boolean;
  /** The engine is a hosted API. */
  readonly hosted: boolean;
}

/** Headers for the engine: less our own, hop-by-hop ones and the framing of this hop. */
export function requestHeaders(raw: readonly string[], { accept, hosted, unpacked }: RequestHeaderRule): string[] {
  const listed = connectionNames(raw);
  const kept: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index].toLowerCase();
    if (HOP_BY_HOP.has(name) || REFRAMED.has(name) || listed.has(name) || name.startsWith('x-entresol-')) continue;
    if (!hosted && name.startsWith('x-') && HARNESS_PREFIXES.some((prefix) => name.startsWith(prefix))) continue;
    if (unpacked === true && name === 'content-encoding') continue;
    const narrowed = name === 'accept-encoding' && accept !== 'as-sent';
    kept.push(raw[index], !narrowed ? raw[index + 1] : accept === 'plain' ? 'identity' : readableOffer(raw[index + 1]));
  }
  return kept;
}

export interface AnswerHeaderRule {
  readonly requestId: string;
  /** Something may be taken out of the body. */
  readonly dropLength: boolean;
  /** The body goes on unpacked. */
  readonly dropEncoding: boolean;
}

/** Headers for the client: less hop-by-hop ones, with our request id. */
export function answerHeaders(raw: readonly string[], { requestId, dropLength, dropEncoding }: AnswerHeaderRule): string[] {
  const listed = connectionNames(raw);
  const kept: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index].toLowerCase();
    if (HOP_BY_HOP.has(name) || listed.has(name) || name === 'x-entresol-request-id') continue;
    if ((dropLength && name === 'content-length') || (dropEncoding && name === 'content-encoding')) continue;
    kept.push(raw[index], raw[index + 1]);
  }
  kept.push('x-entresol-request-id', requestId);
  return kept;
}

/** By lower-case name, the first of a repeated header: what identity resolution reads. */
export function headerMap(raw: readonly string[]): Map<string, string> {
  const map = new Map<string, string>();
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index].toLowerCase();
    if (!map.has(name)) map.set(name, raw[index + 1]);
  }
  return map;
}

/** The value of one raw header. */
export function headerOf(raw: readonly string[], wanted: string): string | undefined {
  for (let index = 0; index < raw.length; index += 2) if (raw[index].toLowerCase() === wanted) return raw[index + 1];
  return undefined;
}
