/**
 * Keeps the order of groups fresh at a bounded price per decision. Forecasts that fall due together are not made
 * together: each decision does a fixed amount of work on them, the sessions that moved first, and leaves the rest to
 * the next one. A session whose groups are more than that is worked off in parts. Only groups at the brink, which can
 * be evicted next, are valued; the others when they get there.
 */
import type { Frontier } from './frontier.ts';
import type { GroupValues } from './group-values.ts';
import type { Guard } from './guard.ts';
import type { LiveSessions } from './live-sessions.ts';
import type { PrefixTree } from './prefix-tree.ts';

/** Costs in units of a step along a session's list, about 40 ns with what it brings with it: making a forecast, finding a worth and ranking by it, giving up a group. */
const WORK = { renewal: 10, forecast: 80, worth: 60, step: 1, group: 25 } as const;
/** Of few sessions each one's worth decides much, and all can be valued; of many what goes is one among many alike. */
const FEW_SESSIONS = 64;
const WORK_PER_DECISION = { few: 6000, many: 300 } as const;
/**
 * Groups that a decision among many sessions gives up, here or in the ghosts, at no expense of the next one's forecasts. When a cache has just
 * become full they are five times as many, one small group of a dead session after the other.
 */
const USUAL_GROUPS = 6;
const LEAST_WORK = 80;
/** For the groups that a call's session used before it. Those of the call itself are always valued; among many sessions, where they are at the brink. */
const WORK_PER_CALL = { few: 1000, many: 150 } as const;
/**
 * Among many sessions, what is worth so many times more than what went last is valued by every so many-th forecast of its session: it will
 * not go soon, whatever the forecasts between would say.
 */
const FAR = [{ times: 16, every: 8 }, { times: 8, every: 4 }, { times: 4, every: 2 }] as const;
/** Forecasts for what has come to the brink, in a decision and while a call is being observed. Among many sessions what a call brings there is mostly its own, valued at its end. */
const CATCH_UPS = { deciding: { few: 24, many: 3 }, observing: { few: 24, many: 1 } } as const;
/** Groups at the brink that are valued anew in turn per decision, whatever the reason they may have changed for. */
const LOOKS_PER_DECISION = { few: 4, many: 2 } as const;

export interface Renewed {
  readonly tree: PrefixTree;
  readonly sessions: LiveSessions;
  readonly values: GroupValues;
  readonly real: Frontier;
  readonly guard: Guard | undefined;
}

export class Renewals {
  private readonly of: Renewed;
  /** Everything is valued anew, whenever it is asked for: slow, to measure by. */
  private readonly all: boolean;
  private looked = 0;
  private catchUps = 0;
  private valuedLater = Infinity;
  /** Work by which the decision before this one was longer than usual. */
  private owed = 0;

  constructor(of: Renewed, all: boolean) {
    this.of = of;
    this.all = all;
  }

  /**
   * A touch by a call, or a decision, begins.
   * @param ordinal of a touch that another one of the same call follows: among many sessions what it uses is valued then
   */
  begin(what: keyof typeof CATCH_UPS, ordinal = Infinity): void {
    this.valuedLater = ordinal;
    this.catchUps = this.all ? Infinity : this.owed > 0 && !this.areFew ? CATCH_UPS.observing.many : this.boundOf(CATCH_UPS[what]);
  }

  /** What an ended session kept up falls to what the others give. */
  dropEnded(): void {
    const { sessions, values, tree: { members } } = this.of;
    for (const session of sessions.ended()) {
      values.renew();
      for (let member = members.firstOf(session); member >= 0; member = members.firstOf(session)) {
        const group = members.group[member];
        members.remove(member);
        this.rankAnew(group);
      }
      sessions.drop(session);
    }
  }

  /** The session's call has ended: what it used is worth something else now. */
  callEnded(session: number, nowMs: number): void {
    const { sessions, values, tree: { members } } = this.of;
    values.renew();
    sessions.renewed(session, nowMs);
    sessions.look(session, nowMs);
    const latest = sessions.liveOf(session).calls - 1;
    const { areFew } = this;
    const most = this.boundOf(WORK_PER_CALL);
    let work = 0;
    // The latest use comes first in the list, and its worth changes most from call to call.
    let member = members.firstOf(session);
    for (; member >= 0 && (work < most || members.step[member] === latest); member = members.nextInSession[member]) {
      work += WORK.step;
      if (!(areFew && members.step[member] === latest) && !this.isAtBrink(members.group[member])) continue;
      this.revalue(member);
      work += WORK.worth;
    }
    if (member < 0) {
      members.pause(session, -1);
      return;
    }
    // A session with more groups than that goes round the rest, whatever it does meanwhile.
    if (!members.isUnderWay(session)) members.pause(session, member);
    sessions.dueAt(session, nowMs);
  }

