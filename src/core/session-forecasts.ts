/**
 * The hot-path face of a learner: plain numbers about live sessions, for policies that rank thousands of items per
 * decision. `predict` (forecast.ts) answers the same questions one by one, in words.
 *
 * Distributions over time are arrays of `TIME_BINS` masses (`SUM_BINS` for `laterCall`) on one logarithmic grid (learner/time-grid.ts). They are
 * defective: what is missing to 1 is the probability that it never happens.
 */
import type { AgentId, SessionId } from './ids.ts';

/** What a live session is to a policy: an opaque handle with the few facts that move. Valid as long as its learner. */
export interface LiveSession {
  readonly id: SessionId;
  /** Number of calls so far. */
  readonly calls: number;
  readonly lastCallMs: number;
  /** Changes whenever a forecast about the session may have changed for another reason than time passing. */
  readonly revision: number;
  /** Believed to have ended. It may still come back; then this turns false again. */
  readonly over: boolean;
}

/** How a session came to know a piece of cache: the class that its return depends on. */
export const TOUCH_KINDS = ['proven', 'prompt', 'output', 'borrowed'] as const;
/** Index into `TOUCH_KINDS`: used again before by this session; new with a prompt; new with an answer; known from others. */
export type TouchKind = 0 | 1 | 2 | 3;

export interface SessionForecasts {
  /** The session's handle, or undefined before its first call. */
  session(id: SessionId): LiveSession | undefined;
  /** Grows by one whenever a session is found to be over: policies then drop what they keep for it. */
  readonly endings: number;
  /** The session whose end was the `ordinal`-th (from 1), while it is among the latest; it may have come back since. */
  ending(ordinal: number): LiveSession | undefined;
  /** Grows by one whenever the distributions of further calls have been computed anew. */
  readonly epoch: number;

  /** Ordinal of the agent's last call in the session, modulo 256 (agents share counters beyond a few dozen): what the methods below take as `nth`. */
  agentCalls(session: LiveSession, agentKey: number): number;
  /** Calls of the session by this agent since its `nth`. */
  agentCallsSince(session: LiveSession, agentKey: number, nth: number): number;
  /** The number that stands for an agent in the methods below. */
  agentKey(agent: AgentId): number;

  /** Writes when the session's next call comes, counted from `nowMs`; the total is the probability that it comes at all. Masses beyond `TIME_BINS` are 0. */
  nextCall(session: LiveSession, nowMs: number, out: Float64Array): void;
  /** Number of horizons of `laterCall`; horizon 0 is the next call itself. */
  readonly horizons: number;
  /** How many calls are lumped together in a horizon. */
  callsInHorizon(horizon: number): number;
  /** Writes when the calls of a horizon come, given when the next call comes. */
  laterCall(next: Float64Array, horizon: number, out: Float64Array): void;
  /** Probability that a call of this workload is its session's last, over all. */
  readonly endRate: number;

  /**
   * Writes for each horizon the probability that its first call uses again what the session last used at its call
   * number `step` (from 0), by `agentKey`, then that agent's `nth` call, given that no call before it did.
   */
  touchChances(session: LiveSession, kind: TouchKind, agentKey: number, step: number, nth: number, out: Float64Array): void;
  /** Teaches one past use against the call that has just arrived: `touched` of `size` blocks were used again. */
  tallyTouch(session: LiveSession, kind: TouchKind, agentKey: number, step: number, nth: number, touched: number, size: number): void;
  /** Ends the tallies of one arrived call. */
  learnTouches(): void;
}
