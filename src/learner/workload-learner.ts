/**
 * The learner of one (tenant, workload): one model behind all policies. Events in, forecasts out; bounded whatever
 * the number of agents, sessions and tools. Our own warm-ups teach nothing.
 */
import type { AgentId, Event, Forecast, Learner, LiveSession, Query, RequestArrive, RequestEnd, SessionForecasts, SessionId, TouchKind } from '../core/index.ts';
import { OTHER_AGENTS } from './agent-table.ts';
import { CALLS_BEFORE_HORIZON, CALLS_IN_HORIZON, GapSums } from './gap-sums.ts';
import { hashText, mixHash } from './hash.ts';
import { LearnedTables } from './learned-tables.ts';
import { predict } from './predict.ts';
import { END_SIGNALS, type EndSignal } from './session-end.ts';
import { SessionRegistry } from './session-registry.ts';
import { GAP_FEATURES } from './session-rows.ts';
import { SessionState } from './session-state.ts';
import { TIME_BINS, addRest, timeBin } from './time-grid.ts';
import { OUTSIDE } from './transitions.ts';

const SESSION_CAPACITY = 4096;
/** The latest ends of sessions that are known by ordinal. */
const ENDINGS_KEPT = 64;
/** How many live sessions the expectation step looks at per call: all of a dozen within a few calls. */
const EXPECTATIONS_PER_CALL = 2;
/** Up to so many live sessions what each does can be told from what others do. */
const FEW_SESSIONS = 64;
/** A session silent for longer than this and than twice the longest gap is over. */
const LEAST_SILENCE_MS = 20_000;
/** An end signal that is right this often ends a session at once. */
const BELIEVED = 0.85;
/** Distributions of further calls are drawn anew after so many calls: often at first. */
const REDRAW = { early: 40, late: 200, earlyUntil: 400 } as const;

export class WorkloadLearner implements Learner, SessionForecasts {
  private tables = new LearnedTables();
  private readonly registry = new SessionRegistry(SESSION_CAPACITY);
  private readonly gapSums = new GapSums();
  private readonly scratch = new Float64Array(TIME_BINS);
  private readonly gapCells = new Int32Array(GAP_FEATURES);
  private arrivals = 0;
  private drawnAt = 0;
  private ends = 0;
  private readonly ended: SessionState[] = [];
  private draws = 0;

  get sessions(): SessionForecasts {
    return this;
  }

  observe(event: Event): void {
    switch (event.type) {
      case 'request-arrive':
        if (!event.warmup) this.arrive(event);
        break;
      case 'request-end':
        if (!event.warmup) this.callEnded(event);
        break;
      case 'session-end':
        this.signalEnd(event.by.session, event.reason);
        break;
      case 'tool-end':
        this.tables.tools.learnDuration(event.name, event.durationMs);
        if (event.argumentsHash !== undefined && event.resultHash !== undefined) {
          this.tables.tools.learnResult(event.by.session, event.name, event.argumentsHash, event.resultHash);
        }
        break;
      default:
    }
  }

  predict(query: Query): Forecast {
    return predict(query, { tables: this.tables, forecasts: this, sessionState: (id) => this.registry.get(id), alive: (session, nowMs) => this.alive(session, nowMs) });
  }

  snapshot(): Uint8Array {
    return this.tables.toBytes();
  }
  restore(bytes: Uint8Array): void {
    const tables = LearnedTables.fromBytes(bytes);
    for (const session of this.registry.allLive()) this.tables.ends.withdraw(session);
    this.tables = tables;
    this.beginRedraw();
    while (!this.gapSums.goOn());
    this.draws++;
  }
  learnedBytes(): number {
    return this.snapshot().length;
  }

  /** Working memory for sessions, remembered and live. */
  sessionBytes(): number {
    return this.registry.bytes;
  }

  // ---- events

  private arrive(event: RequestArrive): void {
    this.arrivals++;
    const { tables } = this;
    const agent = this.agentKey(event.by.agent);
    const slot = tables.agents.count(event.by.agent, (taken) => this.pool(taken));
    let session = this.registry.get(event.by.session);
    if (session === undefined) {
      session = this.registry.add(event.by.session, (forgotten) => this.forget(forgotten));
      tables.transitions.learn(OUTSIDE, slot);
      tables.succession.begins(event.atMs, this.registry.liveCount > FEW_SESSIONS, (other, odds) => 1 - this.alive(other, event.atMs, odds));
    } else {
      if (session.over) this.takeBack(session);
      else tables.ends.settle(session, false);
      if (session.endSignal >= 0) tables.ends.contradictSignal(session.endSignal);
      this.learnGaps(session, event.atMs);
      tables.transitions.learn(session.agentSlot, slot);
    }
    session.called(event.request, agent, slot, event.atMs);
    tables.gapsFromArrival.describeArrival(session, event.promptTokens);
    tables.ends.describeArrival(session);
    this.registry.refresh(session);
    tables.succession.called(session);
    if (event.final === true) this.signalEnd(session.id, 'final');
    this.expectation(event.atMs);
    if (this.arrivals - this.drawnAt >= (this.arrivals < REDRAW.earlyUntil ? REDRAW.early : REDRAW.late)) this.beginRedraw();
    if (this.gapSums.goOn()) this.draws++;
  }

