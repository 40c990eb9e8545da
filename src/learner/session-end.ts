/**
 * Was that the session's last call? A logistic mix of count tables, four of them known as soon as the call arrives:
 *
 *   logit e = l₀ + Σ_f W_f (logit p_f − l₀),   W_f learned online by the gradient of the log-likelihood
 *
 * Nobody says when a session ends, so idle sessions count as ended by their posterior (the expectation step of EM):
 * each live session adds its expected end to the counts, leaves itself out when it is judged, and is settled for good
 * when it calls again or has been idle for too long. A session that returns after that is taken back.
 */
import { hashText, lengthBucket, mixHash } from './hash.ts';
import { END_FEATURES } from './session-rows.ts';
import type { SessionState } from './session-state.ts';
import type { TableReader, TableWriter } from './table-codec.ts';

const CELLS = 1024;
const PRIOR_WEIGHT = 2;
const START_WEIGHT = 0.35;
const LEARNING_RATE = 0.02;
const COUNTER_LIMIT = 250;
/** Far beyond what learning reaches. */
const WEIGHT_LIMIT = 1000;
const LEAST = 0.0005;
const MOST = 0.995;

/** Who may say that a session has ended. What each is worth is learned from the sessions that came back all the same. */
export const END_SIGNALS = ['explicit', 'closed', 'idle', 'final'] as const;
export type EndSignal = (typeof END_SIGNALS)[number];
/** [ends that held, ends] before anything is seen: a guess from idleness is believed less than a client's word. */
const SIGNAL_PRIOR: Readonly<Record<EndSignal, readonly [number, number]>> = { explicit: [19, 20], closed: [19, 20], idle: [6, 10], final: [19, 20] };
const SIGNAL_LIMIT = 1000;

const AT_ARRIVAL = [0, 3, 8, 9];
const SALT = ['agent', 'agent+stop', 'tool', 'step', 'agent+stop+step', 'agent+stop+output', 'agent+previous+stop', 'answer', 'agent+previous tool', 'agent+previous+step'].map(hashText);

export class EndModel {
  private readonly ended = new Uint8Array(CELLS);
  private readonly seen = new Uint8Array(CELLS);
  /** What live sessions add by expectation. Working memory: not part of a snapshot. */
  private readonly expectedEnded = new Float64Array(CELLS);
  private readonly expectedSeen = new Float64Array(CELLS);
  private readonly weights = new Float64Array(END_FEATURES).fill(START_WEIGHT);
  private endedTotal = 0.5;
  private seenTotal = 10;
  private expectedEndedTotal = 0;
  private expectedSeenTotal = 0;
  private readonly signalHeld = Float64Array.from(END_SIGNALS, (signal) => SIGNAL_PRIOR[signal][0]);
  private readonly signalSeen = Float64Array.from(END_SIGNALS, (signal) => SIGNAL_PRIOR[signal][1]);

  describeArrival(session: SessionState): void {
    const step = stepBucket(session.calls - 1);
    session.setEndCell(0, mixHash(SALT[0], session.agent) % CELLS);
    session.setEndCell(3, mixHash(SALT[3], step) % CELLS);
    session.setEndCell(8, mixHash(SALT[8], session.agent, session.previousTool) % CELLS);
    session.setEndCell(9, mixHash(SALT[9], session.agent, session.previousAgent, step) % CELLS);
    session.endMask = AT_ARRIVAL.reduce((mask, feature) => mask | (1 << feature), 0);
    session.endProbability = -1;
  }
  /** @param stop has the answer tool calls, and why did it end: one key */
  describeEnd(session: SessionState, stop: number, outputTokens: number, answer: number): void {
    const step = stepBucket(session.calls - 1);
    session.setEndCell(1, mixHash(SALT[1], session.agent, stop) % CELLS);
    session.setEndCell(2, mixHash(SALT[2], session.tool) % CELLS);
    session.setEndCell(4, mixHash(SALT[4], session.agent, stop, step) % CELLS);
    session.setEndCell(5, mixHash(SALT[5], session.agent, stop, lengthBucket(outputTokens)) % CELLS);
    session.setEndCell(6, mixHash(SALT[6], session.agent, session.previousAgent, stop) % CELLS);
    session.setEndCell(7, mixHash(SALT[7], answer) % CELLS);
    session.endMask = (1 << END_FEATURES) - 1;
    session.endProbability = -1;
  }

  /** Share of calls that are their session's last. */
  rate(): number {
    return (this.endedTotal + this.expectedEndedTotal) / (this.seenTotal + this.expectedSeenTotal);
  }

  /** P(the last call was the session's last), before its idle time is looked at. */
  probability(session: SessionState): number {
    const base = this.rate();
    const baseLogit = logit(base);
    const own = session.expectedEnd >= 0 ? session.expectedEnd : 0;
    const ownSeen = session.expectedEnd >= 0 ? 1 : 0;
    const mask = session.endMask;
    let sum = baseLogit;
    for (let feature = 0; feature < END_FEATURES; feature++) {
      session.setEndEvidence(feature, 0);
      if ((mask & (1 << feature)) === 0) continue;
      const cell = session.endCell(feature);
      const seen = this.seen[cell] + this.expectedSeen[cell] - ownSeen;
      if (seen <= 1e-9) continue;
      const ended = Math.max(0, this.ended[cell] + this.expectedEnded[cell] - own);
      const chance = (ended + PRIOR_WEIGHT * base) / (seen + PRIOR_WEIGHT);
      const evidence = logit(Math.min(0.999, Math.max(0.001, chance))) - baseLogit;
      session.setEndEvidence(feature, evidence);
      sum += this.weights[feature] * evidence;
    }
    // A signal that is right no more often than any call is the last says nothing.
    if (session.endSignal >= 0) sum += logit(Math.min(MOST, Math.max(LEAST, this.trust(session.endSignal)))) - baseLogit;
    session.endProbability = Math.min(MOST, Math.max(LEAST, 1 / (1 + Math.exp(-sum))));
    return session.endProbability;
  }

