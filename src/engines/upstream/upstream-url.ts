import { EntresolError } from '../../core/index.ts';

export interface UpstreamAddress {
  /** Scheme, host and port. */
  readonly origin: string;
  /** What comes before `/v1` in every path: empty for most servers. */
  readonly pathPrefix: string;
}

/**
 * An upstream's URL is its origin or ends in `/v1`.
 * @throws EntresolError `ENT_USAGE`
 */
export function parseUpstreamUrl(text: string, at = '--upstream'): UpstreamAddress {
  // Less what may be a credential.
  const fail = (why: string): EntresolError => new EntresolError('ENT_USAGE', `${JSON.stringify(text.replace(/\/\/[^/]*@/, '//'))} ${why}.`, { at });
  if (!URL.canParse(text)) throw fail('is not a URL');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw fail('is neither http: nor https:');
  if (url.username !== '' || url.password !== '') throw fail('carries a credential: let clients send it in a header');
  if (url.search !== '' || url.hash !== '') throw fail('has a query or fragment');
  const path = url.pathname.replace(/\/+$/, '');
  if (path !== '' && !path.endsWith('/v1')) throw fail('is neither an origin nor ends in /v1');
  return { origin: url.origin, pathPrefix: path === '' ? '' : path.slice(0, -'/v1'.length) };
}
