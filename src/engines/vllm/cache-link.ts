/**
 * The link to one vLLM's caches, all ranks: what it holds (KV events), what calls use (the package's reports), what it
 * should keep (leases). Without the package the mirror is kept, and nothing is steered.
 */
import type { EngineHost, ReplicaId, Secret, TenantId, UnitId } from '../../core/index.ts';
import { loadDecoder, loadZeroMq, type ZeroMq } from '../kv-events/libraries.ts';
import { shortHash } from '../kv-events/block-hash.ts';
import type { KvDecoder } from '../kv-events/decode.ts';
import type { KvEvent } from '../kv-events/event.ts';
import { prefixKeys } from '../kv-events/prefix-hash.ts';
import { KvSubscription } from '../kv-events/subscription.ts';
import { DEFAULT_STEP_COST, prefillCostMs } from '../simulated/paged/step-cost.ts';
import { CallTouches } from './call-touches.ts';
import { LeasePublisher } from './leases.ts';
import { Mirror } from './mirror/mirror.ts';
import { releaseUnitIds, unitIdsOf } from './mirror/unit-ids.ts';
import { PackageOwner, type Owner } from './package-owner.ts';
import { SideChannel, type Codec } from './side-channel/channel.ts';
import type { CallDone, CallTouch, Fields, Hello } from './side-channel/messages.ts';
import { packKeys } from './side-channel/messages.ts';
import type { EventSource } from './surface.ts';

export interface LinkOptions {
  readonly host: EngineHost;
  readonly replica: ReplicaId;
  readonly client: string;
  readonly secret?: Secret;
  readonly leaseIntervalMs: number;
  /** The package has said hello, or is silent, or it is known whose it is. */
  changed(): void;
  /** Makes the least call to the engine under a tag that the package repeats: whether it was served. Absent: no call can carry one. */
  readonly tagged?: (tag: string) => Promise<boolean>;
}

interface Libraries {
  readonly zeromq: ZeroMq;
  readonly decoder: KvDecoder;
  readonly codec: Codec;
}

const DEFAULT_BLOCK_TOKENS = 16;
/** Values fall while nothing happens: looked at so often while calls come, and rarely else. */
const BUSY_FLUSH_MS = 250;
const IDLE_FLUSH_MS = 5000;
/** So long at a time. */
const FLUSH_TURN_MS = 2;
/** Sending leases takes at most one part in so many of the time. */
const FLUSH_SHARE = 6;
/** What a block is worth until its first lease comes: as much as one that returns in some seconds. Then its lease holds. */
const GRACE = { ms: 1000, value: 1 } as const;
/** Where the call that shows whose the package is was not served. */
const ASK_AGAIN_MS = 5000;
const ASK_COUNTERS_MS = 5000;
const COUNTERS_MS = 1000;
/** A server that sends garbage sends much of it: its package is asked what it holds at most so often. */
const ASK_HELD_MS = 1000;
/** Copies beside the pool, as a share of it, from which the mirror cannot be right. */
const OVERFULL = 1.02;

