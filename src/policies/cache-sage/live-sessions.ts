import type { Coordinate, Learner, LearnerSource, LiveSession, SessionForecasts, TenantId } from '../../core/index.ts';
import { grownInt32 } from './growing.ts';
import { RankedHeap } from './ranked-heap.ts';
import { SessionWorth } from './worth.ts';

/** Least idle time that the tolerance refers to. */
const LEAST_IDLE_MS = 500;
/** Beyond it the session that touched longest ago counts as ended. */
const SESSION_CAPACITY = 8192;
const LEARNER_CAPACITY = 1024;
/** The tolerance widens by this factor per decision that leaves forecasts due, up to so much, and narrows by the other when none is left. */
const STRAIN = { up: 1.1, most: 16, down: 0.98 } as const;
/** Entry, its place in the map and in the free list: a V8 object of five fields, a hash table's entry, two array slots. */
const ENTRY_BYTES = 56 + 40 + 16;
const NONE = -1;

interface Entry {
  readonly live: LiveSession;
  readonly source: SessionForecasts;
}

/**
 * The sessions that use the cache: numbers for the table of members, and when the forecast of each has to be made
 * anew. A forecast ages with the session's idle time: after another `tolerance` of it. Where more fall due than are
 * made, all become a little staler instead of some very stale: the tolerance widens.
 */
export class LiveSessions {
  /** The forecast at hand, of the session that was looked at last. */
  readonly worth = new SessionWorth();
  private readonly entries: (Entry | undefined)[] = [];
  private readonly numbers = new Map<LiveSession, number>();
  /** How many forecasts of each have been acted on, by number. */
  private forecasts = new Int32Array(64);
  /** Neighbours in the order of the last touches, by number; and the ends of that order. */
  private earlier = new Int32Array(64);
  private later = new Int32Array(64);
  private oldest = NONE;
  private latest = NONE;
  private readonly free: number[] = [];
  private readonly due = new RankedHeap();
  /** Learners met so far, and how many endings of each have been seen to. */
  private readonly met = new Map<Learner, number>();
  private readonly learners: LearnerSource;
  private readonly tenant: TenantId;
  private readonly tolerance: number;
  private strain = 1;
  private readonly over: number[] = [];

  constructor(learners: LearnerSource, tenant: TenantId, tolerance: number) {
    this.learners = learners;
    this.tenant = tenant;
    this.tolerance = tolerance;
  }

  get count(): number {
    return this.numbers.size;
  }
  get bytes(): number {
    return this.entries.length * ENTRY_BYTES + this.forecasts.byteLength * 3 + this.due.bytes + this.worth.bytes + this.met.size * 40;
  }

  /** The session's number, or -1 if the learner does not know it as live. `onNew` is called when it is met first. */
  numberOf(by: Coordinate, onNew: () => void): number {
    const learner = this.learners.of(this.tenant, by.workload);
    this.meet(learner);
    const live = learner.sessions.session(by.session);
    if (live === undefined || live.over) return -1;
    let number = this.numbers.get(live);
    if (number === undefined) {
      number = this.free.pop() ?? this.entries.length;
      this.entries[number] = { live, source: learner.sessions };
      this.numbers.set(live, number);
      this.makeRoom(number + 1);
      this.forecasts[number] = 0;
      onNew();
    } else this.unlink(number);
    this.linkLatest(number);
    return number;
  }

  liveOf(number: number): LiveSession {
    return this.entry(number).live;
  }
  sourceOf(number: number): SessionForecasts {
    return this.entry(number).source;
  }
  forecastsOf(number: number): number {
    return this.forecasts[number];
  }

  /**
   * Numbers of sessions that have been found to be over; the caller drops what it keeps for each and calls `drop`.
   * Valid until the next call.
   */
  ended(): readonly number[] {
    const { over } = this;
    over.length = 0;
    for (const [learner, seen] of this.met) {
      const { endings } = learner.sessions;
      if (endings === seen) continue;
      this.met.set(learner, endings);
      for (let ordinal = seen + 1; ordinal <= endings; ordinal++) {
        const live = learner.sessions.ending(ordinal);
        if (live === undefined) {
          // Too many since we last looked.
          over.length = 0;
          for (const other of this.all()) if (this.entry(other).live.over) over.push(other);
          return over;
        }
        const number = live.over ? this.numbers.get(live) : undefined;
        if (number !== undefined && !over.includes(number)) over.push(number);
      }
    }
    if (over.length === 0 && this.numbers.size > SESSION_CAPACITY) over.push(this.oldest);
    return over;
  }
  drop(number: number): void {
    this.numbers.delete(this.entry(number).live);
    this.entries[number] = undefined;
    this.unlink(number);
    this.due.remove(number);
    this.free.push(number);
  }

  /** The session has moved: its forecast is due before all others. */
  moved(number: number): void {
    this.due.set(number, -Infinity);
  }
  dueAt(number: number, atMs: number): void {
    this.due.set(number, atMs);
  }
  /** The next session whose forecast is due, or -1. */
  nextDue(nowMs: number): number {
    const number = this.due.top();
    return number >= 0 && this.due.keyOf(number) <= nowMs ? number : -1;
  }
  /** Makes the session's forecast the one at hand, as things stand now. Returns whether it had to be made. */
  look(number: number, nowMs: number): boolean {
    const { live, source } = this.entry(number);
    return this.worth.forecast(live, source, nowMs);
  }
  /** What the session's earlier forecasts found no longer holds; the next one is due when one made now has aged. */
  renewed(number: number, nowMs: number): void {
    this.forecasts[number]++;
    const idleMs = Math.max(LEAST_IDLE_MS, nowMs - this.entry(number).live.lastCallMs);
    this.due.set(number, nowMs + this.tolerance * this.strain * idleMs);
  }
  /** A decision has made what forecasts it could: were any left due? */
  feelStrain(nowMs: number): void {
    this.strain = this.nextDue(nowMs) >= 0 ? Math.min(STRAIN.most, this.strain * STRAIN.up) : Math.max(1, this.strain * STRAIN.down);
  }
  /** The one that touched longest ago first. */
  * all(): Generator<number> {
    for (let number = this.oldest; number !== NONE; number = this.later[number]) yield number;
  }

  /** Learned tables of the workloads that were met. */
  learnedBytes(): number {
    let bytes = 0;
    for (const learner of this.met.keys()) bytes += learner.learnedBytes();
    return bytes;
  }

  private entry(number: number): Entry {
    const entry = this.entries[number];
    if (entry === undefined) throw new TypeError(`no session has the number ${number}`);
    return entry;
  }
  private makeRoom(length: number): void {
    this.forecasts = grownInt32(this.forecasts, length);
    this.earlier = grownInt32(this.earlier, length);
    this.later = grownInt32(this.later, length);
  }
  private linkLatest(number: number): void {
    this.earlier[number] = this.latest;
    this.later[number] = NONE;
    if (this.latest === NONE) this.oldest = number;
    else this.later[this.latest] = number;
    this.latest = number;
  }
  private unlink(number: number): void {
    const before = this.earlier[number];
    const after = this.later[number];
    if (before === NONE) this.oldest = after;
    else this.later[before] = after;
    if (after === NONE) this.latest = before;
    else this.earlier[after] = before;
  }
  private meet(learner: Learner): void {
    if (this.met.has(learner)) return;
    if (this.met.size >= LEARNER_CAPACITY) {
      const [oldest] = this.met.keys();
      this.met.delete(oldest);
    }
    this.met.set(learner, learner.sessions.endings);
  }
}
