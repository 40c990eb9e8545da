/**
 * What tells one slot manager from another: who goes next, in which slot, and what becomes of the states.
 * The life of a call (queue, run, cancel, crash) is the runner's and the same for all.
 */
import type { Intent, Outcome, TenantId } from '../../core/index.ts';
import type { Job } from './job.ts';
import type { Slot } from './slot.ts';
import type { TokenEngine } from './token-engine.ts';

/** What a rule may use of the runner. */
export interface SlotDesk {
  readonly engine: TokenEngine;
  readonly slots: readonly Slot[];
  nowMs(): number;
  /** Throws `ENT_ENGINE_CRASHED` if the engine went down since `life` was read: what was awaited is void. */
  readonly life: number;
  checkLife(life: number): void;
  /** Takes note of an engine error of work that no call waits for and that began in `life`. */
  failed(error: unknown, life: number): void;
  /** Something changed that may let a waiting call run. */
  wake(): void;
  log(level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>): void;
}

/** A slot that was chosen for a call; `source` is the rule's own. */
export interface Placement<Source = unknown> {
  readonly slot: Slot;
  readonly source: Source;
}

export interface RuleCounts {
  readonly storeTokens: number;
  readonly capacityTokens: number;
  readonly saves: number;
  readonly restores: number;
  readonly evictions: number;
}

export interface SlotRule<P extends Placement = Placement> {
  readonly runningLimit: number;
  /** How many calls may be between dispatch and first token at a time. */
  readonly prefillLimit: number;
  arrived(job: Job): void;
  /** It left the queue without running. */
  withdrawn(job: Job): void;
  /** Which waiting call goes next: its index. Called with at least one. */
  next(waiting: readonly Job[]): number;
  /** Chooses among idle slots, or undefined to wait. Synchronous: the slot is marked busy right after. */
  place(job: Job): P | undefined;
  /**
   * Moves states until the slot's sequence holds exactly the first n tokens of the prompt, n below the prompt's
   * length, and returns n. `computed` of the prompt may have been prefilled by the rule itself beyond what was reused.
   */
  prepare(job: Job, placement: P): Promise<{ readonly reused: number; readonly held: number }>;
  prefilled(job: Job, placement: P, prefillMs: number): void;
  /** The sequence now holds `slot.tokens`. The slot is idle after this. */
  finished(job: Job, placement: P): void;
  /** It failed; the slot holds nothing. */
  failed(job: Job, placement: P): void;
  residentTokens(tokens: Int32Array, tenant: TenantId): number;
  perform(intent: Intent): Promise<Outcome>;
  counts(): RuleCounts;
  /** The engine came back empty. */
  reset(): void;
  close(): Promise<void>;
}
