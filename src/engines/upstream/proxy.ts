/**
 * Which proxy a URL goes through, and how. undici's own proxy agents fold repeated header lines into one and, when a
 * proxy drops the tunnel, connect again without end (nodejs/undici#3897): so a connector for its Pool is made here.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { buildConnector } from 'undici';

const LOOPBACK = /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i;

type Environment = Readonly<Record<string, string | undefined>>;

const variable = (environment: Environment, name: string): string | undefined => environment[name] || environment[name.toUpperCase()] || undefined;

/** Names, `.suffixes`, `*`, each with an optional port: as curl and others read `NO_PROXY`. */
function exempt(url: URL, noProxy: string): boolean {
  const host = url.hostname.toLowerCase();
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return noProxy.toLowerCase().split(/[\s,]+/).filter((entry) => entry !== '').some((entry) => {
    if (entry === '*') return true;
    const [, name, wantedPort] = /^(.+?)(?::(\d+))?$/.exec(entry) as unknown as [string, string, string | undefined];
    if (wantedPort !== undefined && wantedPort !== port) return false;
    const suffix = name.replace(/^\*?\./, '');
    return host === suffix || host.replace(/^\[|\]$/g, '') === suffix || host.endsWith(`.${suffix}`);
  });
}

/** By `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in either case. Loopback goes through none. */
export function proxyFromEnvironment(url: URL, environment: Environment): URL | undefined {
  const proxy = variable(environment, url.protocol === 'https:' ? 'https_proxy' : 'http_proxy') ?? variable(environment, 'all_proxy');
  if (proxy === undefined || LOOPBACK.test(url.hostname) || exempt(url, variable(environment, 'no_proxy') ?? '')) return undefined;
  const text = proxy.includes('://') ? proxy : `http://${proxy}`;
  return URL.canParse(text) ? new URL(text) : undefined;
}

export function proxyAuthorization(proxy: URL): string | undefined {
  if (proxy.username === '') return undefined;
  return `Basic ${Buffer.from(`${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`).toString('base64')}`;
}

export class ProxyError extends Error {
  readonly code = 'PROXY_REFUSED';
}

/** A connector that asks the proxy for a tunnel, then speaks TLS through it. @param secure makes the TLS connection within */
export function tunnelThrough(proxy: URL, timeoutMs: number, secure: buildConnector.connector): buildConnector.connector {
  return (options, callback) => {
    const authority = `${options.hostname}:${options.port === '' ? 443 : options.port}`;
    const authorization = proxyAuthorization(proxy);
    const ask = proxy.protocol === 'https:' ? httpsRequest : httpRequest;
    const asked = ask({
      method: 'CONNECT', host: proxy.hostname.replace(/^\[|\]$/g, ''), port: proxy.port === '' ? undefined : proxy.port, path: authority, agent: false, timeout: timeoutMs,
      headers: { host: authority, ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }) },
    });
    asked.once('timeout', () => asked.destroy(new ProxyError('the proxy did not answer in time')));
    asked.once('error', (error) => callback(error, null));
    asked.once('connect', (response, socket) => {
      if (response.statusCode === 200) {
        socket.setTimeout(0);
        secure({ ...options, httpSocket: socket }, callback);
        return;
      }
      socket.destroy();
      callback(new ProxyError(`the proxy answered ${response.statusCode}`), null);
    });
    asked.end();
  };
}
