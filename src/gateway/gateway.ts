/** The HTTP server in front of engines and runtime. */
import { createHmac, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { EntresolError, LOCAL_TENANT, type Clock, type Engine, type TenantId, type Hashing } from '../core/index.ts';
import { callerFrom, checkAccess, checkBinding, KeyRing, type Admitted } from './access/index.ts';
import { BatchedSteps } from './batched-steps.ts';
import { Calls } from './call.ts';
import { checkFraming, resolvedPath } from './framing.ts';
import { EventStreams } from './control/event-stream.ts';
import { controlRoutes } from './control/routes.ts';
import { asEntresolError, errorForm } from './errors.ts';
import { engineRoutes } from './engine-routes.ts';
import { Identifier } from './identify.ts';
import { IdentityMetrics } from './identity-metrics.ts';
import { DEFAULT_GATEWAY_LIMITS, type GatewayLimits } from './limits.ts';
import type { HostedTools } from './protocols/field-table.ts';
import { OpenCalls } from './open-calls.ts';
import { newRequestId } from './request-id.ts';
import { refuseUnreadable } from './refuse-unreadable.ts';
import { sendError } from './respond.ts';
import { Router, type RouteContext } from './router.ts';
import type { CallRuntime, ControlRuntime } from './runtime-port.ts';
import { SessionConnections } from './session-connections.ts';

export interface GatewayOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Read at each call: its members may change while the server runs. */
  readonly engines: readonly Engine[];
  readonly runtime: CallRuntime & ControlRuntime;
  readonly clock: Clock;
  readonly hashing: Hashing;
  log(level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>): void;
  /** Makes the salts that keep caches of tenants apart; random by default. */
  readonly saltSecret?: Buffer;
  /** By default none: then loopback alone may connect. */
  readonly keys?: KeyRing;
  /** Bind beyond loopback though no keys are configured. */
  readonly insecure?: boolean;
  readonly limits?: Partial<GatewayLimits>;
  /** What is done with tools that only a vendor's servers have, where a call is translated; refused by default. */
  readonly hostedTools?: HostedTools;
  /** What `/healthz` tells of the configuration in force; anyone may read it. */
  readonly configuration?: () => object;
}

/** Plain or encoded, by slash or backslash: servers differ in what they resolve. */
const DOT_SEGMENT = /(?:\/|\\|%2f|%5c)(?:\.|%2e){1,2}(?:$|\/|\\|%2f|%5c)/i;

