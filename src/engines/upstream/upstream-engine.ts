/**
 * An engine that is reached by URL: calls pass through as they came, with what its adapter changes of them. Connections,
 * credentials, health, breaker, relay and errors are the same for all kinds.
 */
import type { Answer, CallReport, Coordinate, Dialect, Discovery, Engine, EngineCall, EngineCapabilities, EngineHost, EngineKind, Intent, ModelInfo, Outcome, ReplicaId, TenantId } from '../../core/index.ts';
import { EntresolError, replicaId, REUSED_FROM_BYTES } from '../../core/index.ts';
import type { AskOptions, OutgoingEdit, UpstreamAdapter, UpstreamServer } from './adapter.ts';
import { AnswerTail } from './answer-tail.ts';
import { askServer } from './ask-server.ts';
import { DEFAULT_BREAKER } from './circuit-breaker.ts';
import { Connections } from './connections.ts';
import { withCredential, type Credentialed } from './credential.ts';
import { DialectProbe } from './dialect-probe.ts';
import { UpstreamHealth } from './health.ts';
import { answersWell, canConnect, statusOfEmptyPost } from './look.ts';
import type { UpstreamOptions } from './options.ts';
import { Presence } from './presence.ts';
import { relay, type RelayResult } from './relay.ts';
import { retryAfterMs } from './retry-after.ts';
import { parseUpstreamUrl, type UpstreamAddress } from './upstream-url.ts';
import { WrittenBody } from './written-body.ts';

const ASK_TIMEOUT_MS = 5000;
const ASK_BYTES = 4 * 1024 * 1024;
/** Of servers that tell one start from another. */
const CHECK_MS = 5000;
const CHECK_FAILURES = 3;

/** RFC 9110, section 9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']);

/** What a proxy before an engine that is down answers. One that says 503 in its own words is there, and busy. */
const DOWN: ReadonlySet<number> = new Set([502, 504]);

/** How often one that is retired is looked at, whether a call is left. */
const RELEASE_MS = 1000;

/** How long a server is waited for to take back what it holds. */
const LEAVE_MS = 2000;

/** How long one that is busy and does not say for how long is left to its replicas. */
const SHORT_REST_MS = 1000;

export class UpstreamEngine implements Engine {
  readonly kind: EngineKind;
  readonly replica: ReplicaId;
  readonly inspect?: (call: Omit<EngineCall, 'request'>, tenant: TenantId) => Promise<{ promptTokens: number; residentTokens: number } | undefined>;
  private readonly adapter: UpstreamAdapter;
  private readonly options: UpstreamOptions;
  private readonly address: UpstreamAddress;
  private readonly connections: Connections;
  private readonly dialects: DialectProbe;
  private readonly health: UpstreamHealth;
  private readonly everyUpstream: EngineCapabilities;
  private current: EngineCapabilities;
  private host: EngineHost | undefined;
  private presence: Presence | undefined;
  private running = 0;
  private stopping = false;
  private released = false;
  private left = false;

  /** @throws EntresolError `ENT_USAGE` for a URL that is none */
  constructor(options: UpstreamOptions, adapter: UpstreamAdapter) {
    this.adapter = adapter;
    this.kind = adapter.kind;
    this.options = options;
    this.address = parseUpstreamUrl(options.url);
    this.replica = replicaId(`${adapter.kind}=${this.address.origin}${this.address.pathPrefix}`);
    if (adapter.inspect !== undefined) this.inspect = (call, tenant) => adapter.inspect!(call, tenant);
    const { hosted, dialects } = adapter;
    this.everyUpstream = {
      dialects, intents: [], ordersQueue: false, countsCachedTokens: false, passThrough: true, hosted,
      ...(options.models === undefined ? {} : { serves: options.models }),
      wantsCredential: hosted && options.credential === undefined, ...(options.credential === undefined ? {} : { ownCredential: options.credential.use }), saltsCache: options.saltsCache ?? !hosted,
    };
    this.current = { ...this.everyUpstream, ...adapter.capabilities?.() };
    const connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
    this.connections = new Connections(this.address, {
      connectTimeoutMs, firstByteTimeoutMs: options.firstByteTimeoutMs ?? 600_000, silenceTimeoutMs: options.silenceTimeoutMs ?? 600_000,
      keepAliveMs: options.keepAliveMs ?? adapter.keepAliveMs, proxy: options.proxy ?? 'environment', ...(options.tls === undefined ? {} : { tls: options.tls }),
    });
    this.dialects = new DialectProbe((path, headers) => statusOfEmptyPost(this.connections, this.address.pathPrefix + path, this.credentialed(headers).headers, ASK_TIMEOUT_MS));
    const { check } = options;
    const watched = adapter.instance !== undefined;
    this.health = new UpstreamHealth({
      clock: { nowMs: () => this.host?.clock.nowMs() ?? 0 },
      breaker: { ...DEFAULT_BREAKER, ...options.breaker },
      retryMs: options.retryMs ?? 2000, checkFailures: check?.failures ?? (watched ? CHECK_FAILURES : 1),
      ...(check !== undefined ? { checkMs: check.intervalMs } : watched ? { checkMs: CHECK_MS } : {}),
      look: () => this.look(connectTimeoutMs),
      changed: (healthy, why) => this.tell(healthy, why),
    });
  }

