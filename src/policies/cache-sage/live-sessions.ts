import type { Coordinate, Learner, LearnerSource, LiveSession, TenantId } from '../../core/index.ts';
import { RankedHeap } from './ranked-heap.ts';
import { SessionWorth } from './worth.ts';

/** Least idle time that the tolerance refers to. */
const LEAST_IDLE_MS = 500;
/** Beyond it the session that touched longest ago counts as ended. */
const SESSION_CAPACITY = 8192;
const LEARNER_CAPACITY = 1024;

/**
 * The sessions that use the cache: numbers for the table of members, their forecasts, and when each has to be made
 * anew. A forecast ages with the session's idle time: after another `tolerance` of it.
 */
export class LiveSessions {
  private readonly worths: (SessionWorth | undefined)[] = [];
  private readonly numbers = new Map<LiveSession, number>();
  private readonly free: number[] = [];
  private readonly due = new RankedHeap();
  /** Learners met so far, and how many endings of each have been seen to. */
  private readonly met = new Map<Learner, number>();
  private readonly learners: LearnerSource;
  private readonly tenant: TenantId;
  private readonly tolerance: number;

  constructor(learners: LearnerSource, tenant: TenantId, tolerance: number) {
    this.learners = learners;
    this.tenant = tenant;
    this.tolerance = tolerance;
  }

  get count(): number {
    return this.numbers.size;
  }

  /** The session's number, or -1 if the learner does not know it as live. `onNew` is called when it is met first. */
  numberOf(by: Coordinate, onNew: () => void): number {
    const learner = this.learners.of(this.tenant, by.workload);
    this.meet(learner);
    const live = learner.sessions.session(by.session);
    if (live === undefined || live.over) return -1;
    let number = this.numbers.get(live);
    if (number === undefined) {
      number = this.free.pop() ?? this.worths.length;
      this.worths[number] = new SessionWorth(live, learner.sessions);
      onNew();
    } else this.numbers.delete(live);
    this.numbers.set(live, number);
    return number;
  }

  worth(number: number): SessionWorth {
    const worth = this.worths[number];
    if (worth === undefined) throw new TypeError(`no session has the number ${number}`);
    return worth;
  }

  /** Numbers of sessions that have been found to be over; the caller drops what it keeps for each and calls `drop`. */
  ended(): readonly number[] {
    let changed = false;
    for (const [learner, seen] of this.met) {
      if (learner.sessions.endings === seen) continue;
      this.met.set(learner, learner.sessions.endings);
      changed = true;
    }
    const result: number[] = [];
    if (changed) for (const [live, number] of this.numbers) if (live.over) result.push(number);
    if (result.length === 0 && this.numbers.size > SESSION_CAPACITY) {
      const [oldest] = this.numbers.values();
      result.push(oldest);
    }
    return result;
  }
  drop(number: number): void {
    this.numbers.delete(this.worth(number).live);
    this.worths[number] = undefined;
    this.due.remove(number);
    this.free.push(number);
  }

  /** The session has moved: its forecast is due at once. */
  moved(number: number): void {
    this.due.set(number, -Infinity);
  }
  /** The next session whose forecast is due, or -1. */
  nextDue(nowMs: number): number {
    const number = this.due.top();
    return number >= 0 && this.due.keyOf(number) <= nowMs ? number : -1;
  }
  /** Makes the forecast anew and sets when it is due again. */
  forecast(number: number, nowMs: number): SessionWorth {
    const worth = this.worth(number);
    worth.forecast(nowMs);
    const idleMs = Math.max(LEAST_IDLE_MS, nowMs - worth.live.lastCallMs);
    this.due.set(number, nowMs + this.tolerance * idleMs);
    return worth;
  }
  /** All forecasts are due: after a look into the future, say. */
  allMoved(): void {
    for (const number of this.numbers.values()) this.moved(number);
  }
  all(): Iterable<number> {
    return this.numbers.values();
  }

  /** Learned tables of the workloads that were met. */
  learnedBytes(): number {
    let bytes = 0;
    for (const learner of this.met.keys()) bytes += learner.learnedBytes();
    return bytes;
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
