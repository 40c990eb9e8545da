/**
 * What tells one slot manager from another: who goes next, in which slot, and what becomes of the states.
 * The life of a call (queue, run, cancel, crash) is the runner's and the same for all.
 */
import type { Intent, Outcome, TenantId } from '../../core/index.ts';
import type { Job } from './job.ts';
import type { Slot } from './slot.ts';
import type { MeasuredPrefill, SequenceEngine } from './token-engine.ts';

/** What a rule may use of the runner. */
export interface SlotDesk {
  readonly engine: SequenceEngine;
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

/**
 * Lets a call that decodes make way for one that waits: its state is put aside, and it goes on later as if nothing had
 * happened.
 */
export interface Parking<P extends Placement> {
  /** A parked call that has waited so long goes on before a waiting one begins. */
  readonly patienceMs: number;
  /** Which of the calls that decode makes way for one that waits, if any should. */
  choose(decoding: readonly Job[]): Job | undefined;
  /** Puts aside what the slot holds. False: there is no room for it, and the call goes on. The slot is idle after true. */
  park(job: Job, placement: P): Promise<boolean>;
  /** Chooses an idle slot to go on in, or undefined to wait. */
  place(job: Job): P | undefined;
  /** Brings the state into the slot, and returns how many tokens of it could be brought: all or none. */
  resume(job: Job, placement: P): Promise<number>;
  /** It was cancelled while it lay parked. */
  cancelled(job: Job): void;
}

export interface SlotRule<P extends Placement = Placement> {
  readonly runningLimit: number;
  /** How many calls may be between dispatch and first token at a time. */
  readonly prefillLimit: number;
  /** Absent: a call that has a slot keeps it to its end. */
  readonly parking?: Parking<P>;
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
  /** The engine tells itself what a prefill took. */
  measured?(prefill: MeasuredPrefill): void;
  /** The sequence now holds `slot.tokens`. The slot is idle after this. */
  finished(job: Job, placement: P): void;
  /** It failed; the slot holds nothing. */
  failed(job: Job, placement: P): void;
  residentTokens(tokens: Int32Array, tenant: TenantId): number;
  perform(intent: Intent): Promise<Outcome>;
  counts(): RuleCounts;
  /** The engine came back with empty sequences. @param statesOutlive what was saved is still there */
  reset(statesOutlive: boolean): void;
  close(): Promise<void>;
}