  get capabilities(): EngineCapabilities { return this.current; }

  async start(host: EngineHost): Promise<void> {
    this.host = host;
    this.presence = new Presence({
      adapter: this.adapter, server: this.serverFor(host),
      unreachable: () => this.health.reached(false),
      restarted: () => {
        this.tell(false, 'it was started anew');
        this.tell(true, 'it answers');
      },
    });
    this.health.start();
    host.emit({ type: 'engine-up', atMs: host.clock.nowMs(), replica: this.replica });
    await this.presence.start();
  }

  /** Its own list is passed through, unless the adapter knows better. */
  models(): readonly ModelInfo[] { return this.adapter.models?.() ?? []; }

  handle(call: EngineCall, answer: Answer): Promise<CallReport> {
    if (this.stopping) return Promise.reject(new EntresolError('ENT_DRAINING', `The upstream ${this.address.origin} gets no more calls.`, { at: this.address.origin }));
    const { adapter } = this;
    return adapter.serve === undefined ? this.pass(call, answer, {}) : adapter.serve(call, (edit) => this.pass(call, answer, edit ?? {}));
  }

  speaks(dialect: Dialect, headers: readonly string[]): boolean | Promise<boolean> {
    if (this.adapter.uncertain?.has(dialect) !== true) return this.capabilities.dialects.includes(dialect);
    return this.dialects.speaks(dialect, headers);
  }

  perform(intent: Intent): Promise<Outcome> {
    if (this.adapter.perform === undefined || !this.capabilities.intents.includes(intent.kind)) return Promise.resolve({ status: 'unsupported' });
    return this.adapter.perform(intent);
  }

  sessionEnded(by: Coordinate): void { this.adapter.sessionEnded?.(by); }

  discovery(): Discovery | undefined { return this.presence?.discovery; }

  load(): ReturnType<Engine['load']> { return { runningRequests: this.running, waitingRequests: 0, cacheUsedFraction: 0, ...this.adapter.load?.() }; }

  healthy(): boolean { return this.health.healthy; }

  /** Nothing is to be looked at any more; idle connections close by themselves, and what the adapter holds open is closed once no call is left. */
  retire(): void {
    this.health.stop();
    const release = (): void => {
      if (this.stopping) return;
      if (this.running > 0) setTimeout(release, RELEASE_MS).unref();
      else void this.release(0).catch((error: unknown) => this.host?.log('warn', 'what the adapter held open did not close', { error: String(error) }));
    };
    setTimeout(release, RELEASE_MS).unref();
  }

  async stop(graceMs: number): Promise<void> {
    this.stopping = true;
    this.health.stop();
    await this.leave();
    await this.connections.close(graceMs);
    await this.release(graceMs);
  }

  private async release(graceMs: number): Promise<void> {
    if (this.released) return;
    this.released = true;
    const left = this.leave();
    if (left !== undefined) await left;
    this.presence?.close();
    await this.adapter.close?.(graceMs);
  }

