/**
 * SGLang: retention by classes. Where its radix cache evicts by priority, calls of a lineage that a policy retains carry
 * a higher one, and all that they reach keeps it; where it prefers open sessions, each lineage is a session of its own,
 * closed when it is over. Nothing is added that the server did not say it understands.
 */
import { LOCAL_TENANT, setMember, type CallReport, type Coordinate, type Dialect, type DiscoveredFeature, type Discovery, type EngineCall, type EngineCapabilities, type Intent, type IntentKind, type Outcome } from '../../core/index.ts';
import { isObject } from '../../core/fields.ts';
import { ResidentFollower } from '../kv-events/resident-follower.ts';
import type { OutgoingEdit, UpstreamAdapter, UpstreamServer } from '../upstream/adapter.ts';
import { lineageId, sessionKey } from '../upstream/lineage-id.ts';
import { sumsIn } from '../upstream/metrics-text.ts';
import { OpenAiServer } from '../upstream/openai-server.ts';
import { RetainedLineages } from '../upstream/retained-lineages.ts';
import { checkUnread, withoutSteering } from './client-fields.ts';
import { classesEvict, featuresOf } from './features.ts';
import { OpenSessions } from './open-sessions.ts';
import { askServerInfo, type ServerInfo } from './server-info.ts';
import type { SglangSettings } from './settings.ts';

const RUNNING = 'sglang:num_running_reqs';
const WAITING = 'sglang:num_queue_reqs';
const USED = 'sglang:token_usage';
const FIGURES: ReadonlySet<string> = new Set([RUNNING, WAITING, USED]);
/** Dialects whose calls have a prompt and may say more about it. */
const PROMPTED: ReadonlySet<Dialect | 'other'> = new Set(['chat', 'completions']);

export class SglangAdapter extends OpenAiServer implements UpstreamAdapter {
  readonly kind = 'sglang';
  readonly #settings: SglangSettings;
  #server: UpstreamServer | undefined;
  #info: ServerInfo | undefined;
  #residents: ResidentFollower | undefined;
  #figures: ReadonlyMap<string, number> = new Map();
  readonly #open: OpenSessions;
  readonly #retained = new RetainedLineages();

  constructor(settings: SglangSettings) {
    super();
    this.#settings = settings;
    this.#open = new OpenSessions({ maximum: settings.openSessions, idleMs: settings.sessionIdleMs, close: (id) => this.#close(id) });
  }

  capabilities(): Partial<EngineCapabilities> {
    const intents = this.#intents();
    const info = this.#info;
    return {
      intents, editsBody: intents.length > 0,
      ...(info?.capacityTokens === undefined || info.blockTokens === undefined ? {} : { cache: { capacityBlocks: Math.floor(info.capacityTokens / info.blockTokens), blockTokens: info.blockTokens } }),
    };
  }

