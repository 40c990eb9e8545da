/**
 * Does a new session take the place of one that has ended? Where a pool of workers runs one task after another
 * (an evaluation, a batch, a person with one window) a session begins soon after another's last call: a beginning
 * tells who has ended, and none tells who has not. Each beginning has a cause, one of the others' ends or none of them:
 *
 *   intensity of i = P(i has ended) · c·g(a_i) / (f_i + 1 − c·G(a_i)),   r_i = intensity of i / (λ₀ + Σ intensities)
 *
 * with a_i the time since i's last call (or since that call's end: both are tried, each for what it explains), c the share
 * of ends that are followed, g and G the density of delays and its integral, λ₀ the rate of beginnings with no cause. All are
 * learned from the r_i (EM, one step per beginning), so where sessions begin by themselves nothing is concluded.
 * A session's odds of having ended are then worth f_i + 1 − c·G(a_i) times as much, f_i = Σ over beginnings since its
 * last call of c·g(a_i) / (what else may have caused them).
 */
import { DelayDensity } from './delay-density.ts';
import type { SessionState } from './session-state.ts';
import type { TableReader, TableWriter } from './table-codec.ts';

/** [ends that were followed, ends] before anything is seen, per clock. */
const PRIOR = { followed: 0.5, ended: 2 } as const;
/** Share of the past that one more beginning leaves. */
const MEMORY = 0.995;
/** The latest calls whose sessions can be followed. Among many live sessions fewer are looked at: any of hundreds may be the cause, and little is learned from each. */
const CANDIDATES = 32;
const CANDIDATES_OF_MANY = 4;
const MOST_FOLLOWED = 0.98;
const MOST_ODDS = 1e6;
/** Forecasts are made anew at once where the odds have grown by more than this. */
const NOTEWORTHY = 0.1;
/** Against the rate of beginnings with no cause. */
const NEGLIGIBLE = 0.01;
/** Delays count since the last call's arrival, or since its end. */
const CLOCKS = 2;

export class Succession {
  private readonly densities = Array.from({ length: CLOCKS }, () => new DelayDensity());
  /** Ends that were followed, per clock; and ends. */
  private readonly followed = new Float64Array(CLOCKS);
  private ended = 0;
  /** P(an end is followed by the delays of this clock). */
  private readonly shares = new Float64Array(CLOCKS);
  private uncaused = 1;
  private elapsedMs = 1000;
  private lastMs = -1;
  private readonly latest: (SessionState | undefined)[] = Array.from({ length: CANDIDATES }, () => undefined);
  private readonly callOf = new Int32Array(CANDIDATES);
  private place = 0;
  private readonly intensity = new Float64Array(CANDIDATES);
  /** Of each candidate by each clock, as of the beginning that is looked at. */
  private readonly densityOf = new Float64Array(CANDIDATES * CLOCKS);

  constructor() {
    this.shareOut();
  }

  called(session: SessionState): void {
    session.followed = 0;
    this.latest[this.place] = session;
    this.callOf[this.place] = session.calls;
    this.place = (this.place + 1) % CANDIDATES;
  }
  /** An end has been settled (1), or taken back (-1). */
  countEnd(by: 1 | -1): void {
    this.ended = Math.max(0, this.ended + by);
    this.shareOut();
  }

  /**
   * A session begins.
   * @param many whether many sessions are live
   * @param endedChance P(the session has ended), by all that is known, given its odds
   */
  begins(nowMs: number, many: boolean, endedChance: (session: SessionState, odds: number) => number): void {
    const { intensity, densityOf } = this;
    const passed = many ? CANDIDATES - CANDIDATES_OF_MANY : 0;
    if (this.lastMs >= 0) this.elapsedMs = this.elapsedMs * MEMORY + (nowMs - this.lastMs);
    this.lastMs = nowMs;
    const uncaused = this.uncaused / (this.elapsedMs / 1000);
    let total = uncaused;
    for (let place = 0; place < CANDIDATES; place++) {
      // Places go round: the next one to be written is that of the oldest call.
      const age = (place - this.place + CANDIDATES) % CANDIDATES;
      const session = this.latest[place];
      intensity[place] = 0;
      if (age < passed || session === undefined || session.calls !== this.callOf[place]) continue;
      let density = 0;
      for (let clock = 0; clock < CLOCKS; clock++) density += densityOf[place * CLOCKS + clock] = this.densityBy(clock, session, nowMs);
      if (density < NEGLIGIBLE * uncaused) continue;
      const odds = this.odds(session, nowMs);
      intensity[place] = (endedChance(session, odds) * density) / odds;
      total += intensity[place];
    }
    let caused = 0;
    for (const density of this.densities) density.fade(MEMORY);
    for (let clock = 0; clock < CLOCKS; clock++) this.followed[clock] *= MEMORY;
    for (let place = 0; place < CANDIDATES; place++) {
      const session = this.latest[place];
      if (session === undefined || intensity[place] === 0) continue;
      const because = intensity[place] / total;
      let density = 0;
      for (let clock = 0; clock < CLOCKS; clock++) density += densityOf[place * CLOCKS + clock];
      caused += because;
      for (let clock = 0; clock < CLOCKS; clock++) {
        const part = (because * densityOf[place * CLOCKS + clock]) / density;
        if (part === 0) continue;
        this.followed[clock] += part;
        this.densities[clock].add(delayMs(clock, session, nowMs), part);
      }
      const gained = density / (total - intensity[place]);
      session.followed = Math.min(MOST_ODDS, session.followed + gained);
      if (gained > NOTEWORTHY) session.revise();
    }
    this.ended *= MEMORY;
    this.uncaused = this.uncaused * MEMORY + 1 - caused;
    this.shareOut();
  }

  /** How much likelier the beginnings since its last call are if the session has ended than if it has not. */
  odds(session: SessionState, nowMs: number): number {
    let odds = session.followed + 1;
    for (let clock = 0; clock < CLOCKS; clock++) {
      if (isRunning(clock, session)) continue;
      odds -= this.shares[clock] * this.densities[clock].reached(delayMs(clock, session, nowMs));
    }
    return odds;
  }

  save(writer: TableWriter): void {
    for (const density of this.densities) density.save(writer);
    writer.numbers([...this.followed, this.ended, this.uncaused, this.elapsedMs], 'f32');
  }
  load(reader: TableReader): void {
    for (const density of this.densities) density.load(reader);
    const totals = new Float64Array(CLOCKS + 3);
    reader.numbers(totals, 'f32');
    this.followed.set(totals.subarray(0, CLOCKS));
    [this.ended, this.uncaused, this.elapsedMs] = totals.subarray(CLOCKS);
    this.shareOut();
  }

  private shareOut(): void {
    let all = 0;
    for (let clock = 0; clock < CLOCKS; clock++) all += this.followed[clock];
    for (let clock = 0; clock < CLOCKS; clock++) this.shares[clock] = (MOST_FOLLOWED * (this.followed[clock] + PRIOR.followed)) / (Math.max(all, this.ended) + PRIOR.ended);
  }
  private densityBy(clock: number, session: SessionState, nowMs: number): number {
    if (isRunning(clock, session)) return 0;
    const ms = delayMs(clock, session, nowMs);
    return ms > 0 ? this.shares[clock] * this.densities[clock].at(ms) : 0;
  }
}

function isRunning(clock: number, session: SessionState): boolean {
  return clock === 1 && session.callDurationMs < 0;
}
function delayMs(clock: number, session: SessionState, nowMs: number): number {
  return nowMs - session.lastCallMs - (clock === 1 ? session.callDurationMs : 0);
}
