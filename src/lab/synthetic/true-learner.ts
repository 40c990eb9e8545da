/**
 * A learner that has nothing to learn: its forecasts are those of the truth by which the trace was made, given what
 * has been seen of each session so far. What a policy loses with it, it loses by its own doing.
 */
import type { AgentId, Event, Forecast, Learner, LearnerSource, LiveSession, SessionForecasts, SessionId } from '../../core/index.ts';
import { BIN_HIGH_MS, BIN_LOW_MS, BIN_MIDDLE_MS, SUM_BINS, TIME_BINS, addMass, timeBin } from '../../learner/index.ts';
import { callDurationMs } from './generate.ts';
import { endChance, type Spread, type SyntheticTruth } from './truth.ts';

/** Calls ahead that are told apart; beyond them the session has lost its memory of who called. */
const CALLS_AHEAD = 12;
/** P(the session has ended) from which on it is over. */
const OVER = 0.999;

interface TrueSession extends LiveSession {
  calls: number;
  lastCallMs: number;
  revision: number;
  over: boolean;
  agent: number;
  /** When its last call ended, or will end by its lengths; of the answer only the median is known while it is running. */
  endMs: number;
  running: boolean;
  /** P(the last call was the last), by who made it and how its answer looked. */
  end: number;
  readonly agentCalls: number[];
}

export class TrueLearner implements Learner, SessionForecasts {
  readonly horizons = CALLS_AHEAD;
  readonly epoch = 0;
  readonly endRate: number;
  private readonly ended: TrueSession[] = [];
  private readonly truth: SyntheticTruth;
  private readonly known = new Map<SessionId, TrueSession>();
  private readonly agentNumber: ReadonlyMap<string, number>;
  /** Mean time between two calls, for those after the next one. */
  private readonly meanGapMs: number;

  constructor(truth: SyntheticTruth) {
    this.truth = truth;
    this.agentNumber = new Map(truth.agents.map(({ name }, agent) => [name, agent]));
    const shares = callShares(truth);
    this.endRate = truth.agents.reduce((sum, _, agent) => sum + shares[agent] * endChance(truth, agent, 0), 0);
    this.meanGapMs = truth.agents.reduce((sum, { pauseMs, outputTokens }, agent) => sum + shares[agent] * (mean(pauseMs) + callDurationMs(0, mean(outputTokens))), 0);
  }

  get sessions(): SessionForecasts {
    return this;
  }
  predict(): Forecast {
    return { kind: 'unknown' };
  }
  snapshot(): Uint8Array {
    return new Uint8Array(0);
  }
  restore(): void {}
  learnedBytes(): number {
    return 0;
  }

  observe(event: Event): void {
    if (event.type === 'request-arrive') {
      const session = this.known.get(event.by.session) ?? this.begin(event.by.session);
      const agent = this.numberOf(event.by.agent);
      session.agent = agent;
      session.calls++;
      session.agentCalls[agent]++;
      session.lastCallMs = event.atMs;
      session.endMs = event.atMs + callDurationMs(event.promptTokens, this.truth.agents[agent].outputTokens.median);
      session.running = true;
      session.end = endChance(this.truth, agent, session.calls);
      session.revision++;
    } else if (event.type === 'request-end') {
      const session = this.known.get(event.by.session);
      if (session === undefined) return;
      const { endShown } = this.truth;
      const end = endChance(this.truth, session.agent, session.calls);
      session.end = event.tools.length === 0 ? 1 : (end * (1 - endShown)) / (1 - end * endShown);
      session.endMs = session.lastCallMs + callDurationMs(event.promptTokens, event.outputTokens);
      session.running = false;
      session.revision++;
      if (session.end < OVER || session.over) return;
      session.over = true;
      this.ended.push(session);
    }
  }

  get endings(): number {
    return this.ended.length;
  }
  ending(ordinal: number): LiveSession | undefined {
    return this.ended[ordinal - 1];
  }
  session(id: SessionId): LiveSession | undefined {
    return this.known.get(id);
  }
  agentKey(agent: AgentId): number {
    return this.numberOf(agent);
  }
  agentCalls(session: LiveSession, agent: number): number {
    return (session as TrueSession).agentCalls[agent] & 255;
  }
  agentCallsSince(session: LiveSession, agent: number, nth: number): number {
    return (this.agentCalls(session, agent) - nth) & 255;
  }
  callsInHorizon(): number {
    return 1;
  }