  /** Counts the session as ended by `posterior` until it is counted anew or withdrawn. */
  expect(session: SessionState, posterior: number): void {
    this.withdraw(session);
    session.expectedEnd = posterior;
    this.addExpected(session, 1);
  }
  withdraw(session: SessionState): void {
    if (session.expectedEnd < 0) return;
    this.addExpected(session, -1);
    session.expectedEnd = -1;
  }

  /** The truth has come: the last call was the last (true), or another has followed. */
  settle(session: SessionState, ended: boolean): void {
    this.withdraw(session);
    if (session.endSignal < 0) {
      if (session.endProbability < 0) this.probability(session);
      const error = (ended ? 1 : 0) - session.endProbability;
      for (let feature = 0; feature < END_FEATURES; feature++) {
        this.weights[feature] += LEARNING_RATE * error * session.endEvidence(feature);
      }
    }
    for (let feature = 0; feature < END_FEATURES; feature++) {
      if ((session.endMask & (1 << feature)) === 0) continue;
      const cell = session.endCell(feature);
      if (this.seen[cell] >= COUNTER_LIMIT) {
        this.seen[cell] >>= 1;
        this.ended[cell] >>= 1;
      }
      this.seen[cell]++;
      if (ended) this.ended[cell]++;
    }
    this.seenTotal++;
    if (ended) this.endedTotal++;
  }

  /** A session that was settled as ended has come back. */
  takeBack(session: SessionState): void {
    for (let feature = 0; feature < END_FEATURES; feature++) {
      if ((session.endMask & (1 << feature)) === 0) continue;
      const cell = session.endCell(feature);
      if (this.ended[cell] > 0) this.ended[cell]--;
      if (this.seen[cell] > this.ended[cell]) this.seen[cell]--;
    }
    this.endedTotal = Math.max(0.5, this.endedTotal - 1);
    this.seenTotal = Math.max(10, this.seenTotal - 1);
  }

  /** A signal has said that the session ended. */
  countSignal(signal: number): void {
    if (this.signalSeen[signal] >= SIGNAL_LIMIT) {
      this.signalSeen[signal] /= 2;
      this.signalHeld[signal] /= 2;
    }
    this.signalSeen[signal]++;
    this.signalHeld[signal]++;
  }
  /** It was wrong: the session has called again. */
  contradictSignal(signal: number): void {
    this.signalHeld[signal] = Math.max(0, this.signalHeld[signal] - 1);
  }
  trust(signal: number): number {
    return this.signalHeld[signal] / this.signalSeen[signal];
  }

  save(writer: TableWriter): void {
    writer.bytes(this.ended);
    writer.bytes(this.seen);
    writer.numbers(this.weights, 'f32');
    writer.numbers([this.endedTotal, this.seenTotal, ...this.signalHeld, ...this.signalSeen], 'f32');
  }
  load(reader: TableReader): void {
    reader.bytes(this.ended);
    reader.bytes(this.seen);
    reader.demand(this.ended.every((count, cell) => count <= this.seen[cell]), 'more sessions have ended in some way than calls were seen');
    reader.numbers(this.weights, 'f32', { least: -WEIGHT_LIMIT, most: WEIGHT_LIMIT });
    const totals = new Float64Array(2 + 2 * END_SIGNALS.length);
    reader.numbers(totals, 'f32', { least: 0 });
    [this.endedTotal, this.seenTotal] = totals;
    reader.demand(this.endedTotal > 0 && this.endedTotal < this.seenTotal, 'more sessions have ended than calls were seen');
    this.signalHeld.set(totals.subarray(2, 2 + END_SIGNALS.length));
    this.signalSeen.set(totals.subarray(2 + END_SIGNALS.length));
    reader.demand(this.signalHeld.every((held, signal) => held <= this.signalSeen[signal] && this.signalSeen[signal] > 0), 'more ends have held than were told');
  }

  private addExpected(session: SessionState, sign: 1 | -1): void {
    const ended = sign * session.expectedEnd;
    for (let feature = 0; feature < END_FEATURES; feature++) {
      if ((session.endMask & (1 << feature)) === 0) continue;
      const cell = session.endCell(feature);
      this.expectedEnded[cell] += ended;
      this.expectedSeen[cell] += sign;
    }
    this.expectedEndedTotal += ended;
    this.expectedSeenTotal += sign;
  }
}

function logit(probability: number): number {
  return Math.log(probability / (1 - probability));
}

function stepBucket(step: number): number {
  if (step < 6) return step;
  if (step < 9) return 6;
  if (step < 14) return 7;
  if (step < 22) return 8;
  return step < 40 ? 9 : 10;
}
