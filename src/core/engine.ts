/** The port of an engine: what it declares, what the gateway hands it, what it may ask of the runtime. */
import type { CallSignal } from './call-signal.ts';
import type { Clock } from './clock.ts';
import type { Coordinate } from './coordinate.ts';
import type { CacheWrites, Event, RequestStatus } from './events.ts';
import type { Intent, IntentKind, Outcome } from './intents.ts';
import type { ReplicaId, TenantId } from './ids.ts';
import type { RequestView } from './request.ts';
import type { RetentionIndex, RetentionPort } from './retention.ts';
import type { CacheFacts } from './policy.ts';

export const ENGINE_KINDS = ['embedded', 'llama-server', 'vllm', 'sglang', 'openai', 'anthropic', 'dynamo', 'llm-d', 'openai-compatible', 'simulated'] as const;
export type EngineKind = (typeof ENGINE_KINDS)[number];

/** The request dialects an engine speaks itself. */
export type Dialect = 'chat' | 'completions' | 'messages' | 'responses' | 'embeddings';

export interface EngineCapabilities {
  readonly dialects: readonly Dialect[];
  readonly intents: readonly IntentKind[];
  /** Absent: retention cannot be steered here. */
  readonly retention?: RetentionPort;
  readonly cache?: CacheFacts;
  /** It asks for the order of its waiting requests. */
  readonly ordersQueue: boolean;
  /** Its counts of cached tokens are exact. */
  readonly countsCachedTokens: boolean;
  /** It is a server of its own: any path under `/v1` goes to it, its own list of models too. */
  readonly passThrough?: boolean;
  /** A hosted API: no field is added to its bodies unless a policy that is on needs it. */
  readonly hosted?: boolean;
  /** Names of models that configuration sends here; one may end in `*`. Absent: whatever no other engine lists. */
  readonly serves?: readonly string[];
  /** Calls without a credential of the client's will fail there. */
  readonly wantsCredential?: boolean;
  /** It has a credential of its own, which tenants may come to share: where a call brings none, or in place of any. */
  readonly ownCredential?: 'fallback' | 'always';
  /** It keeps caches apart by `cache_salt`. */
  readonly saltsCache?: boolean;
  /** It adds fields of its own to bodies: it gets them unpacked. */
  readonly editsBody?: boolean;
}

/** What looking at a server has shown: what it is, and what it can and cannot do. */
export interface Discovery {
  /** In its own words: `vLLM 0.33.0`; absent where it does not say. */
  readonly product?: string;
  readonly features: readonly DiscoveredFeature[];
}

export interface DiscoveredFeature {
  /** In a few words: `counts cached tokens`. */
  readonly name: string;
  readonly available: 'yes' | 'no' | 'unknown';
  /** How it is known, or what is missing. */
  readonly detail?: string;
  /** What would give more: a flag of the server's, in words. */
  readonly mend?: string;
}

export interface ModelInfo {
  readonly id: string;
  readonly contextTokens?: number;
  /** Random weights: text is noise, caches and latencies are real. */
  readonly synthetic: boolean;
}

/** What the runtime offers an engine. */
export interface EngineHost {
  readonly clock: Clock;
  emit(event: Event): void;
  /** Indices of `waiting`, best first, or undefined if no policy orders: then the engine's own rule holds. */
  order(waiting: readonly RequestView[]): readonly number[] | undefined;
  /**
   * The index for a tenant's cache: the same object for good, so that policies in shadow are fed and modes can be switched
   * while the engine runs (with no policy in force it answers by least recent use). Undefined if no policy of the runtime
   * retains at all: then the engine's own rule (LRU) holds.
   */
  retention(tenant: TenantId): RetentionIndex | undefined;
  log(level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>): void;
  /**
   * The server sent something that it should not have (garbage, a gap, an event of an unknown kind): counted by kind,
   * shown in metrics and by doctor, logged now and then.
   * @param kind one of a few words of the engine's, such as `kv-event-gap`; never text that came from outside
   */
  trouble(kind: string, detail?: string): void;
  /** What became of a warm-up; in no other figure. @param computedTokens what it cost */
  warmedUp(outcome: WarmUpOutcome, computedTokens: number): void;
}

