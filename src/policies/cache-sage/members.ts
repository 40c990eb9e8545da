import type { TouchKind } from '../../core/index.ts';
import { grownFloat64, grownInt32, grownUint8 } from '../../core/growing.ts';
import type { GroupTable } from './groups.ts';

/** Most sessions kept per group. What more of them share is never the least valuable thing there is. */
const MEMBERS_PER_GROUP = 64;

/** Which live session used which group, how and when: a sparse matrix, linked by group and by session, the latest use first. */
export class MemberTable {
  group = new Int32Array(64);
  session = new Int32Array(64);
  agent = new Int32Array(64);
  kind = new Uint8Array(64);
  /** Number of the session's call, and of the agent's call within the session (modulo 256), that used it last. */
  step = new Int32Array(64);
  nth = new Uint8Array(64);
  /** What the group was last found to be worth to the session, and by which of the session's forecasts. */
  worth = new Float64Array(64);
  foundBy = new Int32Array(64);
  nextInGroup = new Int32Array(64).fill(-1);
  private previousInGroup = new Int32Array(64).fill(-1);
  nextInSession = new Int32Array(64).fill(-1);
  private previousInSession = new Int32Array(64).fill(-1);
  /** Heads of the lists by session. */
  firstOfSession = new Int32Array(64).fill(-1);
  /** Where a walk along the session's members was left; -1: none is under way. */
  private resumeAt = new Int32Array(64).fill(-1);
  private readonly free: number[] = [];
  private made = 0;
  private readonly groups: GroupTable;

  constructor(groups: GroupTable) {
    this.groups = groups;
  }

  get live(): number {
    return this.made - this.free.length;
  }
  get bytes(): number {
    return this.group.byteLength * 9 + this.worth.byteLength + this.kind.byteLength * 2 + this.firstOfSession.byteLength * 2 + this.free.length * 8;
  }

  /** The session's membership of the group, or -1. Goes along both lists at once: what all share has many members, and a session few groups. */
  find(group: number, session: number): number {
    let inGroup = this.groups.firstMember[group];
    let inSession = this.firstOf(session);
    while (inGroup >= 0 && inSession >= 0) {
      if (this.session[inGroup] === session) return inGroup;
      if (this.group[inSession] === group) return inSession;
      inGroup = this.nextInGroup[inGroup];
      inSession = this.nextInSession[inSession];
    }
    return -1;
  }

  /**
   * Records a use; of a group with too many users the one that used it longest ago is dropped. What it was worth stands until it is found anew.
   * @param known the session's membership of the group, or -1
   */
  use(known: number, group: number, session: number, agent: number, kind: TouchKind, step: number, nth: number): void {
    let member = known;
    if (member >= 0) {
      this.unlinkFromGroup(member);
      this.unlinkFromSession(member);
      this.linkToSession(member, session);
    } else {
      if (this.groups.members[group] >= MEMBERS_PER_GROUP) this.remove(this.groups.lastMember[group]);
      member = this.create(session);
    }
    this.group[member] = group;
    this.agent[member] = agent;
    this.kind[member] = kind;
    this.step[member] = step;
    this.nth[member] = nth;
    const head = this.groups.firstMember[group];
    this.nextInGroup[member] = head;
    this.previousInGroup[member] = -1;
    if (head >= 0) this.previousInGroup[head] = member;
    else this.groups.lastMember[group] = member;
    this.groups.firstMember[group] = member;
    this.groups.members[group]++;
  }

  /** Sets what the group is worth to the session, by the session's forecast of that number. */
  value(member: number, worth: number, forecast: number): void {
    const group = this.group[member];
    // A sum that others share is never below nothing, whatever rounding leaves.
    this.groups.worth[group] = Math.max(0, this.groups.worth[group] + worth - this.worth[member]);
    this.worth[member] = worth;
    this.foundBy[member] = forecast;
  }

  isUnderWay(session: number): boolean {
    return session < this.resumeAt.length && this.resumeAt[session] >= 0;
  }
  /** Where to go on along the session's members. */
  resume(session: number): number {
    return this.isUnderWay(session) ? this.resumeAt[session] : this.firstOf(session);
  }
  /** The walk stops before this member; -1: it is done. */
  pause(session: number, member: number): void {
    this.resumeAt = grownInt32(this.resumeAt, session + 1, -1);
    this.resumeAt[session] = member;
  }
  firstOf(session: number): number {
    return session < this.firstOfSession.length ? this.firstOfSession[session] : -1;
  }

