/** The connections to one upstream: a pool that grows with demand, straight or through a proxy. */
import { rootCertificates } from 'node:tls';
import { buildConnector, Client, Pool, type Dispatcher } from 'undici';
import { proxyAuthorization, proxyFromEnvironment, tunnelThrough } from './proxy.ts';
import type { UpstreamAddress } from './upstream-url.ts';
import { WRITE_AHEAD_BYTES, WrittenBody } from './written-body.ts';

export interface TlsSettings {
  /** PEM of authorities to trust beside the usual ones. */
  readonly ca?: string;
  /** PEM of a certificate to show, and its key. */
  readonly certificate?: string;
  readonly key?: string;
  /** In place of the URL's host. */
  readonly serverName?: string;
}

export interface ConnectionSettings {
  readonly connectTimeoutMs: number;
  /** From the request's last byte to the answer's head. */
  readonly firstByteTimeoutMs: number;
  /** Between two pieces of an answer. */
  readonly silenceTimeoutMs: number;
  /** An idle connection is kept this long unless the upstream announces less. */
  readonly keepAliveMs: number;
  /** `environment`: by `HTTPS_PROXY` and its kin. */
  readonly proxy: 'environment' | 'none' | URL;
  readonly tls?: TlsSettings;
}

export interface OutgoingRequest {
  readonly method: string;
  /** From the origin on. */
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: Buffer | WrittenBody | null;
  /** The connection serves no other request after it. */
  readonly lastOnConnection?: boolean;
}

/** Bytes that broken connections had brought, where undici does not say: it does of those that were closed, not of those that were reset. */
const brought = new WeakMap<Error, number>();

const remembering = (connect: buildConnector.connector): buildConnector.connector => (options, callback) => {
  connect(options, (...connected) => {
    const [, socket] = connected;
    socket?.once('error', (error) => brought.set(error, socket.bytesRead));
    callback(...connected);
  });
};

/** @param error what broke an exchange before its answer @returns whether its connection had brought the answer of another before */
export function hadServedOthers(error: Error): boolean {
  const { socket } = error as { socket?: { bytesRead?: number } };
  return (socket?.bytesRead ?? brought.get(error) ?? 0) > 0;
}

export class Connections {
  readonly #connectTo: string;
  readonly #lookAt: string;
  /** Through a proxy without a tunnel the request names the whole URL. */
  readonly #absolute: string;
  readonly #proxyHeaders: readonly string[];
  readonly #options: Pool.Options;
  readonly #pool: Pool;

  constructor(address: UpstreamAddress, settings: ConnectionSettings, environment: Readonly<Record<string, string | undefined>> = process.env) {
    const url = new URL(address.origin);
    const proxy = settings.proxy === 'none' ? undefined : settings.proxy === 'environment' ? proxyFromEnvironment(url, environment) : settings.proxy;
    const tls = {
      timeout: settings.connectTimeoutMs, highWaterMark: WRITE_AHEAD_BYTES,
      ...(settings.tls?.ca === undefined ? {} : { ca: [...rootCertificates, settings.tls.ca] }),
      ...(settings.tls?.certificate === undefined ? {} : { cert: settings.tls.certificate, key: settings.tls.key }),
      ...(settings.tls?.serverName === undefined ? {} : { servername: settings.tls.serverName }),
    };
    const tunnel = proxy !== undefined && url.protocol === 'https:';
    const forward = proxy !== undefined && !tunnel;
    const authorization = forward ? proxyAuthorization(proxy) : undefined;
    this.#connectTo = forward ? proxy.origin : address.origin;
    this.#lookAt = proxy?.origin ?? address.origin;
    this.#absolute = forward ? address.origin : '';
    this.#proxyHeaders = forward ? ['host', url.host, ...(authorization === undefined ? [] : ['proxy-authorization', authorization])] : [];
    // No bound on connections: agents hold streams for minutes, and a call that waits for one would wait unseen.
    this.#options = {
      connections: null,
      pipelining: 1,
      connect: remembering(tunnel ? tunnelThrough(proxy, settings.connectTimeoutMs, buildConnector(tls)) : buildConnector(tls)),
      headersTimeout: settings.firstByteTimeoutMs,
      bodyTimeout: settings.silenceTimeoutMs,
      keepAliveTimeout: settings.keepAliveMs,
    };
    this.#pool = new Pool(this.#connectTo, this.#options);
  }

  /** Where a connection would go: the upstream, or the proxy before it. */
  get lookAt(): string { return this.#lookAt; }

  dispatch(request: OutgoingRequest, handler: Dispatcher.DispatchHandler): void {
    this.#pool.dispatch(this.#outgoing(request), handler);
  }

  /** On a connection that has served nobody before and will serve nobody after. */
  dispatchFresh(request: OutgoingRequest, handler: Dispatcher.DispatchHandler): void {
    const { connections: _, ...options } = this.#options;
    const client = new Client(this.#connectTo, options);
    client.dispatch({ ...this.#outgoing(request), reset: true }, handler);
    // Resolves when the exchange has ended; that of a destroyed one rejects, and its handler has been told.
    client.close().catch(() => undefined);
  }

  #outgoing({ method, path, headers: given, body, lastOnConnection }: OutgoingRequest): Dispatcher.DispatchOptions {
    const more = body instanceof WrittenBody ? [...this.#proxyHeaders, 'content-length', String(body.bytes.length)] : this.#proxyHeaders;
    const headers = more.length === 0 ? (given as string[]) : [...given, ...more];
    // Its types know strings, buffers and streams; it takes whatever can be iterated.
    return { method, path: this.#absolute + path, headers, body: body as Buffer | null, ...(lastOnConnection === true ? { reset: true } : {}) };
  }

  /** Lets exchanges in flight end for at most `graceMs`. */
  async close(graceMs: number): Promise<void> {
    if (this.#pool.destroyed) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceMs);
    });
    await Promise.race([this.#pool.close(), late]);
    clearTimeout(timer);
    if (!this.#pool.destroyed) await this.#pool.destroy();
  }
}