/**
 * `used`: the next call of that agent in that session found more in the cache than was there before it; `unused`: it did
 * not, or there was none; `untold`: the engine does not count what it finds; `aborted`: it gave way to a call; `refused`.
 */
export type WarmUpOutcome = 'used' | 'unused' | 'untold' | 'aborted' | 'refused';

/** Longer bodies lie in memory that is used again once the call is over. */
export const REUSED_FROM_BYTES = 32 * 1024;

/** The memory of a call's body. */
export interface CallMemory {
  /** For a changed copy of it: exactly so many bytes, whatever is in them. */
  readonly take: (bytes: number) => Buffer;
  /** Something may read it after `handle` has settled: then it is not used again. */
  keep(): void;
}

/** One call on its way to an engine. */
export interface EngineCall {
  readonly request: RequestView;
  readonly dialect: Dialect | 'other';
  readonly method: string;
  /** Path with query, from `/v1` on. */
  readonly path: string;
  /** Alternating names and values, as they came, less our own and hop-by-hop headers. */
  readonly headers: readonly string[];
  /** The client's bytes, with the permitted splices only. Not to be read once `handle` has settled, unless its `memory` is kept. */
  readonly body: Buffer;
  /** Undefined: it is the body's alone, and never used again. */
  readonly memory: CallMemory | undefined;
  /** A parsed copy; undefined where the body is not JSON. */
  readonly parsed: unknown;
  readonly signal: CallSignal;
  /** Another engine could take the call: rather than pass on that it is busy, the engine throws `ENT_UPSTREAM_BUSY`. */
  readonly mayDecline?: boolean;
}

/** Where the answer goes. `write` resolves when more may be written (back-pressure). */
export interface Answer {
  head(status: number, headers: readonly string[]): void;
  write(bytes: Uint8Array): void | Promise<void>;
  end(): void;
  /** The answer broke off after the head: the client's connection is cut, never ended cleanly. */
  destroy(error: Error): void;
}

/** What became of a call, as the engine knows it; the gateway makes the `request-end` event of it. */
export interface CallReport {
  readonly status: RequestStatus;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly cacheWrites?: CacheWrites;
  readonly stop?: string;
  readonly tools: readonly string[];
  readonly outputHash?: string;
  /** Time in the engine's queue and in prefill, where it tells. */
  readonly queueMs?: number;
  readonly prefillMs?: number;
  /** What the engine did for this call, in words, for `explain` (e.g. `restored 812 tokens from host`). */
  readonly notes?: readonly string[];
}

export interface Engine {
  readonly kind: EngineKind;
  readonly replica: ReplicaId;
  readonly capabilities: EngineCapabilities;
  /** @throws EntresolError `ENT_ENGINE_MISSING`, `ENT_ENGINE_UNSUPPORTED_PLATFORM`, `ENT_MODEL_UNREADABLE`, ... */
  start(host: EngineHost): Promise<void>;
  models(): readonly ModelInfo[];
  /** Exact prompt tokens and how many of them are resident, where it can tell cheaply; called before admission. */
  inspect?(call: Omit<EngineCall, 'request'>, tenant: TenantId): Promise<{ promptTokens: number; residentTokens: number } | undefined>;
  /**
   * Serves the call: one `head`, any number of `write`s, then `end`. Before `head` it may throw an EntresolError
   * instead, which the gateway turns into an error answer of the client's dialect.
   */
  handle(call: EngineCall, answer: Answer): Promise<CallReport>;
  perform(intent: Intent): Promise<Outcome>;
  /** No call of this session is expected any more; one may come all the same. */
  sessionEnded?(by: Coordinate): void;
  /**
   * Whether it speaks a dialect that it declares but that not every server of its kind has: asked before calls of the
   * dialect go out. Absent: it speaks what it declares.
   * @param headers of the client, with its credential
   */
  speaks?(dialect: Dialect, headers: readonly string[]): boolean | Promise<boolean>;
  /** What the server was found to be; absent while nothing is known, or for an engine that is no server. */
  discovery?(): Discovery | undefined;
  load(): { readonly runningRequests: number; readonly waitingRequests: number; readonly cacheUsedFraction: number };
  healthy(): boolean;
  /** New calls go elsewhere from now on; those that it has, or was chosen for, it still serves. Absent: it cannot be taken out while the server runs. */
  retire?(): void;
  /** Ends in-flight work or gives up after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}
