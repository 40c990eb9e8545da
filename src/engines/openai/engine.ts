/**
 * Any server that speaks the dialect of OpenAI or of Anthropic, hosted or one's own: calls pass through as they came. It can be observed
 * (what the gateway's tap reads of its answers), not steered.
 */
import { Pool } from 'undici';
import type { Answer, CallReport, Dialect, Engine, EngineCall, EngineCapabilities, EngineHost, Intent, ModelInfo, Outcome, ReplicaId } from '../../core/index.ts';
import { EntresolError, replicaId } from '../../core/index.ts';
import { DialectProbe } from './dialect-probe.ts';
import { relay } from './relay.ts';
import { Reachability } from './reachability.ts';
import { parseUpstreamUrl, type UpstreamAddress } from './upstream-url.ts';

export interface OpenAiEngineOptions {
  /** `openai` and `anthropic` are hosted: no field is added to their bodies unless a policy needs it. */
  readonly kind: UpstreamKind;
  /** Origin, or ending in `/v1`. */
  readonly url: string;
  readonly connectTimeoutMs?: number;
  /** From the request's last byte to the answer's head. Long: an answer that does not stream comes when it is whole. */
  readonly firstByteTimeoutMs?: number;
  /** Between two pieces of an answer. */
  readonly silenceTimeoutMs?: number;
  /** How often an upstream that could not be reached is looked at again. */
  readonly retryMs?: number;
}

export type UpstreamKind = 'openai' | 'anthropic' | 'openai-compatible';

const DIALECTS: Readonly<Record<UpstreamKind, readonly Dialect[]>> = {
  openai: ['chat', 'completions', 'responses', 'embeddings'],
  anthropic: ['messages'],
  'openai-compatible': ['chat', 'completions', 'responses', 'messages', 'embeddings'],
};

const ASK_TIMEOUT_MS = 5000;

/** What servers that speak chat completions may or may not have besides: they are asked. */
const UNCERTAIN: ReadonlySet<Dialect> = new Set(['responses', 'messages']);

export class OpenAiEngine implements Engine {
  readonly kind: UpstreamKind;
  readonly replica: ReplicaId;
  readonly capabilities: EngineCapabilities;
  private readonly address: UpstreamAddress;
  private readonly pool: Pool;
  private host: EngineHost | undefined;
  private running = 0;
  private readonly reachability: Reachability;
  private readonly dialects: DialectProbe;

  /** @throws EntresolError `ENT_USAGE` for a URL that is none */
  constructor(options: OpenAiEngineOptions) {
    this.kind = options.kind;
    this.address = parseUpstreamUrl(options.url);
    this.replica = replicaId(`${options.kind}=${this.address.origin}${this.address.pathPrefix}`);
    this.capabilities = { dialects: DIALECTS[options.kind], intents: [], ordersQueue: false, countsCachedTokens: false, passThrough: true, hosted: options.kind !== 'openai-compatible' };
    const connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
    this.reachability = new Reachability({ origin: this.address.origin, retryMs: options.retryMs ?? 2000, connectTimeoutMs, changed: (reachable) => this.tell(reachable) });
    this.dialects = new DialectProbe((path, headers) => this.ask(path, headers));
    // No bound on connections: agents hold streams for minutes, and a call that waits for one would wait unseen.
    this.pool = new Pool(this.address.origin, {
      connections: null,
      pipelining: 1,
      connect: { timeout: connectTimeoutMs },
      headersTimeout: options.firstByteTimeoutMs ?? 600_000,
      bodyTimeout: options.silenceTimeoutMs ?? 600_000,
    });
  }

  start(host: EngineHost): Promise<void> {
    this.host = host;
    host.emit({ type: 'engine-up', atMs: host.clock.nowMs(), replica: this.replica });
    return Promise.resolve();
  }

  /** Its own list is passed through. */
  models(): readonly ModelInfo[] { return []; }

  async handle(call: EngineCall, answer: Answer): Promise<CallReport> {
    this.running += 1;
    try {
      const request = { method: call.method, path: this.address.pathPrefix + call.path, headers: call.headers, body: call.body, signal: call.signal };
      const result = await relay(this.pool, this.address.origin, request, answer);
      this.reachability.mark(true);
      const status = result.end === 'cancelled' ? 'cancelled' : result.end === 'cut' || result.status >= 400 ? 'error' : 'ok';
      return { status, promptTokens: 0, cachedTokens: 0, outputTokens: 0, tools: [], notes: [`upstream answered ${result.status}${result.end === 'cut' ? ', then broke off' : ''}`] };
    } catch (error) {
      if (error instanceof EntresolError && error.code === 'ENT_ENGINE_UNAVAILABLE') this.reachability.mark(false);
      throw error;
    } finally {
      this.running -= 1;
    }
  }

  async speaks(dialect: Dialect, headers: readonly string[]): Promise<boolean> {
    if (this.kind !== 'openai-compatible' || !UNCERTAIN.has(dialect)) return this.capabilities.dialects.includes(dialect);
    return this.dialects.speaks(dialect, headers);
  }

  perform(_intent: Intent): Promise<Outcome> { return Promise.resolve({ status: 'unsupported' }); }

  load(): ReturnType<Engine['load']> { return { runningRequests: this.running, waitingRequests: 0, cacheUsedFraction: 0 }; }

  healthy(): boolean { return this.reachability.now; }

  async stop(graceMs: number): Promise<void> {
    this.reachability.stop();
    const closing = this.pool.close();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceMs);
    });
    await Promise.race([closing, late]);
    clearTimeout(timer);
    if (!this.pool.destroyed) await this.pool.destroy();
  }

  /** The status of the answer to an empty request. */
  private async ask(path: string, headers: readonly string[]): Promise<number> {
    const { statusCode, body } = await this.pool.request({ method: 'POST', path: this.address.pathPrefix + path, headers: [...headers, 'content-type', 'application/json'], body: '{}', headersTimeout: ASK_TIMEOUT_MS, bodyTimeout: ASK_TIMEOUT_MS });
    await body.dump();
    return statusCode;
  }

  private tell(reachable: boolean): void {
    // It may come back as another version.
    if (!reachable) this.dialects.forget();
    if (this.host === undefined) return;
    const base = { atMs: this.host.clock.nowMs(), replica: this.replica };
    this.host.emit(reachable ? { type: 'engine-up', ...base } : { type: 'engine-down', ...base, code: 'ENT_ENGINE_UNAVAILABLE' });
  }
}
