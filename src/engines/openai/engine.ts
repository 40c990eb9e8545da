/**
 * Any server that speaks the dialect of OpenAI or of Anthropic, hosted or one's own: calls pass through as they came. It can be observed
 * (what the gateway's tap reads of its answers), not steered.
 */
import type { Answer, CallReport, Dialect, Engine, EngineCall, EngineCapabilities, EngineHost, Intent, ModelInfo, Outcome, ReplicaId } from '../../core/index.ts';
import { EntresolError, replicaId } from '../../core/index.ts';
import { DEFAULT_BREAKER } from './circuit-breaker.ts';
import { Connections } from './connections.ts';
import { withCredential, type Credentialed } from './credential.ts';
import { DialectProbe } from './dialect-probe.ts';
import { UpstreamHealth } from './health.ts';
import { answersWell, canConnect, statusOfEmptyPost } from './look.ts';
import { CREDENTIAL_HEADERS, DIALECTS, KEEP_ALIVE_MS, type OpenAiEngineOptions, type UpstreamKind } from './options.ts';
import { relay, type RelayResult } from './relay.ts';
import { retryAfterMs } from './retry-after.ts';
import { parseUpstreamUrl, type UpstreamAddress } from './upstream-url.ts';

export type { OpenAiEngineOptions, UpstreamKind } from './options.ts';

const ASK_TIMEOUT_MS = 5000;

/** What servers that speak chat completions may or may not have besides: they are asked. */
const UNCERTAIN: ReadonlySet<Dialect> = new Set(['responses', 'messages']);

/** RFC 9110, section 9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']);

/** What a proxy before an engine that is down answers. One that says 503 in its own words is there, and busy. */
const DOWN: ReadonlySet<number> = new Set([502, 504]);

/** How long one that is busy and does not say for how long is left to its replicas. */
const SHORT_REST_MS = 1000;

export class OpenAiEngine implements Engine {
  readonly kind: UpstreamKind;
  readonly replica: ReplicaId;
  readonly capabilities: EngineCapabilities;
  private readonly options: OpenAiEngineOptions;
  private readonly address: UpstreamAddress;
  private readonly connections: Connections;
  private readonly dialects: DialectProbe;
  private readonly health: UpstreamHealth;
  private host: EngineHost | undefined;
  private running = 0;

  /** @throws EntresolError `ENT_USAGE` for a URL that is none */
  constructor(options: OpenAiEngineOptions) {
    this.kind = options.kind;
    this.options = options;
    this.address = parseUpstreamUrl(options.url);
    this.replica = replicaId(`${options.kind}=${this.address.origin}${this.address.pathPrefix}`);
    const hosted = options.kind !== 'openai-compatible';
    this.capabilities = {
      dialects: DIALECTS[options.kind], intents: [], ordersQueue: false, countsCachedTokens: false, passThrough: true, hosted,
      ...(options.models === undefined ? {} : { serves: options.models }),
      wantsCredential: hosted && options.credential === undefined, ...(options.credential === undefined ? {} : { ownCredential: options.credential.use }), saltsCache: options.saltsCache ?? !hosted,
    };
    const connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
    this.connections = new Connections(this.address, {
      connectTimeoutMs, firstByteTimeoutMs: options.firstByteTimeoutMs ?? 600_000, silenceTimeoutMs: options.silenceTimeoutMs ?? 600_000,
      keepAliveMs: options.keepAliveMs ?? KEEP_ALIVE_MS[options.kind], proxy: options.proxy ?? 'environment', ...(options.tls === undefined ? {} : { tls: options.tls }),
    });
    this.dialects = new DialectProbe((path, headers) => statusOfEmptyPost(this.connections, this.address.pathPrefix + path, this.credentialed(headers).headers, ASK_TIMEOUT_MS));
    const { check } = options;
    this.health = new UpstreamHealth({
      clock: { nowMs: () => this.host?.clock.nowMs() ?? 0 },
      breaker: { ...DEFAULT_BREAKER, ...options.breaker },
      retryMs: options.retryMs ?? 2000, checkFailures: check?.failures ?? 1, ...(check === undefined ? {} : { checkMs: check.intervalMs }),
      look: () => (check === undefined ? canConnect(this.connections.lookAt, connectTimeoutMs) : answersWell(this.connections, check.path, this.credentialed([]).headers, check.timeoutMs)),
      changed: (healthy, why) => this.tell(healthy, why),
    });
  }