export class CacheLink {
  readonly mirror: Mirror;
  readonly touches: CallTouches;
  readonly leases: LeasePublisher;
  readonly #options: LinkOptions;
  readonly #subscriptions = new Map<number, KvSubscription>();
  readonly #channels = new Map<number, SideChannel>();
  readonly #tenants = new Set<TenantId>();
  #libraries: Libraries | undefined;
  #blockTokens = DEFAULT_BLOCK_TOKENS;
  #timer: NodeJS.Timeout | undefined;
  #dueMs = Infinity;
  #lastCallMs = -Infinity;
  #lastFlush = { endedMs: -Infinity, tookMs: 0 };
  /** When the first event came that no leases have been made since. */
  #newsSinceMs: number | undefined;
  /** How long leases took to make, and to follow what calls for them: sums over so many flushes. */
  readonly pace = { flushes: 0, tookMs: 0, followed: 0, lagMs: 0 };
  #closed = false;
  readonly #packageCounts = new Map<number, Fields>();
  #countsAskedMs = -Infinity;
  readonly #reconciling = new Set<number>();
  readonly #heldAsked = new Map<number, { readonly timer: NodeJS.Timeout; readonly atMs: number; isDue: boolean }>();
  /** Its blocks have the names that can be computed from a prompt; undefined before it has stored one that tells. */
  computesNames: boolean | undefined;
  readonly #ownerOf = new PackageOwner();
  #owner: Owner = 'unknown';
  #finding = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    const { host, replica } = options;
    const trouble = (kind: string): void => host.trouble(kind);
    this.mirror = new Mirror({
      ids: unitIdsOf(replica), index: (tenant) => host.retention(tenant), nowMs: () => host.clock.nowMs(), trouble,
      marginalPrefillMs: (depth) => prefillCostMs(DEFAULT_STEP_COST, depth * this.#blockTokens, (depth + 1) * this.#blockTokens),
      onStored: (units) => this.#told('kv-stored', units, replica),
      onRemoved: (units) => this.#told('kv-removed', units, replica),
    });
    this.touches = new CallTouches(this.mirror);
    this.leases = new LeasePublisher({
      mirror: this.mirror, nowMs: () => host.clock.nowMs(), index: (tenant) => host.retention(tenant),
      send: (rank, message) => this.#channels.get(rank)?.tell(message) ?? false,
      maximum: (rank) => this.#channels.get(rank)?.hello?.maximumLeases ?? 0,
    });
  }