  /** At most once, and never long: it may be gone. */
  private leave(): Promise<void> | undefined {
    if (this.left || this.adapter.leave === undefined || !this.health.healthy) return undefined;
    this.left = true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => { timer = setTimeout(resolve, LEAVE_MS).unref(); });
    return Promise.race([this.adapter.leave(), late]).finally(() => { clearTimeout(timer); });
  }

  private async pass(call: EngineCall, answer: Answer, edit: OutgoingEdit): Promise<CallReport> {
    const permit = this.health.admit();
    if (permit === undefined) {
      throw new EntresolError('ENT_ENGINE_UNAVAILABLE', `The upstream ${this.address.origin} did not answer the last calls; it is left alone for a moment.`, { at: this.address.origin, retryAfterMs: this.health.retryAfterMs });
    }
    this.running += 1;
    let written: WrittenBody | undefined;
    try {
      const { headers, whose } = this.credentialed(edit.headers ?? call.headers);
      const bytes = edit.body ?? call.body;
      if (call.memory !== undefined && bytes.length >= REUSED_FROM_BYTES) written = new WrittenBody(bytes);
      const body = written ?? (bytes.length === 0 && (call.method === 'GET' || call.method === 'HEAD') ? null : bytes);
      const tail = edit.readReport === undefined ? undefined : new AnswerTail(answer, edit.began);
      const result = await relay(this.connections, this.address.origin, {
        method: call.method, path: this.address.pathPrefix + (edit.path ?? call.path), headers: tail === undefined ? headers : inPlain(headers), body, signal: edit.signal ?? call.signal,
        ...(edit.lastOnConnection === true ? { lastOnConnection: true } : {}),
        // A call that generates may be sent twice; of a path that is not read nobody knows.
        repeatable: call.dialect !== 'other' || IDEMPOTENT.has(call.method),
        // A limit on the client's own credential holds wherever the call goes.
        // Not at the end of a stream: while one runs for minutes as a trial, others would be refused.
        headCame: (status, answered) => {
          edit.headCame?.(status, answered);
          if (DOWN.has(status)) return;
          this.health.settle(permit, 'answered');
          this.health.reached(true);
        },
        declines: (status) => call.mayDecline === true && (status === 503 || (status === 429 && whose !== 'client')),
      }, tail ?? answer);
      this.health.settle(permit, this.judge(result, whose));
      this.health.reached(true);
      if (result.end === 'declined') throw new EntresolError('ENT_UPSTREAM_BUSY', `The upstream ${this.address.origin} answered ${result.status}.`, { at: this.address.origin });
      if (result.end === 'cut') this.host?.trouble('answer-cut');
      const report = reportOf(result);
      return tail !== undefined && report.status === 'ok' ? { ...report, ...edit.readReport?.(tail.seen) } : report;
    } catch (error) {
      const code = error instanceof EntresolError ? error.code : undefined;
      this.health.settle(permit, code === 'ENT_CANCELLED' ? 'unknown' : 'failed');
      if (code === 'ENT_ENGINE_UNAVAILABLE') this.health.reached(false);
      if (error instanceof EntresolError && code === 'ENT_UPSTREAM_FAILED') this.host?.trouble('no-answer', error.message);
      throw error;
    } finally {
      this.running -= 1;
      if (written?.beingRead === true) call.memory?.keep();
    }
  }

  private serverFor(host: EngineHost): UpstreamServer {
    return {
      replica: this.replica, origin: this.address.origin, host, looksOnly: this.options.looksOnly ?? false,
      ask: (path, { method, body, headers = [], signal, timeoutMs = ASK_TIMEOUT_MS, maximumBytes = ASK_BYTES }: AskOptions = {}) => askServer(this.connections, {
        method: method ?? (body === undefined ? 'GET' : 'POST'), path: this.address.pathPrefix + path,
        headers: this.credentialed(body === undefined ? headers : ['content-type', 'application/json', ...headers]).headers,
        body: body === undefined ? null : Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)),
      }, { timeoutMs, maximumBytes, ...(signal === undefined ? {} : { signal }) }),
      capabilitiesChanged: () => { this.current = { ...this.everyUpstream, ...this.adapter.capabilities?.() }; },
    };
  }

  private async look(connectTimeoutMs: number): Promise<boolean> {
    const { check } = this.options;
    const there = check === undefined
      ? this.adapter.instance !== undefined || await canConnect(this.connections.lookAt, connectTimeoutMs)
      : await answersWell(this.connections, check.path, this.credentialed([]).headers, check.timeoutMs);
    return there && (this.presence === undefined || await this.presence.check());
  }

  private credentialed(headers: readonly string[]): Credentialed {
    return withCredential(headers, this.options.credential, this.adapter.credentialHeader);
  }

  /** What an answer says of the upstream. That a call failed (500) says nothing: another's may be fine. */
  private judge({ status, headers, end }: RelayResult, whose: Credentialed['whose']): 'answered' | 'failed' | 'unknown' {
    if (end === 'cancelled') return 'unknown';
    if (status === 503 || (status === 429 && whose !== 'client')) this.health.rest(retryAfterMs(headers, Date.now()) ?? SHORT_REST_MS);
    return DOWN.has(status) ? 'failed' : 'answered';
  }

  private tell(healthy: boolean, why: string): void {
    // It may come back as another version.
    if (!healthy) this.dialects.forget();
    if (this.host === undefined) return;
    const base = { atMs: this.host.clock.nowMs(), replica: this.replica };
    this.host.log(healthy ? 'info' : 'warn', `the upstream is ${healthy ? 'up' : 'down'}: ${why}`);
    this.host.emit(healthy ? { type: 'engine-up', ...base } : { type: 'engine-down', ...base, code: 'ENT_ENGINE_UNAVAILABLE' });
    if (healthy) this.presence?.up();
    else this.presence?.down();
  }
}

/** The end of a compressed answer cannot be read by itself. */
function inPlain(headers: readonly string[]): string[] {
  const kept = headers.flatMap((value, index) => (index % 2 === 1 && headers[index - 1].toLowerCase() !== 'accept-encoding' ? [headers[index - 1], value] : []));
  kept.push('accept-encoding', 'identity');
  return kept;
}

function reportOf({ status, end, resent }: RelayResult): CallReport {
  const notes = [`upstream answered ${status}${end === 'cut' ? ', then broke off' : ''}`];
  if (resent) notes.push('it met a connection that the upstream was closing, and was sent once more');
  return { status: end === 'cancelled' ? 'cancelled' : end === 'cut' || status >= 400 ? 'error' : 'ok', promptTokens: 0, cachedTokens: 0, outputTokens: 0, tools: [], notes };
}
