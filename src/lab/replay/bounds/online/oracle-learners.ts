/** Learners whose forecasts are partly the truth: what CacheSage's own index makes of perfect knowledge. */
import type { Event, Forecast, Learner, LearnerSource, LiveSession, Query, SessionForecasts, SessionId, TenantId, TouchKind, WorkloadId } from '../../../../core/index.ts';
import { timeBin } from '../../../../learner/time-grid.ts';
import type { Future } from './future.ts';

/** What is known; the rest is learned. */
export interface Knowledge {
  /** Whether the session calls again. */
  readonly end: boolean;
  /** When it does, if it does. */
  readonly gap: boolean;
  /** Which later call of the session uses what it has used, or none: so it includes the end. */
  readonly touch: boolean;
}

export function oracleLearners(learners: LearnerSource, future: Future, knowledge: Knowledge): LearnerSource {
  const oracles = new Map<Learner, Learner>();
  return {
    of(tenant: TenantId, workload: WorkloadId): Learner {
      const learner = learners.of(tenant, workload);
      let oracle = oracles.get(learner);
      if (oracle === undefined) {
        oracle = new OracleLearner(learner, future, knowledge);
        oracles.set(learner, oracle);
      }
      return oracle;
    },
  };
}

class OracleLearner implements Learner {
  readonly sessions: SessionForecasts;
  readonly #learner: Learner;

  constructor(learner: Learner, future: Future, knowledge: Knowledge) {
    this.#learner = learner;
    this.sessions = new OracleForecasts(learner.sessions, future, knowledge);
  }

  observe(event: Event): void { this.#learner.observe(event); }
  predict(query: Query): Forecast { return this.#learner.predict(query); }
  snapshot(): Uint8Array { return this.#learner.snapshot(); }
  restore(bytes: Uint8Array): void { this.#learner.restore(bytes); }
  learnedBytes(): number { return this.#learner.learnedBytes(); }
}

/** The learner's session, except that it is over when it is. */
class OracleSession implements LiveSession {
  readonly learned: LiveSession;
  readonly #knowsEnd: boolean;

  constructor(learned: LiveSession, knowsEnd: boolean) {
    this.learned = learned;
    this.#knowsEnd = knowsEnd;
  }

  get id(): SessionId { return this.learned.id; }
  get calls(): number { return this.learned.calls; }
  get lastCallMs(): number { return this.learned.lastCallMs; }
  get revision(): number { return this.learned.revision; }
  get over(): boolean { return this.learned.over && !this.#knowsEnd; }
}

class OracleForecasts implements SessionForecasts {
  readonly #learned: SessionForecasts;
  readonly #future: Future;
  readonly #knowledge: Knowledge;
  readonly #sessions = new Map<LiveSession, OracleSession>();

  constructor(learned: SessionForecasts, future: Future, knowledge: Knowledge) {
    this.#learned = learned;
    this.#future = future;
    this.#knowledge = knowledge;
  }

  session(id: SessionId): LiveSession | undefined {
    const learned = this.#learned.session(id);
    if (learned === undefined) return undefined;
    let session = this.#sessions.get(learned);
    if (session === undefined) {
      session = new OracleSession(learned, this.#knowsEnd);
      this.#sessions.set(learned, session);
    }
    return session;
  }

  get endings(): number { return this.#learned.endings; }
  ending(ordinal: number): LiveSession | undefined {
    const learned = this.#learned.ending(ordinal);
    return learned === undefined ? undefined : this.session(learned.id);
  }
  get epoch(): number { return this.#learned.epoch; }
  get horizons(): number { return this.#learned.horizons; }
  /** Who knows which call uses what again needs no chance that there is none. */
  get endRate(): number { return this.#knowledge.touch ? 0 : this.#learned.endRate; }

  agentKey(agent: Parameters<SessionForecasts['agentKey']>[0]): number { return this.#learned.agentKey(agent); }
  agentCalls(session: LiveSession, agentKey: number): number { return this.#learned.agentCalls(learnedOf(session), agentKey); }
  agentCallsSince(session: LiveSession, agentKey: number, nth: number): number { return this.#learned.agentCallsSince(learnedOf(session), agentKey, nth); }
  callsInHorizon(horizon: number): number { return this.#learned.callsInHorizon(horizon); }
  laterCall(next: Float64Array, horizon: number, out: Float64Array): void { this.#learned.laterCall(next, horizon, out); }

  nextCall(session: LiveSession, nowMs: number, out: Float64Array): void {
    this.#learned.nextCall(learnedOf(session), nowMs, out);
    const nextMs = this.#future.nextCallMs(session.id, session.calls);
    const comes = nextMs < Infinity;
    if (this.#knowsEnd && !comes) {
      out.fill(0);
      return;
    }
    const learnedChance = out.reduce((sum, mass) => sum + mass, 0);
    const chance = this.#knowsEnd ? 1 : learnedChance;
    if ((this.#knowledge.gap && comes) || learnedChance === 0) {
      out.fill(0);
      if (comes) out[timeBin(Math.max(0, nextMs - nowMs))] = chance;
    } else for (let bin = 0; bin < out.length; bin++) out[bin] *= chance / learnedChance;
  }

  touchChances(session: LiveSession, kind: TouchKind, agentKey: number, step: number, nth: number, out: Float64Array): void {
    if (!this.#knowledge.touch) {
      this.#learned.touchChances(learnedOf(session), kind, agentKey, step, nth, out);
      return;
    }
    let ahead = 0;
    for (let horizon = 0; horizon < this.horizons; horizon++) {
      // The chance of each of the calls that are lumped together, so that all together have the true share.
      const calls = this.callsInHorizon(horizon);
      out[horizon] = 1 - (1 - this.#future.touchShare(session.id, kind, step, session.calls + ahead, calls)) ** (1 / calls);
      ahead += calls;
    }
  }

  tallyTouch(session: LiveSession, kind: TouchKind, agentKey: number, step: number, nth: number, touched: number, size: number): void {
    this.#learned.tallyTouch(learnedOf(session), kind, agentKey, step, nth, touched, size);
  }

  learnTouches(): void { this.#learned.learnTouches(); }

  get #knowsEnd(): boolean { return this.#knowledge.end || this.#knowledge.touch; }
}

function learnedOf(session: LiveSession): LiveSession { return session instanceof OracleSession ? session.learned : session; }
