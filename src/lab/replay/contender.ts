/** What is replayed: a policy as any engine would run it, or a bound that sees the future. */
import type { Clock, LearnerSource, PolicyInstance } from '../../core/index.ts';
import type { Trace } from '../trace/index.ts';
import type { NextUses } from './bounds/next-uses.ts';
import type { ScheduledCall } from './schedule.ts';

export interface ContenderContext {
  readonly trace: Trace;
  /** The future, for bounds alone. */
  readonly schedule: readonly ScheduledCall[];
  readonly capacityBlocks: number;
  readonly clock: Clock;
  readonly learners: LearnerSource;
  /** The future, for bounds alone; made on first use. */
  nextUses(): NextUses;
  /** Position in the schedule of the call in hand, for bounds alone. */
  position(): number;
}

export interface Contender {
  readonly name: string;
  /** Nothing is ever evicted. */
  readonly unbounded: boolean;
  /** Replayed by the exact rules whatever timing was asked for: it makes nothing of a request's end. */
  readonly exactOnly: boolean;
  open(context: ContenderContext): PolicyInstance;
}
