/** The HTTP server in front of engines and runtime. */
import { createHmac, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { EntresolError, LOCAL_TENANT, type Clock, type Engine, type TenantId } from '../core/index.ts';
import { callerFrom, checkAccess, checkBinding, KeyRing, type Admitted } from './access/index.ts';
import { Calls, newRequestId } from './call.ts';
import { EventStreams } from './control/event-stream.ts';
import { controlRoutes } from './control/routes.ts';
import { asEntresolError, errorBody, errorForm } from './errors.ts';
import { engineRoutes } from './engine-routes.ts';
import { Identifier } from './identify.ts';
import { IdentityMetrics } from './identity-metrics.ts';
import { DEFAULT_GATEWAY_LIMITS, type GatewayLimits } from './limits.ts';
import { sendError } from './respond.ts';
import { Router, type RouteContext } from './router.ts';
import type { CallRuntime, ControlRuntime } from './runtime-port.ts';

export interface GatewayOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Read at each call: its members may change while the server runs. */
  readonly engines: readonly Engine[];
  readonly runtime: CallRuntime & ControlRuntime;
  readonly clock: Clock;
  /** A stable hash of a text as 16 hexadecimal digits. */
  hash(text: string): string;
  log(level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>): void;
  /** Makes the salts that keep caches of tenants apart; random by default. */
  readonly saltSecret?: Buffer;
  /** By default none: then loopback alone may connect. */
  readonly keys?: KeyRing;
  /** Bind beyond loopback though no keys are configured. */
  readonly insecure?: boolean;
  readonly limits?: Partial<GatewayLimits>;
}

/** Plain or encoded, by slash or backslash: servers differ in what they resolve. */
const DOT_SEGMENT = /(?:\/|\\|%2f|%5c)(?:\.|%2e){1,2}(?:$|\/|\\|%2f|%5c)/i;

/** A request whose caller is not known yet. */
type Unadmitted = Omit<RouteContext, keyof Admitted | 'parameter'>;

/** For routes that anyone may use. */
const OPEN: Admitted = { caller: { tenant: LOCAL_TENANT, admin: false }, headers: [], stripped: false };

/** What a request is for: its path with query. Clients that take us for a proxy send the absolute form. */
function targetOf(url: string): string {
  if (url.startsWith('/') || !URL.canParse(url)) return url;
  const { pathname, search } = new URL(url);
  return pathname + search;
}

export class Gateway {
  private readonly options: GatewayOptions;
  private readonly limits: GatewayLimits;
  private readonly keys: KeyRing;
  private readonly server: Server;
  private readonly router: Router;
  private readonly calls: Calls;
  private readonly events: EventStreams;
  private readonly unsubscribe: () => void;
  private readonly inFlight = new Set<ServerResponse>();
  private state: 'starting' | 'ready' | 'draining' = 'starting';
  private whenIdle: (() => void) | undefined;

