import type { Clock, FailureMode, LearnerSource, OrderRule, PolicyDefinition, PolicyMode, Random } from '../core/index.ts';
import type { Store } from '../store/index.ts';
import type { LogSink, Metrics } from '../telemetry/index.ts';
import type { Stopwatch, Timers } from './timers.ts';

/** One policy of a runtime, with what configuration says of it. */
export interface PolicySetting {
  readonly definition: PolicyDefinition;
  /** `on` by default. */
  readonly mode?: PolicyMode;
  /** In place of the definition's own. */
  readonly failure?: FailureMode;
  /** Over the defaults. */
  readonly parameters?: Readonly<Record<string, unknown>>;
}

export interface RuntimeOptions {
  /** In this order they are asked; names must differ. */
  readonly policies: readonly PolicySetting[];
  /** Told every agent event before any policy. */
  readonly learners: LearnerSource;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly stopwatch?: Stopwatch;
  readonly timers?: Timers;
  /** Standard error by default. */
  readonly log?: LogSink;
  readonly metrics?: Metrics;
  /** Where learners and policies are saved; absent: nothing outlives the process. */
  readonly state?: Store;
  readonly orderRule?: OrderRule;
  readonly limits?: Partial<RuntimeLimits>;
}

export interface RuntimeLimits {
  /** Tenants with policies at once; one without an open request makes room, and begins again with what it could snapshot. */
  readonly tenants: number;
  /** Live sessions; the one idle for longest is ended to make room. As many as identity remembers: what it still knows goes on. */
  readonly sessions: number;
  /** A session without a call for this long is ended. */
  readonly sessionIdleMs: number;
  /** Requests without an end; the oldest is closed as an error to make room. */
  readonly openRequests: number;
  /** Requests that `explain` can answer for. */
  readonly recentRequests: number;
  readonly decisionsPerRequest: number;
  readonly intentsPerRequest: number;
  /** Time of all policies together per request, in µs. */
  readonly budgetUs: number;
  /** A policy that overran in `overrunTrips` of the last `overrunWindow` requests is put in shadow. */
  readonly overrunWindow: number;
  readonly overrunTrips: number;
  /** What one policy may want at one moment. */
  readonly intentsPerMoment: number;
  /** An engine that has not answered an intent by then has deferred it. */
  readonly intentTimeoutMs: number;
  readonly heldRequests: number;
  /** A request held for this long in all is rejected. */
  readonly maximumHoldMs: number;
  /** Models of workloads that are saved. */
  readonly learners: number;
  readonly tickMs: number;
  readonly saveIntervalMs: number;
}

export const DEFAULT_LIMITS: RuntimeLimits = {
  tenants: 64,
  sessions: 24_576,
  sessionIdleMs: 30 * 60_000,
  openRequests: 10_000,
  recentRequests: 2000,
  decisionsPerRequest: 32,
  intentsPerRequest: 64,
  budgetUs: 2000,
  overrunWindow: 64,
  overrunTrips: 32,
  intentsPerMoment: 64,
  intentTimeoutMs: 30_000,
  heldRequests: 1000,
  maximumHoldMs: 10 * 60_000,
  learners: 256,
  tickMs: 1000,
  saveIntervalMs: 60_000,
};
