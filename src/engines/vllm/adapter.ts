/** vLLM: any version that speaks OpenAI's dialects, stock or with the package entresol-vllm in it. */
import { EntresolError, LOCAL_TENANT, type CallReport, type Coordinate, type Dialect, type DiscoveredFeature, type Discovery, type EngineCall, type EngineCapabilities, type EngineHost, type Intent, type IntentKind, type Lease, type Outcome, type Secret } from '../../core/index.ts';
import type { OutgoingEdit, UpstreamAdapter, UpstreamServer } from '../upstream/adapter.ts';
import { OpenAiServer } from '../upstream/openai-server.ts';
import { readAnswerEnd } from './answer-end.ts';
import { CacheLink } from './cache-link.ts';
import { checkUnread, editBody, editHeaders } from './call-edit.ts';
import { featuresOf } from './features.ts';
import { readMetricsPage, type EngineFigures } from './metrics-page.ts';
import { DEFAULT_STEP_COST } from '../simulated/paged/step-cost.ts';
import { PrefillRate } from './prefill-rate.ts';
import { isFields, packKeys } from './side-channel/messages.ts';
import type { VllmSettings } from './settings.ts';
import { exploreSurface, isLoopback, reachableEndpoint, serveTagged, type EventSource, type Surface } from './surface.ts';
import { warmUpObstacle } from './warm-up-obstacle.ts';
import { WarmUps, type ServedCall } from './warm-ups.ts';

const DEFAULT_CONTROL = 'tcp://127.0.0.1:5600';
const POLL_MS = 1000;
/** How long a look waits for the package to say hello, and for a call to show whose it is: on loopback some milliseconds. */
const HELLO_WAIT_MS = 500;
const LEVELS = 127;

export class VllmAdapter extends OpenAiServer implements UpstreamAdapter {
  readonly kind = 'vllm';
  readonly #settings: VllmSettings;
  readonly #secret: Secret | undefined;
  readonly #version: string;
  readonly #warmUps: WarmUps | undefined;
  /** While it is up. */
  #server: UpstreamServer | undefined;
  /** The last server's: an end may come after it went down. */
  #host: EngineHost | undefined;
  /** Policies have been told last that they may ask for warm-ups. */
  #offered = false;
  #offering = false;
  #offerDue = false;
  #surface: Surface | undefined;
  #figures: EngineFigures | undefined;
  #restarts = 0;
  readonly #prefill = new PrefillRate();
  #link: CacheLink | undefined;
  #settled: (() => void) | undefined;
  #poll: NodeJS.Timeout | undefined;

