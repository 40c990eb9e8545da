/**
 * Slots are registers, the capacity is the store: a few sequences of a `TokenEngine` run calls, and an exact-size
 * store of saved states (host memory, then disk) is the cache. A manager decides which call runs where, what is
 * saved, restored, copied and dropped. Two members: our own (retention by the index in force) and llama-server's
 * rule, the baseline of `bench engine`. One contract suite runs against both.
 */
import type { Intent, Outcome, RequestView, TenantId } from '../../core/index.ts';
import type { GenerateOptions } from './token-engine.ts';

export interface SlotJob {
  readonly request: RequestView;
  /** The whole prompt. At least one token; prompt and output must fit the context. */
  readonly tokens: Int32Array;
  readonly generate: GenerateOptions;
}

export interface SlotResult {
  readonly promptTokens: number;
  /** Leading prompt tokens that were not computed for this call. Exact. */
  readonly cachedTokens: number;
  readonly output: Int32Array;
  readonly stop: 'stop' | 'length' | 'cancelled';
  readonly queueMs: number;
  /** Restore and prefill, until the first decoded token. */
  readonly prefillMs: number;
  /** What was done, in words, for `explain`. */
  readonly notes: readonly string[];
}

export interface SlotStatistics {
  readonly running: number;
  readonly waiting: number;
  readonly slotTokens: number;
  readonly storeTokens: number;
  readonly capacityTokens: number;
  readonly saves: number;
  readonly restores: number;
  readonly evictions: number;
}

export interface SlotManager {
  /**
   * Queues the job and runs it. Aborted while it waits, it rejects with `ENT_CANCELLED`; while it runs, it resolves
   * with what there is and `stop: 'cancelled'`. `maxTokens` is clipped to what the context leaves.
   * @throws EntresolError `ENT_PROMPT_TOO_LONG`, `ENT_OVERLOADED`, `ENT_ENGINE_CRASHED`, `ENT_DRAINING`
   */
  submit(job: SlotJob): Promise<SlotResult>;
  /** Leading tokens held in a slot or in the store now. Nothing is shared across tenants. */
  residentTokens(tokens: Int32Array, tenant: TenantId): number;
  /** retain, demote, restore, prefetch, evict, cancel; anything else is `unsupported`. */
  perform(intent: Intent): Promise<Outcome>;
  statistics(): SlotStatistics;
  /**
   * The engine crashed: what its sequences held is lost, and the manager is as new, but for what was saved where
   * `statesOutlive` says that it is still there. What was in it is rejected.
   * May be called while the engine is still down if its operations wait for its return. Between an operation that
   * rejects with `ENT_ENGINE_CRASHED` and this call, every call rejects with that code.
   */
  reset(options?: { readonly statesOutlive?: boolean }): void;
  /** Rejects what waits, cancels what runs, drops the saved states. The engine stays open: it is its owner's. */
  close(): Promise<void>;
}