  start(host: EngineHost): Promise<void> {
    this.host = host;
    this.health.start();
    host.emit({ type: 'engine-up', atMs: host.clock.nowMs(), replica: this.replica });
    return Promise.resolve();
  }

  /** Its own list is passed through. */
  models(): readonly ModelInfo[] { return []; }

  async handle(call: EngineCall, answer: Answer): Promise<CallReport> {
    const permit = this.health.admit();
    if (permit === undefined) {
      throw new EntresolError('ENT_ENGINE_UNAVAILABLE', `The upstream ${this.address.origin} did not answer the last calls; it is left alone for a moment.`, { at: this.address.origin, retryAfterMs: this.health.retryAfterMs });
    }
    this.running += 1;
    try {
      const { headers, whose } = this.credentialed(call.headers);
      const body = call.body.length === 0 && (call.method === 'GET' || call.method === 'HEAD') ? null : call.body;
      const result = await relay(this.connections, this.address.origin, {
        method: call.method, path: this.address.pathPrefix + call.path, headers, body, signal: call.signal,
        // A call that generates may be sent twice; of a path that is not read nobody knows.
        repeatable: call.dialect !== 'other' || IDEMPOTENT.has(call.method),
        // A limit on the client's own credential holds wherever the call goes.
        // Not at the end of a stream: while one runs for minutes as a trial, others would be refused.
        headCame: (status) => {
          if (DOWN.has(status)) return;
          this.health.settle(permit, 'answered');
          this.health.reached(true);
        },
        declines: (status) => call.mayDecline === true && (status === 503 || (status === 429 && whose !== 'client')),
      }, answer);
      this.health.settle(permit, this.judge(result, whose));
      this.health.reached(true);
      if (result.end === 'declined') throw new EntresolError('ENT_UPSTREAM_BUSY', `The upstream ${this.address.origin} answered ${result.status}.`, { at: this.address.origin });
      return reportOf(result);
    } catch (error) {
      const code = error instanceof EntresolError ? error.code : undefined;
      this.health.settle(permit, code === 'ENT_CANCELLED' ? 'unknown' : 'failed');
      if (code === 'ENT_ENGINE_UNAVAILABLE') this.health.reached(false);
      throw error;
    } finally {
      this.running -= 1;
    }
  }

  speaks(dialect: Dialect, headers: readonly string[]): boolean | Promise<boolean> {
    if (this.kind !== 'openai-compatible' || !UNCERTAIN.has(dialect)) return this.capabilities.dialects.includes(dialect);
    return this.dialects.speaks(dialect, headers);
  }

  perform(_intent: Intent): Promise<Outcome> { return Promise.resolve({ status: 'unsupported' }); }

  load(): ReturnType<Engine['load']> { return { runningRequests: this.running, waitingRequests: 0, cacheUsedFraction: 0 }; }

  healthy(): boolean { return this.health.healthy; }

  /** Nothing is to be looked at any more; idle connections close by themselves. */
  retire(): void { this.health.stop(); }

  async stop(graceMs: number): Promise<void> {
    this.health.stop();
    await this.connections.close(graceMs);
  }

  private credentialed(headers: readonly string[]): Credentialed {
    return withCredential(headers, this.options.credential, CREDENTIAL_HEADERS[this.kind]);
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
  }
}

function reportOf({ status, end, resent }: RelayResult): CallReport {
  const notes = [`upstream answered ${status}${end === 'cut' ? ', then broke off' : ''}`];
  if (resent) notes.push('it met a connection that the upstream was closing, and was sent once more');
  return { status: end === 'cancelled' ? 'cancelled' : end === 'cut' || status >= 400 ? 'error' : 'ok', promptTokens: 0, cachedTokens: 0, outputTokens: 0, tools: [], notes };
}