  private callEnded(event: RequestEnd): void {
    const { tables } = this;
    tables.outputs.learn(tables.agents.slotOf(event.by.agent), event.outputTokens);
    const session = this.registry.get(event.by.session);
    // Of calls that run side by side only the last to arrive describes the session.
    if (session === undefined || !session.isLastCall(event.request) || session.over) return;
    const stopKey = hashText(event.stop ?? '');
    session.tool = event.tools.length > 0 ? hashText(event.tools[event.tools.length - 1]) : mixHash(stopKey, 1) || 1;
    session.callDurationMs = event.atMs - session.lastCallMs;
    tables.ends.withdraw(session);
    tables.gapsFromEnd.describeEnd(session, event.outputTokens);
    tables.ends.describeEnd(session, mixHash(event.tools.length > 0 ? 1 : 0, stopKey), event.outputTokens, hashText(event.outputHash ?? ''));
    session.revise();
  }

  private signalEnd(id: SessionId, reason: EndSignal): void {
    const session = this.registry.get(id);
    if (session === undefined || session.endSignal >= 0) return;
    const signal = END_SIGNALS.indexOf(reason);
    const { ends } = this.tables;
    const trusted = ends.trust(signal) >= BELIEVED;
    ends.countSignal(signal);
    if (!session.over && trusted) this.finish(session);
    session.endSignal = signal;
    session.revise();
  }

  // ---- the expectation step

  private expectation(nowMs: number): void {
    for (let looked = 0; looked < EXPECTATIONS_PER_CALL; looked++) {
      const session = this.registry.nextInTurn();
      if (session === undefined) return;
      const idleMs = nowMs - session.lastCallMs;
      if (idleMs <= 0) continue;
      if (idleMs > Math.max(LEAST_SILENCE_MS, 2 * this.tables.gapsFromArrival.longestMs)) this.finish(session);
      else this.tables.ends.expect(session, 1 - this.alive(session, nowMs));
    }
  }

  private finish(session: SessionState): void {
    this.tables.ends.settle(session, true);
    this.tables.transitions.learn(session.agentSlot, OUTSIDE);
    session.over = true;
    this.tables.succession.countEnd(1);
    session.revise();
    this.ended[this.ends++ % ENDINGS_KEPT] = session;
    this.registry.retire(session);
  }
  private takeBack(session: SessionState): void {
    this.tables.ends.takeBack(session);
    this.tables.transitions.unlearn(session.agentSlot, OUTSIDE);
    session.over = false;
    this.tables.succession.countEnd(-1);
  }
  /** Room was needed: a live session that has been silent longest counts as ended. */
  private forget(session: SessionState): void {
    if (!session.over) this.finish(session);
  }
  private pool(slot: number): void {
    this.tables.transitions.fold(slot, OTHER_AGENTS);
    this.tables.outputs.forget(slot);
    for (const session of this.registry.allLive()) if (session.agentSlot === slot) session.agentSlot = OTHER_AGENTS;
  }
  /** A call's worth of it is done with each of the next ones: all at once would take as long as ten calls. */
  private beginRedraw(): void {
    this.gapSums.begin(this.tables.gapsFromArrival.all);
    this.drawnAt = this.arrivals;
  }

  private learnGaps(session: SessionState, nowMs: number): void {
    const { gapsFromArrival, gapsFromEnd } = this.tables;
    const sinceArrivalMs = nowMs - session.lastCallMs;
    gapsFromArrival.learn(this.arrivalCells(session), sinceArrivalMs);
    if (session.callDurationMs >= 0) gapsFromEnd.learn(this.endCells(session), sinceArrivalMs - session.callDurationMs);
  }

  private arrivalCells(session: SessionState): Int32Array {
    for (let feature = 0; feature < GAP_FEATURES; feature++) this.gapCells[feature] = session.arrivalGapCell(feature);
    return this.gapCells;
  }
  private endCells(session: SessionState): Int32Array {
    for (let feature = 0; feature < GAP_FEATURES; feature++) this.gapCells[feature] = session.endGapCell(feature);
    return this.gapCells;
  }