  /** @param version of this program, for the engine's log */
  constructor(settings: VllmSettings, secret: Secret | undefined, version: string) {
    super();
    this.#settings = settings;
    this.#secret = secret;
    this.#version = version;
    const { memoryBytes, share } = settings.warmUp;
    if (memoryBytes === 0) return;
    this.#warmUps = new WarmUps({
      memoryBytes, share,
      tell: (outcome, computedTokens) => this.#host?.warmedUp(outcome, computedTokens),
      turned: (idle) => { if (idle) void this.#offer(); else this.#withdraw(); },
    });
  }

  /** Undefined before it was first reached. */
  get link(): CacheLink | undefined { return this.#link; }
  /** Undefined: there are none. */
  get warmUpCounts(): WarmUps['counts'] | undefined { return this.#warmUps?.counts; }

  capabilities(): Partial<EngineCapabilities> {
    const link = this.#link;
    const surface = this.#surface;
    const [hello] = link?.hellos() ?? [];
    const salts = surface?.fields.cache_salt;
    const capacityBlocks = hello?.capacityBlocks ?? this.#figures?.capacityBlocks;
    return {
      editsBody: true,
      ...(surface?.dialects === undefined ? {} : { dialects: this.dialects.filter((dialect) => surface.dialects?.includes(dialect) && !this.#mixesTenants(dialect)) }),
      ...(salts !== undefined && salts.size === 0 ? { saltsCache: false } : {}),
      intents: this.#intents(),
      ...(link?.steers === true ? { retention: { mode: 'push', levels: LEVELS, publish: (leases) => this.#publish(leases) } } : {}),
      ...(capacityBlocks === undefined ? {} : { cache: { capacityBlocks, blockTokens: hello?.blockTokens ?? this.#figures?.blockTokens ?? 16 } }),
    };
  }

  async discover(server: UpstreamServer): Promise<Discovery> {
    const surface = await exploreSurface(server);
    this.#server = server;
    this.#host = server.host;
    this.#surface = surface;
    this.#warmUps?.lookAgain();
    this.#figures = surface.figures;
    await this.#openLink(server, surface);
    const features = (): readonly DiscoveredFeature[] => featuresOf(surface, this.#link, this.#settings, this.#warmUps);
    // What is known of the package and of events goes on to grow: read when it is asked for.
    return { ...(surface.version === undefined ? {} : { product: `vLLM ${surface.version}` }), get features() { return features(); } };
  }

  async instance(server: UpstreamServer): Promise<string> {
    const before = this.#figures?.prefixQueries;
    await this.#read(server);
    const { startedAt, prefixQueries } = this.#figures ?? {};
    // Counters never fall while one process counts.
    if (startedAt === undefined && before !== undefined && prefixQueries !== undefined && prefixQueries < before) this.#restarts += 1;
    // A page that does not come once says nothing.
    if (this.#figures === undefined) return '';
    return startedAt === undefined ? `${this.#restarts}` : `${startedAt}`;
  }

  up(server: UpstreamServer): void {
    const poll = async (): Promise<void> => {
      const timer = this.#poll;
      await this.#read(server).catch(() => undefined);
      await this.#link?.askCounters();
      // It went down meanwhile, and may have come up again with a poll of its own.
      if (this.#poll === undefined || this.#poll !== timer) return;
      this.#tellLoad(server);
      this.#poll = setTimeout(() => void poll(), POLL_MS).unref();
    };
    this.#poll = setTimeout(() => void poll(), POLL_MS).unref();
  }

  down(): void {
    clearTimeout(this.#poll);
    this.#poll = undefined;
    this.#warmUps?.stop();
    this.#server = undefined;
    this.#offered = false;
    this.#surface = undefined;
    this.#figures = undefined;
    void this.#link?.close();
    this.#link = undefined;
  }

  async serve(call: EngineCall, pass: (edit?: OutgoingEdit) => Promise<CallReport>): Promise<CallReport> {
    return this.#warmUps === undefined ? (await this.#serve(call, pass)).report : this.#warmUps.around(call, () => this.#serve(call, pass));
  }

  async #serve(call: EngineCall, pass: (edit?: OutgoingEdit) => Promise<CallReport>): Promise<ServedCall> {
    const takes = this.#surface?.fields.vllm_xargs;
    const { request, dialect } = call;
    const shared = request.by.tenant !== LOCAL_TENANT;
    const headers = editHeaders(call.headers, shared);
    const edited = headers === undefined ? {} : { headers };
    if (dialect === 'other' || !isFields(call.parsed)) {
      if (call.body.length > 0) checkUnread(call.body, call.headers);
      return { report: await pass(edited), cachedTokens: undefined };
    }
    const tag = dialect !== 'embeddings' && this.#link?.tags === true && takes?.has(dialect) !== false ? request.id : undefined;
    if (tag !== undefined) this.#link?.touches.sent(tag, request.by);
    const body = editBody(call.body, call.parsed, tag, shared, call.memory?.take);
    const edit = { ...edited, ...(body === call.body ? {} : { body }) };
    return dialect === 'embeddings' ? { report: await pass(edit), cachedTokens: undefined } : this.#timed(edit, call.parsed.stream === true, pass);
  }

  /** What prefill takes: by the server's own word, else by the first bytes of streamed calls that ran alone. Those of others come when all is decoded. */
  async #timed(edit: OutgoingEdit, streams: boolean, pass: (edit: OutgoingEdit) => Promise<CallReport>): Promise<ServedCall> {
    const sentMs = performance.now();
    const warmUps = this.#warmUps?.isAlone === true && streams ? this.#warmUps : undefined;
    const arrivals = warmUps?.arrivals;
    let firstMs: number | undefined;
    let cachedTokens: number | undefined;
    const report = await pass({
      ...edit,
      ...(warmUps === undefined ? {} : { began: () => { if (warmUps.arrivals === arrivals) firstMs = performance.now() - sentMs; } }),
      readReport: (end) => {
        const told = readAnswerEnd(end);
        ({ cachedTokens } = told);
        return told;
      },
    });
    const prefillMs = report.prefillMs ?? firstMs;
    if (report.status === 'ok' && prefillMs !== undefined && this.#surface?.countsCachedTokens === true) this.#prefill.learn(report.promptTokens - report.cachedTokens, prefillMs);
    return { report, cachedTokens };
  }

  perform(intent: Intent): Promise<Outcome> {
    if (intent.kind === 'prefetch') return this.#prefetch(intent);
    if (intent.kind !== 'evict') return Promise.resolve({ status: 'unsupported' });
    if (intent.target.kind !== 'units') return Promise.resolve({ status: 'rejected', why: 'only blocks that the engine has named can be evicted' });
    return Promise.resolve(this.#link?.evict(intent.target.units) === true ? { status: 'accepted' } : { status: 'rejected', why: 'the package in vLLM does not answer, or the blocks are not known' });
  }

  sessionEnded(by: Coordinate): void { this.#warmUps?.sessionEnded(by); }

  leave(): Promise<void> {
    this.#warmUps?.stop();
    return Promise.resolve();
  }

  load(): Partial<{ runningRequests: number; waitingRequests: number; cacheUsedFraction: number }> {
    if (this.#figures === undefined) return {};
    const { runningRequests, waitingRequests, cacheUsedFraction } = this.#figures;
    return { runningRequests, waitingRequests, cacheUsedFraction };
  }

  async close(): Promise<void> {
    this.down();
    await this.#link?.close();
    this.#warmUps?.close();
  }

  #intents(): IntentKind[] {
    return [...(this.#link?.steers === true ? ['evict' as const] : []), ...(this.#canWarm() ? ['prefetch' as const] : [])];
  }

  #canWarm(): boolean {
    return this.#warmUps !== undefined && warmUpObstacle({ warmUps: this.#warmUps, surface: this.#surface, figures: this.#figures, link: this.#link }) === undefined;
  }

  /** The last call of ours has ended: whether others' run there, only its page tells. */
  async #offer(): Promise<void> {
    this.#offerDue = true;
    const server = this.#server;
    if (server === undefined || this.#offering || !this.#canWarm()) return;
    this.#offering = true;
    while (this.#offerDue && this.#server === server) {
      this.#offerDue = false;
      // A page that does not come is asked for again each second.
      await this.#read(server).catch(() => undefined);
    }
    this.#offering = false;
    if (this.#server === server) this.#tellLoad(server);
  }

  #withdraw(): void {
    if (this.#server !== undefined && this.#offered) this.#tellLoad(this.#server);
  }

  /** By its page, and by our own count: that one may be a second old. */
  #tellLoad({ host, replica }: UpstreamServer): void {
    const { runningRequests = 0, waitingRequests = 0, cacheUsedFraction = 0 } = this.load();
    const ours = this.#warmUps === undefined || this.#warmUps.isIdle ? 0 : Math.max(1, this.#warmUps.inFlight);
    const running = Math.max(runningRequests, ours);
    this.#offered = running + waitingRequests === 0 && this.#canWarm();
    const prefillScale = (this.#prefill.msPerToken ?? DEFAULT_STEP_COST.prefillMsPerToken) / DEFAULT_STEP_COST.prefillMsPerToken;
    host.emit({ type: 'engine-load', atMs: host.clock.nowMs(), replica, cacheUsedFraction, runningRequests: running, waitingRequests, ...(this.#offered ? { warmsUp: { prefillScale, freeBlocks: this.#link?.freeBlocks ?? 0 } } : {}) });
  }

  #prefetch(intent: Extract<Intent, { kind: 'prefetch' }>): Promise<Outcome> {
    const server = this.#server;
    if (this.#warmUps === undefined || server === undefined) return Promise.resolve({ status: 'unsupported' });
    return this.#warmUps.warm(intent, {
      server, ordersByPriority: this.#surface?.ordersByPriority === true,
      load: async () => {
        await this.#read(server);
        return this.#figures;
      },
    });
  }

  /** @throws where it does not answer: it is not well */
  async #read(server: UpstreamServer): Promise<void> {
    const { status, body } = await server.ask('/metrics');
    const figures = status === 200 ? readMetricsPage(body.toString('utf8')) : undefined;
    if (figures === undefined) {
      // A proxy before it may hide the page: then calls tell how it is.
      this.#figures = undefined;
      return;
    }
    this.#figures = figures;
    this.#link?.setPool(figures.capacityBlocks, figures.blockTokens);
  }

  async #openLink(server: UpstreamServer, surface: Surface): Promise<void> {
    const { control, leaseIntervalMs } = this.#settings;
    await this.#link?.close();
    const link = new CacheLink({
      host: server.host, replica: server.replica, client: `entresol ${this.#version}`, leaseIntervalMs, ...(this.#secret === undefined ? {} : { secret: this.#secret }),
      ...(surface.model === undefined || surface.fields.vllm_xargs?.has('completions') !== true ? {} : { tagged: (tag) => serveTagged(server, surface.model ?? '', tag) }),
      changed: () => {
        if (link.isSettled) this.#settled?.();
        server.capabilitiesChanged();
        // A greeting may come long after the look, and be the first to say where events are.
        if (this.#link === link) void this.#attempt(server, () => this.#followEvents(server, surface, link));
      },
    });
    this.#link = link;
    await this.#attempt(server, async () => {
      const channels = typeof control === 'object' ? control.endpoints : control === 'auto' && isLoopback(server.origin) ? [DEFAULT_CONTROL] : [];
      if (channels.length > 0) {
        const settled = new Promise<void>((resolve) => { this.#settled = resolve; });
        await link.connect(channels);
        await Promise.race([settled, new Promise((resolve) => { setTimeout(resolve, HELLO_WAIT_MS).unref(); })]);
      }
      await this.#followEvents(server, surface, link);
      await link.askCounters();
    });
  }

  /** What fails in it costs steering, not service: calls go on, and doctor shows what is missing. */
  async #attempt({ host }: UpstreamServer, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const unsupported = error instanceof EntresolError && error.code === 'ENT_KV_EVENTS_UNSUPPORTED';
      const said = error instanceof EntresolError ? error.describe() : error instanceof Error ? error.message : String(error);
      host.log('warn', said);
      host.trouble(unsupported ? 'kv-events-unsupported' : 'kv-events-refused', said);
    }
  }

  /** Those ranks that are not followed yet. */
  async #followEvents({ origin }: UpstreamServer, surface: Surface, link: CacheLink): Promise<void> {
    const { kvEvents } = this.#settings;
    const sources = kvEvents === 'none' ? [] : typeof kvEvents === 'object' ? kvEvents.endpoints.map((endpoint, rank): EventSource => ({ rank, endpoint, topic: kvEvents.topic, ...(kvEvents.replayEndpoints?.[rank] === undefined ? {} : { replayEndpoint: kvEvents.replayEndpoints[rank] }) })) : this.#foundSources(surface, link);
    await link.followEvents(sources.map(({ endpoint, replayEndpoint, ...rest }) => ({ ...rest, endpoint: reachableEndpoint(endpoint, origin), ...(replayEndpoint === undefined ? {} : { replayEndpoint: reachableEndpoint(replayEndpoint, origin) }) })));
    link.setPool(surface.figures?.capacityBlocks, surface.figures?.blockTokens);
  }

  #foundSources({ eventSources }: Surface, link: CacheLink): readonly EventSource[] {
    if (eventSources !== undefined && eventSources.length > 0) return eventSources;
    return link.hellos().flatMap(({ kvEvents, rank }) => (kvEvents === undefined ? [] : [{ rank, ...kvEvents }]));
  }

  /** In this dialect, unlike in others, it would not read the salt: such calls are translated into one in which it does. */
  #mixesTenants(dialect: Dialect): boolean {
    const salts = this.#surface?.fields.cache_salt;
    return (dialect === 'messages' || dialect === 'responses') && salts !== undefined && salts.size > 0 && !salts.has(dialect);
  }

  #publish(leases: readonly Lease[]): Promise<readonly Outcome[]> {
    const link = this.#link;
    const nowMs = link?.nowMs() ?? 0;
    return Promise.resolve(leases.map(({ unit, steps }): Outcome => {
      const key = link?.mirror.block(unit)?.key;
      if (link === undefined || key === undefined) return { status: 'rejected', why: 'no such block' };
      let fromMs = nowMs;
      const flat = steps.flatMap(({ untilMs, value }) => {
        const ms = Math.max(0, Math.round(untilMs - fromMs));
        fromMs = untilMs;
        return [ms, value];
      });
      return link.tell({ type: 'lease', runs: [[packKeys([key]), flat]] }) ? { status: 'accepted' } : { status: 'rejected', why: 'the package in vLLM does not answer' };
    }));
  }
}