  /** @throws EntresolError `ENT_INSECURE_BIND` */
  constructor(options: GatewayOptions) {
    this.keys = options.keys ?? new KeyRing();
    checkBinding(options.host, options.insecure === true || !this.keys.empty);
    this.options = options;
    this.limits = { ...DEFAULT_GATEWAY_LIMITS, ...options.limits };
    const { engines, runtime, clock, hash, log } = options;
    this.calls = new Calls({
      engines, runtime, clock, hash, log, cacheSalt: this.saltOf(options.saltSecret ?? randomBytes(32)), identifier: new Identifier(hash), identityMetrics: new IdentityMetrics(runtime.metrics.registry), bodyBytes: this.limits.bodyBytes,
    });
    this.events = new EventStreams(this.limits.eventBacklogBytes);
    this.unsubscribe = runtime.subscribe((event, tenant) => this.events.publish(event, tenant));
    this.router = new Router([
      ...controlRoutes({ runtime, engines, clock, events: this.events, state: () => this.state }),
      ...engineRoutes(engines, this.calls),
    ]);
    this.server = createServer({ maxHeaderSize: this.limits.headerBytes, keepAliveTimeout: this.limits.keepAliveMs }, (request, response) => void this.serve(request, response));
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      // Within an answer that has begun another one would be taken for a part of it.
      const answering = [...this.inFlight].some((response) => response.socket === socket && response.headersSent);
      if (answering) socket.destroy();
      else refuseUnreadable(error, socket);
    });
  }

  /** Begins to listen; calls are refused until `markReady`. @returns the address as a URL @throws EntresolError `ENT_PORT_TAKEN` */
  listen(): Promise<string> {
    const { host, port } = this.options;
    return new Promise((resolve, reject) => {
      this.server.once('error', (error: NodeJS.ErrnoException) => {
        const taken = error.code === 'EADDRINUSE' || error.code === 'EACCES';
        reject(taken ? new EntresolError('ENT_PORT_TAKEN', `Cannot listen on ${host}:${port} (${error.code}).`, { at: '--port', cause: error })
          : new EntresolError('ENT_USAGE', `Cannot listen on ${host}:${port}: ${error.message}.`, { at: '--host', cause: error }));
      });
      this.server.listen(port, host, () => {
        const { port: bound } = this.server.address() as AddressInfo;
        resolve(`http://${host.includes(':') ? `[${host}]` : host}:${bound}`);
      });
    });
  }

  /** The engines have started. */
  markReady(): void {
    if (this.state === 'starting') this.state = 'ready';
  }

  /** Takes no new connections, lets what is in flight finish for at most `drainMs`, then cuts it. @returns how many were cut */
  async drain(drainMs: number = this.limits.drainMs): Promise<number> {
    this.state = 'draining';
    this.unsubscribe();
    this.events.close();
    const closed = new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
    this.server.closeIdleConnections();
    const cut = await this.finishInFlight(drainMs);
    this.server.closeAllConnections();
    await closed;
    return cut;
  }

  private async finishInFlight(drainMs: number): Promise<number> {
    if (this.inFlight.size === 0) return 0;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.whenIdle = resolve;
      timer = setTimeout(resolve, drainMs);
    });
    clearTimeout(timer);
    return this.inFlight.size;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = newRequestId();
    this.inFlight.add(response);
    response.on('close', () => {
      this.inFlight.delete(response);
      if (this.inFlight.size === 0) this.whenIdle?.();
    });
    const target = targetOf(request.url ?? '/');
    const context = { request, response, requestId, target, path: target.split('?', 1)[0] };
    try {
      await this.route(context);
    } catch (thrown) {
      this.fail(context, thrown);
    }
  }

  private async route(context: Unadmitted): Promise<void> {
    const { request, path, response } = context;
    const method = request.method ?? 'GET';
    const match = this.router.match(method, path);
    if (this.state === 'draining') response.shouldKeepAlive = false;
    if (match?.route.open === true) {
      await match.route.handle({ ...context, ...OPEN, parameter: match.parameter });
      return;
    }
    const admitted = this.admit(request);
    if (match?.route.admin === true && !admitted.caller.admin) throw new EntresolError('ENT_ADMIN_ONLY', `${method} ${path} is for admin keys.`, { at: path });
    this.checkState(path);
    if (DOT_SEGMENT.test(path)) throw new EntresolError('ENT_BAD_REQUEST', 'The path has a dot segment, which an upstream may resolve to a place outside /v1.', { at: path });
    if (match !== undefined) {
      await match.route.handle({ ...context, ...admitted, parameter: match.parameter });
      return;
    }
    const passes = path.startsWith('/v1/') && this.options.engines.some((engine) => engine.capabilities.passThrough === true);
    if (!passes) throw new EntresolError('ENT_UNKNOWN_ROUTE', `There is no ${method} ${path} here.`, { at: path });
    await this.calls.passThrough({ ...context, ...admitted, parameter: '' });
  }

  /** While no keys are configured there is one tenant, and nothing to keep apart. */
  private saltOf(secret: Buffer): (tenant: TenantId) => string | undefined {
    return (tenant) => (this.keys.empty ? undefined : createHmac('sha256', secret).update(tenant).digest('base64url'));
  }

  /** @throws EntresolError `ENT_FORBIDDEN_HOST`, `ENT_UNAUTHORIZED` */
  private admit(request: IncomingMessage): Admitted {
    if (this.keys.empty) checkAccess({ insecure: this.options.insecure === true }, request.headers.host, request.headers.origin);
    return callerFrom(request.rawHeaders, this.keys);
  }

  /** Engines may take a minute to load their model: until then only what needs none is answered. */
  private checkState(path: string): void {
    if (this.state === 'draining') throw new EntresolError('ENT_DRAINING', 'The server takes no new requests.');
    if (this.state === 'starting' && path.startsWith('/v1/')) throw new EntresolError('ENT_ENGINE_UNAVAILABLE', 'The engine is still starting.');
  }

  private fail({ request, response, requestId, path }: Unadmitted, thrown: unknown): void {
    const error = asEntresolError(thrown);
    if (error.code === 'ENT_INTERNAL') {
      const cause = error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : String(error.cause);
      this.options.log('error', 'a request failed in the gateway', { requestId, path, cause });
    }
    if (response.headersSent || error.code === 'ENT_CANCELLED') response.destroy();
    else sendError(response, requestId, error, { ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }), close: !request.complete, form: errorForm(path) });
  }
}

/** What the HTTP parser cannot read gets an answer all the same. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const refusal = error.code === 'HPE_HEADER_OVERFLOW'
    ? new EntresolError('ENT_HEADERS_TOO_LARGE', 'The request\'s headers are too large.')
    : new EntresolError('ENT_BAD_REQUEST', 'The request is no readable HTTP.');
  const body = errorBody(refusal);
  const head = [`HTTP/1.1 ${refusal.status} Refused`, 'content-type: application/json', `content-length: ${body.length}`, `x-entresol-request-id: ${newRequestId()}`, 'connection: close'];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body.toString()}`);
}
