/**
 * predict: forecasts of agent activity, all from one shared learner per workload, so that nine policies do not
 * learn nine models.
 */
import type { Coordinate } from './coordinate.ts';
import type { Event } from './events.ts';
import type { AgentId, SessionId, TenantId, WorkloadId } from './ids.ts';
import type { SessionForecasts } from './session-forecasts.ts';

export type Query =
  | { readonly kind: 'next-agents'; readonly session: SessionId }
  | { readonly kind: 'time-to-next-call'; readonly session: SessionId; readonly nowMs: number }
  | { readonly kind: 'session-end'; readonly session: SessionId; readonly nowMs: number }
  | { readonly kind: 'output-length'; readonly by: Coordinate }
  | { readonly kind: 'tool-duration'; readonly tool: string }
  | { readonly kind: 'tool-purity'; readonly tool: string };

export type Forecast =
  /** Probabilities sum to 1 with `end`. */
  | { readonly kind: 'next-agents'; readonly agents: readonly { readonly agent: AgentId; readonly probability: number }[]; readonly end: number }
  /** Quantiles of a positive quantity in the unit of its name; `never` is the probability that it does not happen. */
  | { readonly kind: 'time-to-next-call'; readonly quantilesMs: Quantiles; readonly never: number }
  | { readonly kind: 'session-end'; readonly probability: number }
  | { readonly kind: 'output-length'; readonly quantilesTokens: Quantiles }
  | { readonly kind: 'tool-duration'; readonly quantilesMs: Quantiles }
  /** Probability that the same arguments give the same result within a session. */
  | { readonly kind: 'tool-purity'; readonly probability: number; readonly observations: number }
  /** Nothing has been learned about it yet. */
  | { readonly kind: 'unknown' };

export interface Quantiles { readonly p10: number; readonly p50: number; readonly p90: number }

/** One per (tenant, workload). Fed by the runtime before any policy sees the event. */
export interface Learner {
  observe(event: Event): void;
  /** The hot-path face: numbers about live sessions. */
  readonly sessions: SessionForecasts;
  predict(query: Query): Forecast;
  snapshot(): Uint8Array;
  /** @throws EntresolError `ENT_SNAPSHOT_INVALID` if the bytes are corrupt or of a newer version; the learner is then unchanged. */
  restore(bytes: Uint8Array): void;
  /** Bytes of the learned tables, as snapshotted. */
  learnedBytes(): number;
}

/** The learners of one tenant, made on first use, bounded in number. */
export interface LearnerSource<L extends Learner = Learner> {
  of(tenant: TenantId, workload: WorkloadId): L;
}