  /** Of the packages that answer. */
  hellos(): Hello[] { return [...this.#channels.values()].flatMap(({ hello }) => hello ?? []); }
  /** Every rank's package is there and does what it is told. */
  get steers(): boolean { return this.#owner === 'ours' && this.#channels.size > 0 && [...this.#channels.values()].every(({ hello }) => hello?.mode === 'active'); }
  /** What answers at the endpoints is in another vLLM than calls go to. */
  get isAnothers(): boolean { return this.#owner === 'another'; }
  /** Whether it is known what can be done with the packages that answer. */
  get isSettled(): boolean { return this.#owner !== 'unknown' || this.hellos().some(({ mode }) => mode === 'off'); }
  endpoints(): string[] { return [...this.#channels.values()].map(({ endpoint }) => endpoint); }
  /** Calls carry a tag: someone reads it. */
  get tags(): boolean { return [...this.#channels.values()].some(({ hello }) => hello?.requestFields === true); }
  /** Of the engine's host, in which leases have their ends. */
  nowMs(): number { return this.#options.host.clock.nowMs(); }
  /** What the packages last said that they did, by rank. */
  packageCounts(): ReadonlyMap<number, Fields> { return this.#packageCounts; }
  subscriptions(): Iterable<readonly [number, KvSubscription]> { return this.#subscriptions; }
  get blockTokens(): number { return this.#blockTokens; }
  /** That hold nothing of anyone's, as far as events tell: every client's blocks are in them. */
  get freeBlocks(): number {
    let free = 0;
    for (const { capacityBlocks = 0, copies } of this.mirror.ranks()) free += Math.max(0, capacityBlocks - copies);
    return free;
  }

  /** What the engine's own page says of the pool of one rank. */
  setPool(capacityBlocks: number | undefined, blockTokens: number | undefined): void {
    this.#blockTokens = blockTokens ?? this.#blockTokens;
    for (const cache of this.mirror.ranks()) cache.capacityBlocks ??= capacityBlocks;
  }

  /** @throws EntresolError `ENT_KV_EVENTS_UNSUPPORTED` */
  async followEvents(sources: readonly EventSource[]): Promise<void> {
    const { zeromq, decoder } = await this.#load();
    for (const { rank, endpoint, replayEndpoint, topic } of sources) {
      if (this.#closed || this.#subscriptions.has(rank)) continue;
      const subscription = new KvSubscription({
        endpoint, topic, zeromq, decoder, ...(replayEndpoint === undefined ? {} : { replayEndpoint }),
        onBatch: ({ events }) => {
          if (this.#closed) return;
          this.mirror.apply(rank, events);
          if (this.computesNames === undefined) this.#compareNames(events);
          this.#checkFullness(rank);
          this.#soon();
        },
        // What the package has said until then would be counted twice.
        onBegin: () => this.mirror.clear(rank),
        // What is gone for good can only be asked for.
        onLost: () => this.#askWhatIsHeld(rank),
        onRestart: () => this.#restarted(rank),
        trouble: (kind, detail) => this.#options.host.trouble(kind, detail),
      });
      this.#subscriptions.set(rank, subscription);
      subscription.start();
    }
  }

  /** @throws EntresolError `ENT_KV_EVENTS_UNSUPPORTED` */
  async connect(endpoints: readonly string[]): Promise<void> {
    const { zeromq, codec } = await this.#load();
    const { client, secret } = this.#options;
    for (const [rank, endpoint] of endpoints.entries()) {
      if (this.#closed || this.#channels.has(rank)) continue;
      const channel = new SideChannel({
        endpoint, zeromq, codec, client, ...(secret === undefined ? {} : { secret }),
        onHello: (hello, fresh) => this.#greeted(rank, hello, fresh),
        onCallEvents: (events) => this.#used(rank, events),
        onSilent: () => {
          this.leases.forget(rank);
          this.#options.changed();
        },
        trouble: (kind, detail) => this.#options.host.trouble(kind, detail),
      });
      this.#channels.set(rank, channel);
      channel.start();
    }
  }

  /** Asks each package, at most once in a while, what it has done. */
  async askCounters(): Promise<void> {
    const { clock } = this.#options.host;
    if (clock.nowMs() - this.#countsAskedMs < ASK_COUNTERS_MS || this.#owner !== 'ours') return;
    this.#countsAskedMs = clock.nowMs();
    await Promise.all([...this.#channels].map(async ([rank, channel]) => {
      const counts = channel.hello === undefined ? undefined : await channel.ask({ type: 'counters' }, COUNTERS_MS);
      if (counts === undefined) this.#packageCounts.delete(rank);
      else this.#packageCounts.set(rank, counts);
    }));
  }

  /** Drops blocks of the prefix cache that no call uses. @returns whether it will be done */
  evict(units: readonly UnitId[]): boolean {
    const byRank = new Map<number, bigint[]>();
    for (const unit of units) {
      const block = this.mirror.block(unit);
      if (block !== undefined) byRank.set(block.rank, [...byRank.get(block.rank) ?? [], block.key]);
    }
    return byRank.size > 0 && [...byRank].every(([rank, keys]) => this.#channels.get(rank)?.tell({ type: 'evict', keys: packKeys(keys) }) ?? false);
  }

  /** Sends any message to every package. */
  tell(message: Fields): boolean { return this.#channels.size > 0 && [...this.#channels.values()].every((channel) => channel.tell(message)); }

  /** Makes the mirror of a rank what its package says that it holds. @returns the share of blocks on which both agreed before; undefined: it was not told */
  async reconcile(rank: number): Promise<number | undefined> {
    const channel = this.#channels.get(rank);
    if (channel?.hello === undefined || this.#reconciling.has(rank)) return undefined;
    this.#reconciling.add(rank);
    try {
      const residents = await channel.dump();
      if (residents === undefined || this.#closed) return undefined;
      const { agreed, missing, surplus } = this.mirror.reconcile(rank, residents.held);
      return agreed + missing + surplus === 0 ? 1 : agreed / (agreed + missing + surplus);
    } finally {
      this.#reconciling.delete(rank);
    }
  }

  /** What was lost while an answer was on its way may not be in it: then it is asked once more. */
  #askWhatIsHeld(rank: number): void {
    const asked = this.#heldAsked.get(rank);
    if (asked?.isDue === true) return;
    const afterMs = asked === undefined ? 0 : Math.max(0, asked.atMs + ASK_HELD_MS - performance.now());
    const next = { atMs: performance.now() + afterMs, isDue: true, timer: setTimeout(() => {
      next.isDue = false;
      if (this.#reconciling.has(rank)) this.#askWhatIsHeld(rank);
      else void this.reconcile(rank);
    }, afterMs).unref() };
    this.#heldAsked.set(rank, next);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const { timer } of this.#heldAsked.values()) clearTimeout(timer);
    // At once: the next link to the same engine tells of the same blocks under ids of its own, whatever of this one takes time to stop.
    this.mirror.dispose();
    releaseUnitIds(this.#options.replica);
    const open = [...this.#subscriptions.values(), ...this.#channels.values()];
    this.#subscriptions.clear();
    this.#channels.clear();
    await Promise.all(open.map((each) => each.stop()));
  }

  async #load(): Promise<Libraries> {
    if (this.#libraries !== undefined) return this.#libraries;
    const [zeromq, decoder, { Packr }] = await Promise.all([loadZeroMq(), loadDecoder(), import('msgpackr')]);
    const packr = new Packr({ useRecords: false, variableMapSize: true, mapsAsObjects: true });
    this.#libraries = { zeromq, decoder, codec: { pack: (value) => packr.pack(value), unpack: (bytes) => packr.unpack(bytes) } };
    return this.#libraries;
  }

  /** By the first block of a prompt into which nothing went but its tokens. */
  #compareNames(events: readonly KvEvent[]): void {
    for (const event of events) {
      if (event.type !== 'stored' || event.parent !== undefined || event.blockTokens === 0 || event.tokens.length < event.blockTokens || event.extraKeys[0] !== undefined) continue;
      this.computesNames = prefixKeys(event.tokens.slice(0, event.blockTokens), event.blockTokens)[0] === shortHash(event.hashes[0]);
      return;
    }
  }

  #told(type: 'kv-stored' | 'kv-removed', units: readonly UnitId[], replica: ReplicaId): void {
    this.#options.host.emit({ type, atMs: this.#options.host.clock.nowMs(), replica, units });
  }

  #greeted(rank: number, hello: Hello, fresh: boolean): void {
    if (this.#closed) return;
    const { host } = this.#options;
    const cache = this.mirror.rank(rank);
    cache.capacityBlocks = hello.capacityBlocks;
    if (hello.blockTokens > 0) this.#blockTokens = hello.blockTokens;
    if (fresh) {
      host.log('info', `entresol-vllm ${hello.packageVersion} in vLLM ${hello.vllmVersion}: ${hello.mode}${hello.reason === undefined ? '' : ` (${hello.reason})`}`, { rank });
      this.#restarted(rank);
      this.#subscriptions.get(rank)?.suspect();
    }
    if (fresh) this.#owner = 'unknown';
    if (this.#owner === 'ours') this.#begin(rank, hello);
    else if (hello.mode !== 'off') void this.#findOwner();
    this.#options.changed();
  }

  #begin(rank: number, hello: Hello): void {
    if (hello.mode === 'active') this.#channels.get(rank)?.tell({ type: 'grace', ...GRACE });
    // A mirror that began late lacks what came before.
    if (hello.mode !== 'off') void this.reconcile(rank);
  }

  /** Nothing is told to a package, nor believed of it, before it is known to be in the engine that calls go to. */
  async #findOwner(): Promise<void> {
    if (this.#finding) return;
    this.#finding = true;
    const { host, tagged, changed } = this.#options;
    const found = tagged === undefined ? 'ours' : await this.#ownerOf.find(tagged);
    this.#finding = false;
    if (this.#closed) return;
    this.#owner = found;
    if (found === 'unknown') {
      setTimeout(() => { if (!this.#closed && this.hellos().length > 0 && this.#owner === 'unknown') void this.#findOwner(); }, ASK_AGAIN_MS).unref();
      return;
    }
    if (found === 'another') {
      const where = this.endpoints().join(', ');
      host.log('warn', `the package entresol-vllm that answers at ${where} is in another vLLM than ${this.#options.replica}: nothing is told to it. Give each vLLM of a machine an ENTRESOL_VLLM_ENDPOINT of its own, and name it here (vllm.control.endpoints).`);
      host.trouble('side-channel-anothers', where);
    } else for (const [rank, { hello }] of this.#channels) if (hello !== undefined) this.#begin(rank, hello);
    changed();
  }

  #restarted(rank: number): void {
    if (this.#closed) return;
    this.computesNames = undefined;
    this.leases.forget(rank);
    this.mirror.clear(rank);
  }

  #used(rank: number, events: readonly (CallTouch | CallDone)[]): void {
    if (this.#closed) return;
    for (const event of events) {
      this.#ownerOf.heard(event.tag);
      const by = this.touches.report(rank, event);
      if (by !== undefined) this.#tenants.add(by.tenant);
    }
    this.#lastCallMs = this.#options.host.clock.nowMs();
    this.#soon();
  }

  #checkFullness(rank: number): void {
    const cache = this.mirror.rank(rank);
    if (cache.capacityBlocks === undefined || cache.copies <= cache.capacityBlocks * OVERFULL || this.#reconciling.has(rank)) return;
    this.#options.host.trouble('kv-mirror-overfull');
    void this.reconcile(rank);
  }

  #soon(): void {
    if (!this.steers) return;
    const { clock } = this.#options.host;
    const { endedMs, tookMs } = this.#lastFlush;
    this.#newsSinceMs ??= clock.nowMs();
    this.#at(Math.max(clock.nowMs() + 5, endedMs + Math.max(this.#options.leaseIntervalMs, FLUSH_SHARE * tookMs)));
  }

  #at(dueMs: number): void {
    if (this.#closed || this.#dueMs <= dueMs) return;
    clearTimeout(this.#timer);
    this.#dueMs = dueMs;
    this.#timer = setTimeout(() => void this.#flush(), Math.max(0, dueMs - this.#options.host.clock.nowMs())).unref();
  }

  async #flush(): Promise<void> {
    // Asked for again meanwhile: what has changed since shows at its end.
    this.#dueMs = -Infinity;
    const { clock } = this.#options.host;
    const newsMs = this.#newsSinceMs;
    this.#newsSinceMs = undefined;
    const tookMs = await this.#tellLeases();
    if (this.#closed) return;
    const nowMs = clock.nowMs();
    this.#lastFlush = { endedMs: nowMs, tookMs };
    this.pace.flushes += 1;
    this.pace.tookMs += tookMs;
    if (newsMs !== undefined) {
      this.pace.followed += 1;
      this.pace.lagMs += nowMs - newsMs;
    }
    this.#dueMs = Infinity;
    this.#at(nowMs + Math.max(FLUSH_SHARE * tookMs, nowMs - this.#lastCallMs < 60_000 ? BUSY_FLUSH_MS : IDLE_FLUSH_MS));
    if (this.#newsSinceMs !== undefined) this.#soon();
  }

  /** Calls get their turn between the parts of it. @returns how long it took without those */
  async #tellLeases(): Promise<number> {
    let tookMs = 0;
    let beganMs = performance.now();
    const parts = this.leases.flush(this.#tenants);
    while (!this.#closed && this.steers && parts.next().done !== true) {
      const turnMs = performance.now() - beganMs;
      if (turnMs < FLUSH_TURN_MS) continue;
      tookMs += turnMs;
      await new Promise((resolve) => { setImmediate(resolve); });
      beganMs = performance.now();
    }
    return tookMs + performance.now() - beganMs;
  }
}