  async discover(server: UpstreamServer): Promise<Discovery> {
    this.#server = server;
    this.#info = await askServerInfo(server);
    const version = this.#info?.version;
    const info = this.#info;
    const features = (): readonly DiscoveredFeature[] => featuresOf(info, this.#residents);
    // What is known of its events goes on to grow: read when it is asked for.
    return { ...(version === undefined ? {} : { product: `SGLang ${version}` }), get features() { return features(); } };
  }

  async instance(server: UpstreamServer): Promise<string> {
    this.#open.closeIdle(server.host.clock.nowMs());
    const { status } = await server.ask('/health', { maximumBytes: 1024 });
    if (status === 502 || status === 503 || status === 504) throw new Error(`GET /health was answered ${status}`);
    if (this.#info?.metrics === true) await this.#readFigures(server);
    // Its scheduler answers this: one that is busy may take its time, and is well.
    const info = await askServerInfo(server).catch(() => undefined);
    return info?.seed === undefined ? '' : `${info.seed}`;
  }

  async up(server: UpstreamServer): Promise<void> {
    const source = this.#settings.kvEvents === 'auto' ? this.#info?.kvEvents : undefined;
    if (source === undefined) return;
    const { host, port, ranks, topic } = source;
    const follower = new ResidentFollower(server);
    this.#residents = follower;
    const reachable = /^(?:\*|0\.0\.0\.0|::|\[::\])$/.test(host) ? new URL(server.origin).hostname : host;
    await follower.follow(Array.from({ length: ranks }, (_, rank) => ({ rank, endpoint: `tcp://${reachable}:${port + rank}`, topic })));
  }

  down(): void {
    void this.#residents?.close();
    this.#residents = undefined;
    this.#info = undefined;
    this.#figures = new Map();
    this.#open.forget();
    // What was retained is gone with the cache; the next calls bring it back, and say again what it is worth.
    this.#retained.clear();
  }

  async serve(call: EngineCall, pass: (edit?: OutgoingEdit) => Promise<CallReport>): Promise<CallReport> {
    const { dialect, request: { by } } = call;
    const shared = by.tenant !== LOCAL_TENANT;
    if (call.body.length === 0) return pass();
    if (dialect === 'other' || !isObject(call.parsed)) {
      if (shared) checkUnread(call.body, call.headers);
      return pass();
    }
    const { parsed } = call;
    let body = shared ? withoutSteering(call.body, parsed, call.memory?.take) : call.body;
    const edited = (): OutgoingEdit => (body === call.body ? {} : { body });
    const info = this.#info;
    if (info === undefined || !PROMPTED.has(dialect)) return pass(edited());
    const says = (name: string): boolean => !shared && Object.hasOwn(parsed, name);
    const id = lineageId(by);
    const nowMs = (): number => this.#server?.host.clock.nowMs() ?? 0;
    if (classesEvict(info) && !says('priority') && this.#retained.until(id, nowMs()) !== undefined) body = setMember(body, parsed, 'priority', `${this.#settings.retainPriority}`, call.memory?.take);
    if (!this.#sessions(info) || says('session_id')) return pass(edited());
    body = setMember(body, parsed, 'session_id', JSON.stringify(id), call.memory?.take);
    const finished = this.#open.began(id, sessionKey(by), nowMs());
    try {
      return await pass(edited());
    } finally {
      finished(nowMs());
    }
  }

  sessionEnded(by: Coordinate): void { this.#open.end(sessionKey(by)); }

  async leave(): Promise<void> { await this.#open.closeAll(); }

  async perform(intent: Intent): Promise<Outcome> {
    if (intent.kind !== 'retain' && intent.kind !== 'evict') return { status: 'unsupported' };
    const { target } = intent;
    if (target.kind !== 'lineage') return { status: 'rejected', why: 'SGLang keeps by lineage: it names no blocks to be chosen' };
    const id = lineageId(target);
    if (intent.kind === 'retain') {
      this.#retained.retain(target, intent.untilMs);
      return { status: 'deferred', why: 'from the lineage\'s next call on, all that it reaches is kept in the higher class' };
    }
    this.#retained.release(target);
    if (!this.#open.has(id)) return { status: 'rejected', why: 'it holds no open session of this lineage' };
    return await this.#open.close(id) ? { status: 'clipped', why: 'its session is closed: what only it used goes before what open sessions use' } : { status: 'rejected', why: 'it did not close the session' };
  }

  load(): Partial<{ runningRequests: number; waitingRequests: number; cacheUsedFraction: number }> {
    const [running, waiting, used] = [this.#figures.get(RUNNING), this.#figures.get(WAITING), this.#figures.get(USED)];
    // Its own count of what runs is seconds old: that of the calls that pass is exact.
    return { ...(waiting === undefined ? {} : { waitingRequests: waiting }), ...(used === undefined || running === undefined ? {} : { cacheUsedFraction: Math.min(1, used) }) };
  }

  #intents(): readonly IntentKind[] {
    const info = this.#info;
    if (info === undefined) return [];
    return [...(classesEvict(info) ? ['retain' as const] : []), ...(this.#sessions(info) ? ['evict' as const] : [])];
  }

  #sessions(info: ServerInfo): boolean { return info.sessionCache && this.#settings.sessions === 'auto'; }

  async #close(id: string): Promise<boolean> {
    try {
      const answer = await this.#server?.ask('/close_session', { body: { session_id: id } });
      if (answer?.status === 200) return true;
      this.#server?.host.trouble('close-session-failed', `${answer?.status}`);
    } catch (error) {
      // It went away meanwhile, and its sessions with it.
      this.#server?.host.trouble('close-session-failed', error instanceof Error ? error.message : String(error));
    }
    return false;
  }

  async #readFigures(server: UpstreamServer): Promise<void> {
    const { status, body } = await server.ask('/metrics');
    this.#figures = status === 200 ? sumsIn(body.toString('utf8'), FIGURES) : new Map();
    server.host.emit({ type: 'engine-load', atMs: server.host.clock.nowMs(), replica: server.replica, runningRequests: this.#figures.get(RUNNING) ?? 0, waitingRequests: this.#figures.get(WAITING) ?? 0, cacheUsedFraction: Math.min(1, this.#figures.get(USED) ?? 0) });
  }
}