  /** Silence of the session so far: since its last call ended, or, while that is running, since it arrived. */
  private silenceMs(session: SessionState, nowMs: number): number {
    return Math.max(0, nowMs - session.lastCallMs - Math.max(0, session.callDurationMs));
  }
  /** Writes the masses of the gap beyond the silence so far and returns their sum. */
  private remainingGap(session: SessionState, silenceMs: number, out: Float64Array): number {
    const { gapsFromArrival, gapsFromEnd } = this.tables;
    return session.callDurationMs < 0
      ? gapsFromArrival.remaining(this.arrivalCells(session), silenceMs, out)
      : gapsFromEnd.remaining(this.endCells(session), silenceMs, out);
  }

  /** P(the session calls again), by Bayes from how its last call looked and how long it has been silent. */
  private alive(session: SessionState, nowMs: number, odds = this.tables.succession.odds(session, nowMs)): number {
    if (session.over) return 0;
    // While the call is running its silence says nothing.
    const survival = session.callDurationMs < 0 ? 1 : this.remainingGap(session, this.silenceMs(session, nowMs), this.scratch);
    return this.aliveGiven(session, survival, odds);
  }
  /** @param survival P(gap > silence); while the call is running its silence says nothing about the end */
  private aliveGiven(session: SessionState, survival: number, odds: number): number {
    const end = this.tables.ends.probability(session);
    const ended = end * odds;
    const returning = (1 - end) * (session.callDurationMs < 0 ? 1 : survival);
    return returning / (returning + ended);
  }

  // ---- SessionForecasts

  readonly horizons = CALLS_IN_HORIZON.length;
  get endings(): number {
    return this.ends;
  }
  ending(ordinal: number): SessionState | undefined {
    return ordinal > this.ends - ENDINGS_KEPT && ordinal <= this.ends ? this.ended[(ordinal - 1) % ENDINGS_KEPT] : undefined;
  }
  get epoch(): number {
    return this.draws;
  }
  get endRate(): number {
    return this.tables.ends.rate();
  }
  session(id: SessionId): SessionState | undefined {
    return this.registry.get(id);
  }
  agentKey(agent: AgentId): number {
    return hashText(agent) >>> 1 || 1;
  }
  agentCalls(session: LiveSession, agentKey: number): number {
    return stateOf(session).agentCalls(agentKey);
  }
  agentCallsSince(session: LiveSession, agentKey: number, nth: number): number {
    return stateOf(session).agentCallsSince(agentKey, nth);
  }
  callsInHorizon(horizon: number): number {
    return CALLS_IN_HORIZON[horizon];
  }

  nextCall(live: LiveSession, nowMs: number, out: Float64Array): void {
    const session = stateOf(live);
    const idleMs = this.silenceMs(session, nowMs);
    const raw = this.scratch;
    const survival = this.remainingGap(session, idleMs, raw);
    out.fill(0);
    if (session.over || survival <= 0) return;
    const scale = this.aliveGiven(session, survival, this.tables.succession.odds(session, nowMs)) / survival;
    addRest(out, raw, timeBin(idleMs), idleMs, scale);
  }
  laterCall(next: Float64Array, horizon: number, out: Float64Array): void {
    this.gapSums.later(next, horizon, out);
  }

  touchChances(live: LiveSession, kind: TouchKind, agentKey: number, step: number, nth: number, out: Float64Array): void {
    const session = stateOf(live);
    this.tables.touches.chances(kind, agentKey, session.calls - 1 - step, session.agentCallsSince(agentKey, nth), session.agent, session.tool, CALLS_BEFORE_HORIZON, out);
  }
  /** Compares with the session as it was before the call that has just arrived. */
  tallyTouch(live: LiveSession, kind: TouchKind, agentKey: number, step: number, nth: number, touched: number, size: number): void {
    const session = stateOf(live);
    const agentCallsSince = session.agentCallsSince(agentKey, nth) - (session.agent === agentKey ? 1 : 0);
    this.tables.touches.tally(kind, agentKey, session.calls - 2 - step, agentCallsSince, session.previousAgent, session.previousTool, touched, size);
  }
  learnTouches(): void {
    this.tables.touches.learnTallies();
  }
}

/** Handles are made here and nowhere else, so that the check is one for programming mistakes. */
function stateOf(session: LiveSession): SessionState {
  if (!(session instanceof SessionState)) throw new TypeError('the session handle comes from another learner');
  return session;
}