  /** Before ghosts are trimmed: sessions that have moved and not been seen to since. */
  afterMoves(nowMs: number): void {
    if (this.all) this.renewAll(nowMs);
    else this.renewDue(-Infinity, nowMs);
  }

  /** Before a decision. */
  beforeDecision(nowMs: number): void {
    if (this.all) {
      this.renewAll(nowMs);
      return;
    }
    this.renewDue(nowMs, nowMs, this.areFew ? 0 : this.owed);
    this.of.sessions.feelStrain(nowMs);
    this.lookAround(nowMs);
  }

  /** A decision has given up so many groups, or parts of them. */
  decided(groups: number): void {
    this.owed = WORK.group * Math.max(0, groups - USUAL_GROUPS);
  }

  /** A group has come to the brink of one of the caches. */
  catchUp(group: number, nowMs: number): void {
    if (this.catchUps <= 0 || (!this.areFew && this.of.tree.groups.usedAt[group] === this.valuedLater)) return;
    this.catchUps -= this.of.values.catchUp(group, nowMs, this.catchUps);
  }

  private renewDue(dueMs: number, nowMs: number, owed = 0): void {
    const { sessions, values, tree: { members } } = this.of;
    const most = Math.max(LEAST_WORK, this.boundOf(WORK_PER_DECISION) - owed);
    let work = 0;
    while (work < most) {
      const session = sessions.nextDue(dueMs);
      if (session < 0) return;
      values.renew();
      // A walk that was broken off goes on by what is known now; its first part is not gone over again.
      if (!members.isUnderWay(session)) sessions.renewed(session, nowMs);
      work += WORK.renewal + this.walk(session, nowMs, most - work);
    }
  }

  /** Values the session's groups at the brink, from where it was left. Returns the work done; what is left is due at once. */
  private walk(session: number, nowMs: number, most: number): number {
    const { sessions, tree: { members } } = this.of;
    const forecasts = sessions.forecastsOf(session);
    let work = 0;
    let member = members.resume(session);
    for (; member >= 0 && work < most; member = members.nextInSession[member]) {
      work += WORK.step;
      const group = members.group[member];
      if (!this.isAtBrink(group) || forecasts - members.foundBy[member] < this.every(group)) continue;
      work += WORK.worth + (sessions.look(session, nowMs) ? WORK.forecast : 0);
      this.revalue(member);
    }
    members.pause(session, member);
    if (member >= 0) sessions.dueAt(session, nowMs);
    return work;
  }

  private renewAll(nowMs: number): void {
    const { sessions, values, real, guard, tree: { members } } = this.of;
    values.renew();
    for (const session of sessions.all()) {
      sessions.renewed(session, nowMs);
      sessions.look(session, nowMs);
      for (let member = members.firstOf(session); member >= 0; member = members.nextInSession[member]) values.revalue(member);
    }
    real.rankAllAnew();
    guard?.rankAllAnew();
  }

  private lookAround(nowMs: number): void {
    const { heap } = this.of.real;
    const most = this.boundOf(LOOKS_PER_DECISION);
    for (let count = 0; count < most && heap.size > 0; count++) {
      this.looked = (this.looked + 1) % heap.size;
      const group = heap.at(this.looked);
      this.catchUp(group, nowMs);
      this.rankAnew(group);
    }
  }

  private revalue(member: number): void {
    this.of.values.revalue(member);
    this.rankAnew(this.of.tree.members.group[member]);
  }
  private get areFew(): boolean {
    return this.of.sessions.count <= FEW_SESSIONS;
  }
  private boundOf(bound: { readonly few: number; readonly many: number }): number {
    return this.areFew ? bound.few : bound.many;
  }
  /** The group is to be valued by every so many-th forecast of a session. */
  private every(group: number): number {
    if (this.areFew) return 1;
    const { real, guard } = this.of;
    const survival = guard === undefined || guard.leader === 'survival';
    const frontier = survival && real.heap.has(group) ? real : guard?.bySurvival;
    if (frontier === undefined || !frontier.heap.has(group)) return 1;
    const times = frontier.heap.keyOf(group) / frontier.price;
    for (const step of FAR) if (times >= step.times) return step.every;
    return 1;
  }
  private isAtBrink(group: number): boolean {
    return this.of.real.heap.has(group) || this.of.guard?.holdsBySurvival(group) === true;
  }
  private rankAnew(group: number): void {
    this.of.real.rankAnew(group);
    this.of.guard?.rankAnew(group);
  }
}