  /** Gives `to`, which has none yet, the members of `from`. */
  copy(from: number, to: number): void {
    let tail = -1;
    for (let member = this.groups.firstMember[from]; member >= 0; member = this.nextInGroup[member]) {
      const twin = this.create(this.session[member], member);
      this.group[twin] = to;
      this.agent[twin] = this.agent[member];
      this.kind[twin] = this.kind[member];
      this.step[twin] = this.step[member];
      this.nth[twin] = this.nth[member];
      this.worth[twin] = this.worth[member];
      this.foundBy[twin] = this.foundBy[member];
      this.nextInGroup[twin] = -1;
      this.previousInGroup[twin] = tail;
      if (tail >= 0) this.nextInGroup[tail] = twin;
      else this.groups.firstMember[to] = twin;
      tail = twin;
    }
    this.groups.lastMember[to] = tail;
    this.groups.members[to] = this.groups.members[from];
    this.groups.worth[to] = this.groups.worth[from];
  }

  /** Whether two groups have the same few members with the same uses. */
  equal(first: number, second: number, most: number): boolean {
    const count = this.groups.members[second];
    if (count > most || count !== this.groups.members[first]) return false;
    for (let member = this.groups.firstMember[second]; member >= 0; member = this.nextInGroup[member]) {
      const twin = this.find(first, this.session[member]);
      if (twin < 0 || this.agent[twin] !== this.agent[member] || this.kind[twin] !== this.kind[member]) return false;
      if (this.step[twin] !== this.step[member] || this.nth[twin] !== this.nth[member]) return false;
    }
    return true;
  }

  removeAll(group: number): void {
    while (this.groups.firstMember[group] >= 0) this.remove(this.groups.firstMember[group]);
  }

  remove(member: number): void {
    const group = this.group[member];
    this.unlinkFromGroup(member);
    this.groups.worth[group] = this.groups.firstMember[group] < 0 ? 0 : Math.max(0, this.groups.worth[group] - this.worth[member]);
    this.unlinkFromSession(member);
    this.free.push(member);
  }

  private unlinkFromGroup(member: number): void {
    const next = this.nextInGroup[member];
    const previous = this.previousInGroup[member];
    if (previous >= 0) this.nextInGroup[previous] = next;
    else this.groups.firstMember[this.group[member]] = next;
    if (next >= 0) this.previousInGroup[next] = previous;
    else this.groups.lastMember[this.group[member]] = previous;
    this.groups.members[this.group[member]]--;
  }

  private unlinkFromSession(member: number): void {
    const session = this.session[member];
    const next = this.nextInSession[member];
    const previous = this.previousInSession[member];
    if (this.isUnderWay(session) && this.resumeAt[session] === member) this.resumeAt[session] = next;
    if (previous >= 0) this.nextInSession[previous] = next;
    else this.firstOfSession[session] = next;
    if (next >= 0) this.previousInSession[next] = previous;
  }
  /** @param after the member that it comes after; -1: it comes first */
  private linkToSession(member: number, session: number, after = -1): void {
    this.firstOfSession = grownInt32(this.firstOfSession, session + 1, -1);
    const next = after >= 0 ? this.nextInSession[after] : this.firstOfSession[session];
    this.session[member] = session;
    this.nextInSession[member] = next;
    this.previousInSession[member] = after;
    if (next >= 0) this.previousInSession[next] = member;
    if (after >= 0) this.nextInSession[after] = member;
    else this.firstOfSession[session] = member;
  }
  private create(session: number, after = -1): number {
    const member = this.free.pop() ?? this.grow();
    this.worth[member] = 0;
    this.foundBy[member] = -1;
    this.linkToSession(member, session, after);
    return member;
  }
  private grow(): number {
    const member = this.made++;
    if (member < this.group.length) return member;
    const length = member + 1;
    this.group = grownInt32(this.group, length);
    this.session = grownInt32(this.session, length);
    this.agent = grownInt32(this.agent, length);
    this.kind = grownUint8(this.kind, length);
    this.step = grownInt32(this.step, length);
    this.nth = grownUint8(this.nth, length);
    this.worth = grownFloat64(this.worth, length);
    this.foundBy = grownInt32(this.foundBy, length);
    this.nextInGroup = grownInt32(this.nextInGroup, length, -1);
    this.previousInGroup = grownInt32(this.previousInGroup, length, -1);
    this.nextInSession = grownInt32(this.nextInSession, length, -1);
    this.previousInSession = grownInt32(this.previousInSession, length, -1);
    return member;
  }
}