/** Whether a path can have a dot segment at all: most can be told from without the expression above. */
const mayHaveDots = (path: string): boolean => path.includes('.') || path.includes('%');

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
  private readonly openCalls: OpenCalls;
  private readonly connections: SessionConnections;
  private state: 'starting' | 'ready' | 'draining' = 'starting';

  /** @throws EntresolError `ENT_INSECURE_BIND` */
  constructor(options: GatewayOptions) {
    this.keys = options.keys ?? new KeyRing();
    checkBinding(options.host, options.insecure === true || !this.keys.empty);
    this.options = options;
    this.limits = { ...DEFAULT_GATEWAY_LIMITS, ...options.limits };
    const { engines, runtime, clock, hashing, log } = options;
    const identityMetrics = new IdentityMetrics(runtime.metrics.registry);
    this.connections = new SessionConnections(this.limits.connectionGraceMs, (by) => runtime.observe({ type: 'session-end', atMs: clock.nowMs(), by, reason: 'closed' }));
    this.calls = new Calls({
      connections: this.connections, steps: new BatchedSteps(), engines, runtime, clock, hash: (text) => hashing.text(text), log, cacheSalt: this.saltOf(options.saltSecret ?? randomBytes(32)), tenantsShare: () => this.keys.shared, identifier: new Identifier(hashing), identityMetrics, bodyBytes: this.limits.bodyBytes,
      ...(options.hostedTools === undefined ? {} : { hostedTools: options.hostedTools }),
    });
    this.openCalls = new OpenCalls(clock, this.limits);
    this.events = new EventStreams(this.limits.eventBacklogBytes);
    this.unsubscribe = runtime.subscribe((event, tenant) => this.events.publish(event, tenant));
    this.router = new Router([
      ...controlRoutes({ runtime, engines, clock, events: this.events, state: () => this.state, coverage: (tenant) => identityMetrics.coverage(tenant), ...(options.configuration === undefined ? {} : { configuration: options.configuration }) }),
      ...engineRoutes(engines, this.calls),
    ]);
    this.server = this.createServer();
  }

  private createServer(): Server {
    const { headerBytes, keepAliveMs, headerMs, requestMs } = this.limits;
    const serve = (request: IncomingMessage, response: ServerResponse): void => this.serve(request, response);
    const server = createServer({
      maxHeaderSize: headerBytes, keepAliveTimeout: keepAliveMs, headersTimeout: Math.min(headerMs, requestMs), requestTimeout: requestMs,
      requireHostHeader: false,
      connectionsCheckingInterval: Math.min(10_000, headerMs / 4, requestMs / 4),
    }, serve);
    // Their bytes have a bound, so their number needs none: beyond it Node would drop some in silence.
    server.maxHeadersCount = 0;
    // Whoever asks before sending is told to go on when the body is read, or is refused; other expectations are no reason to refuse.
    server.on('checkContinue', serve);
    server.on('checkExpectation', serve);
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuseUnreadable(error, socket, this.openCalls.on(socket)));
    return server;
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
    this.connections.close();
    const closed = new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
    this.server.closeIdleConnections();
    const cut = await this.openCalls.drain(drainMs);
    this.server.closeAllConnections();
    await closed;
    return cut;
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const requestId = newRequestId();
    const call = this.openCalls.open(request, response);
    const target = targetOf(request.url ?? '/');
    const query = target.indexOf('?');
    const context = { request, response, call, requestId, target, path: query < 0 ? target : target.slice(0, query) };
    try {
      this.route(context)?.catch((thrown: unknown) => this.fail(context, thrown));
    } catch (thrown) {
      this.fail(context, thrown);
    }
  }

  private route(context: Unadmitted): void | Promise<void> {
    const { request, response, call, requestId, target, path } = context;
    const method = request.method ?? 'GET';
    checkFraming(request);
    const match = this.router.match(method, path) ?? this.router.match(method, resolvedPath(path));
    if (this.state === 'draining') response.shouldKeepAlive = false;
    if (match?.route.open === true) {
      return match.route.handle({ ...context, ...OPEN, parameter: match.parameter });
    }
    const { caller, headers, stripped } = this.admit(request);
    if (match?.route.admin === true && !caller.admin) throw new EntresolError('ENT_ADMIN_ONLY', `${method} ${path} is for admin keys.`, { at: path });
    this.checkState(path);
    if (mayHaveDots(path) && DOT_SEGMENT.test(path)) throw new EntresolError('ENT_BAD_REQUEST', 'The path has a dot segment, which an upstream may resolve to a place outside /v1.', { at: path });
    const admitted = { request, response, call, requestId, target, path, caller, headers, stripped, parameter: match?.parameter ?? '' };
    if (match !== undefined) return match.route.handle(admitted);
    const passes = path.startsWith('/v1/') && this.options.engines.some((engine) => engine.capabilities.passThrough === true);
    if (!passes) throw new EntresolError('ENT_UNKNOWN_ROUTE', `There is no ${method} ${path} here.`, { at: path });
    return this.calls.passThrough(admitted);
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

  private fail({ request, response, call, requestId, path }: Unadmitted, thrown: unknown): void {
    const error = call.reason ?? asEntresolError(thrown);
    if (error.code === 'ENT_INTERNAL') {
      const cause = error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : String(error.cause);
      this.options.log('error', 'a request failed in the gateway', { requestId, path, cause });
    }
    if (response.headersSent || error.code === 'ENT_CANCELLED') response.destroy();
    else sendError(response, requestId, error, { ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }), close: !request.complete, form: errorForm(path, request.headers['anthropic-version']) });
  }
}