  nextCall(live: LiveSession, nowMs: number, out: Float64Array): void {
    const session = live as TrueSession;
    const { pauseMs } = this.truth.agents[session.agent];
    out.fill(0);
    if (session.over) return;
    // The pause counts from the call's end; of a call that is still running by its lengths the rest comes on top.
    const idleMs = session.running ? 0 : Math.max(0, nowMs - session.endMs);
    const runningMs = Math.max(0, session.endMs - nowMs);
    const survival = 1 - reached(pauseMs, idleMs);
    if (survival <= 0) {
      // It should have called by now: at once, unless it may have ended.
      out[0] = session.end > 0 ? 0 : 1;
      return;
    }
    const returning = (1 - session.end) * survival;
    const alive = returning / (returning + session.end);
    for (let bin = timeBin(idleMs); bin < TIME_BINS; bin++) {
      const from = Math.max(BIN_LOW_MS[bin], idleMs);
      const mass = reached(pauseMs, bin === TIME_BINS - 1 ? Infinity : BIN_HIGH_MS[bin]) - reached(pauseMs, from);
      if (mass > 0) addMass(out, runningMs + within(pauseMs, from, BIN_HIGH_MS[bin]) - idleMs, (mass / survival) * alive);
    }
  }
  laterCall(next: Float64Array, horizon: number, out: Float64Array): void {
    out.fill(0);
    for (let bin = 0; bin < TIME_BINS; bin++) if (next[bin] > 0) out[timeBin(BIN_MIDDLE_MS[bin] + horizon * this.meanGapMs, SUM_BINS)] += next[bin];
  }

  /** P(the call is by the agent that used it, for its prompts alone begin so | no call in between was). */
  touchChances(live: LiveSession, _kind: number, agent: number, _step: number, _nth: number, out: Float64Array): void {
    const { next, mostCalls } = this.truth;
    let chances = given(next[(live as TrueSession).agent]);
    for (let ahead = 0; ahead < CALLS_AHEAD; ahead++) {
      out[ahead] = live.calls + ahead >= mostCalls ? 0 : chances[agent];
      const others = chances.map((chance, index) => (index === agent ? 0 : chance));
      chances = given(next.map((_, to) => others.reduce((sum, chance, from) => sum + chance * next[from][to], 0)));
    }
  }
  tallyTouch(): void {}
  learnTouches(): void {}

  private numberOf(agent: AgentId): number {
    const number = this.agentNumber.get(agent);
    if (number === undefined) throw new TypeError(`no agent of ${this.truth.name} is called ${agent}`);
    return number;
  }
  private begin(id: SessionId): TrueSession {
    const session = { id, calls: 0, lastCallMs: 0, revision: 0, over: false, agent: 0, endMs: 0, running: false, end: 0, agentCalls: this.truth.agents.map(() => 0) };
    this.known.set(id, session);
    return session;
  }
}

/** Learners that know the truth, in place of those that find it out. */
export function trueLearners(truth: SyntheticTruth): LearnerSource {
  const learner = new TrueLearner(truth);
  return { of: () => learner };
}

/** Shares of calls by agent, over whole sessions. */
function callShares({ first, next, mostCalls }: SyntheticTruth): number[] {
  const expected = first.map(() => 0);
  let now = [...first];
  for (let step = 0; step < mostCalls && now.some((chance) => chance > 1e-9); step++) {
    now.forEach((chance, agent) => (expected[agent] += chance));
    const before = now;
    now = next.map((_, to) => before.reduce((sum, chance, from) => sum + chance * next[from][to], 0));
  }
  const total = expected.reduce((sum, value) => sum + value, 0);
  return expected.map((value) => value / total);
}

/** Scaled to sum to 1. */
function given(chances: readonly number[]): number[] {
  const total = chances.reduce((sum, chance) => sum + chance, 0);
  return chances.map((chance) => (total > 0 ? chance / total : 0));
}

function mean({ median, spread }: Spread): number {
  return median * Math.exp((spread * spread) / 2);
}

/** P(the log-normal quantity is at most `value`). */
function reached({ median, spread }: Spread, value: number): number {
  if (value <= 0) return 0;
  if (spread === 0) return value >= median ? 1 : 0;
  return normalBelow(Math.log(value / median) / spread);
}

/** Where in a bin the mass lies: the median itself if it is there, else the middle. */
function within({ median }: Spread, from: number, to: number): number {
  return median > from && median < to ? median : (from + to) / 2;
}

/** The normal distribution's integral, to 1.5e-7 (Abramowitz and Stegun, 7.1.26). */
function normalBelow(deviations: number): number {
  const x = Math.abs(deviations) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const tail = t * Math.exp(-x * x) * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) / 2;
  return deviations > 0 ? 1 - tail : tail;
}
