/** What Node's parser lets pass and servers behind would each read in their own way. */
import type { IncomingMessage } from 'node:http';
import { EntresolError } from '../core/index.ts';

const bad = (at: string, why: string): EntresolError => new EntresolError('ENT_BAD_REQUEST', why, { at });

/**
 * One `Host` (RFC 9112, section 3.2), no transfer coding but chunked (section 6.1), and no TRACE: its answer would show the
 * client what was added on the way, the upstream's credential too.
 * @throws EntresolError `ENT_BAD_REQUEST`, `ENT_UNKNOWN_ROUTE`
 */
export function checkFraming({ rawHeaders, method, httpVersion, url }: IncomingMessage): void {
  if (method === 'TRACE') throw new EntresolError('ENT_UNKNOWN_ROUTE', 'TRACE is not served here.', { at: url ?? '/' });
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
    else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding' && rawHeaders[index + 1].trim().toLowerCase() !== 'chunked') {
      throw bad('header transfer-encoding', `The transfer coding ${JSON.stringify(rawHeaders[index + 1])} is not read here, only chunked.`);
    }
  }
  if (hosts > 1) throw bad('header host', 'The request has more than one Host.');
  if (hosts === 0 && httpVersion !== '1.0') throw bad('header host', 'The request has no Host.');
}

const UNRESERVED = /%(?:2d|2e|5f|7e|3[0-9]|[46][1-9a-f]|[57][0-9a])/gi;

/** A path as most servers resolve it: one that differs only so must not slip past a route that is read here. */
export function resolvedPath(path: string): string {
  return path.replaceAll(UNRESERVED, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16))).replaceAll(/(?:\/|%2f)+/gi, '/').replace(/(?<=.)\/$/, '');
}
