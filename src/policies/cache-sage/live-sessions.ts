import type { Coordinate, Learner, LearnerSource, LiveSession, SessionForecasts, TenantId } from '../../core/index.ts';
import { NumberTable, RecencyOrder, hashText } from '../../learner/index.ts';
import { grownInt32, grownUint16 } from '../../core/growing.ts';
import { RankedHeap } from './ranked-heap.ts';
import { SessionWorth } from './worth.ts';

/** Least idle time that the tolerance refers to. */
const LEAST_IDLE_MS = 500;
/** Beyond it the session that touched longest ago counts as ended. */
const SESSION_CAPACITY = 8192;
const LEARNER_CAPACITY = 1024;
/** From so many on the learners stand in the order of their latest use. */
const ORDERED_FROM = 768;
/** In a Map, and what it takes itself. */
const MET_BYTES = 80;
/** The tolerance widens by this factor per decision that leaves forecasts due, up to so much, and narrows by the other when none is left. */
const STRAIN = { up: 1.1, most: 16, down: 0.98 } as const;
/** A place in an array. */
const HANDLE_BYTES = 8;

/** A learner's number, and how many endings of its sessions have been seen to. */
interface Met {
  readonly source: number;
  seen: number;
}

/**
 * The sessions that use the cache: numbers for the table of members, and when the forecast of each has to be made
 * anew. A forecast ages with the session's idle time: after another `tolerance` of it. Where more fall due than are
 * made, all become a little staler instead of some very stale: the tolerance widens.
 */
export class LiveSessions {
  /** The forecast at hand, of the session that was looked at last. */
  readonly worth = new SessionWorth();
  /** By number, from 1. */
  private readonly lives: (LiveSession | undefined)[] = [undefined];
  /** Which of the learners knows it. */
  private sourceOfNumber = new Uint16Array(64);
  private readonly numbers = new NumberTable<LiveSession | undefined>((number) => this.lives[number], (live) => (live === undefined ? 0 : hashText(live.id)));
  /** How many forecasts of each have been acted on, by number. */
  private forecasts = new Int32Array(64);
  /** The last call of each that has been taught (modulo 65,536), by number. */
  private taught = new Uint16Array(64);
  private readonly order = new RecencyOrder();
  private readonly free: number[] = [];
  private readonly due = new RankedHeap(false);
  /** Learners met so far, the one used longest ago first where they are many, and their sessions by their own numbers. */
  private readonly met = new Map<Learner, Met>();
  private readonly sources: SessionForecasts[] = [];
  private readonly freeSources: number[] = [];
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
    return this.lives.length * HANDLE_BYTES + this.numbers.bytes + this.order.bytes + this.forecasts.byteLength + this.taught.byteLength + this.sourceOfNumber.byteLength + this.free.length * 8 + this.due.bytes + this.worth.bytes + this.met.size * MET_BYTES;
  }

  isLive(by: Coordinate): boolean {
    return this.learners.of(this.tenant, by.workload).sessions.session(by.session)?.over === false;
  }

  /** The session's number, or -1 if the learner does not know it as live. `onNew` is called when it is met first. */
  numberOf(by: Coordinate, onNew: () => void): number {
    const learner = this.learners.of(this.tenant, by.workload);
    const { source } = this.meet(learner);
    const live = learner.sessions.session(by.session);
    if (live === undefined || live.over) return -1;
    const known = this.numbers.numberOf(live);
    if (known > 0) {
      this.order.touch(known);
      return known;
    }
    const number = this.free.pop() ?? this.lives.length;
    this.lives[number] = live;
    this.numbers.add(number);
    this.order.add(number);
    this.sourceOfNumber = grownUint16(this.sourceOfNumber, number + 1);
    this.sourceOfNumber[number] = source;
    this.forecasts = grownInt32(this.forecasts, number + 1);
    this.taught = grownUint16(this.taught, number + 1);
    this.forecasts[number] = this.taught[number] = 0;
    onNew();
    return number;
  }

  liveOf(number: number): LiveSession {
    const live = this.lives[number];
    if (live === undefined) throw new TypeError(`no session has the number ${number}`);
    return live;
  }
  sourceOf(number: number): SessionForecasts {
    return this.sources[this.sourceOfNumber[number]];
  }
  /** Whether the session's latest call is to be taught: it is asked once per call. */
  takeLesson(number: number): boolean {
    const call = this.liveOf(number).calls & 0xffff;
    if (this.taught[number] === call) return false;
    this.taught[number] = call;
    return true;
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
    if (over.length > 0) over.length = 0;
    for (const [learner, met] of this.met) {
      const { endings } = learner.sessions;
      const { seen } = met;
      if (endings === seen) continue;
      met.seen = endings;
      for (let ordinal = seen + 1; ordinal <= endings; ordinal++) {
        const live = learner.sessions.ending(ordinal);
        if (live === undefined) {
          // Too many since we last looked.
          over.length = 0;
          for (const other of this.all()) if (this.liveOf(other).over) over.push(other);
          return over;
        }
        const number = live.over ? this.numbers.numberOf(live) : 0;
        if (number > 0 && !over.includes(number)) over.push(number);
      }
    }
    if (this.met.size > LEARNER_CAPACITY) this.part(over);
    if (over.length === 0 && this.numbers.size > SESSION_CAPACITY) over.push(this.order.oldest);
    return over;
  }
  drop(number: number): void {
    this.numbers.remove(this.liveOf(number));
    this.lives[number] = undefined;
    this.order.remove(number);
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
    return this.worth.forecast(this.liveOf(number), this.sourceOf(number), nowMs);
  }
  /** What the session's earlier forecasts found no longer holds; the next one is due when one made now has aged. */
  renewed(number: number, nowMs: number): void {
    this.forecasts[number]++;
    const idleMs = Math.max(LEAST_IDLE_MS, nowMs - this.liveOf(number).lastCallMs);
    this.due.set(number, nowMs + this.tolerance * this.strain * idleMs);
  }
  /** A decision has made what forecasts it could: were any left due? */
  feelStrain(nowMs: number): void {
    this.strain = this.nextDue(nowMs) >= 0 ? Math.min(STRAIN.most, this.strain * STRAIN.up) : Math.max(1, this.strain * STRAIN.down);
  }
  /** Whether a session has this number: one that had it may have ended. */
  isKnown(number: number): boolean {
    return this.lives[number] !== undefined;
  }
  /** The one that touched longest ago first. */
  all(): Iterable<number> {
    return this.order.oldestFirst();
  }

  /** Learned tables of the workloads that were met. */
  learnedBytes(): number {
    let bytes = 0;
    for (const learner of this.met.keys()) bytes += learner.learnedBytes();
    return bytes;
  }

  private meet(learner: Learner): Met {
    let met = this.met.get(learner);
    if (met === undefined) {
      met = { source: this.freeSources.pop() ?? this.sources.length, seen: learner.sessions.endings };
      this.sources[met.source] = learner.sessions;
      this.met.set(learner, met);
    } else if (this.met.size >= ORDERED_FROM) {
      this.met.delete(learner);
      this.met.set(learner, met);
    }
    return met;
  }
  /** The learner that was used longest ago makes room: its sessions go with it. */
  private part(over: number[]): void {
    const [[learner, { source }]] = this.met;
    this.met.delete(learner);
    this.freeSources.push(source);
    for (const number of this.all()) if (this.sourceOfNumber[number] === source && !over.includes(number)) over.push(number);
  }
}
