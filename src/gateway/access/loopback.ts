/**
 * Who may connect while no keys are configured: loopback clients alone, and no web page, whatever name it reached us
 * by. A page's script carries an `Origin`; a name rebound to 127.0.0.1 shows in `Host`.
 */
import { EntresolError } from '../../core/index.ts';

const LOOPBACK_NAME = /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\]|::1|\[::ffff:127(?:\.\d{1,3}){3}\])$/i;

export function isLoopbackName(name: string): boolean {
  return LOOPBACK_NAME.test(name);
}

/** `name:port`, `[::1]:port` or a bare name. */
function nameOf(authority: string): string {
  return authority.replace(/:\d*$/, '');
}

function originName(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).hostname : undefined;
}

export interface AccessRule {
  /** The server is bound beyond loopback on purpose, without keys: any `Host` goes, pages of other origins still do not. */
  readonly insecure: boolean;
}

/** @throws EntresolError `ENT_FORBIDDEN_HOST` */
export function checkAccess(rule: AccessRule, host: string | undefined, origin: string | undefined): void {
  if (!rule.insecure && (host === undefined || !isLoopbackName(nameOf(host)))) {
    throw new EntresolError('ENT_FORBIDDEN_HOST', `The Host ${JSON.stringify(host ?? '')} is not a loopback name.`, { at: 'header host' });
  }
  if (origin === undefined) return;
  const name = originName(origin);
  const own = host !== undefined && name !== undefined && rule.insecure && name === nameOf(host);
  if (!own && (name === undefined || !isLoopbackName(name))) {
    throw new EntresolError('ENT_FORBIDDEN_HOST', `Web pages of ${JSON.stringify(origin)} may not use this server.`, { at: 'header origin' });
  }
}

/** @throws EntresolError `ENT_INSECURE_BIND` for an address beyond loopback without keys, unless insecure. */
export function checkBinding(host: string, insecure: boolean): void {
  if (insecure || isLoopbackName(host)) return;
  throw new EntresolError('ENT_INSECURE_BIND', `Without keys anyone who reaches ${host} could use the engine.`, { at: '--host' });
}
