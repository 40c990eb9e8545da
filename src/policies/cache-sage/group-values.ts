/**
 * value(group) = Σ over live sessions of their worth + the sessions to come that will share it, in hits per
 * block-second; times the cost of a block in ms: the group's own where milliseconds are to be saved, else the mean
 * over all blocks, which changes no order.
 *
 * The sum over sessions is kept and changes by what changes: a session's worth is found anew when the session moves or
 * its forecast falls due, in constant time per group that it has used, however many others share that group.
 */
import type { TouchKind } from '../../core/index.ts';
import { grownFloat64 } from '../../core/growing.ts';
import type { LiveSessions } from './live-sessions.ts';
import type { PrefixTree } from './prefix-tree.ts';

export type ValueUnit = 'hits' | 'milliseconds';

export class GroupValues {
  private readonly tree: PrefixTree;
  private readonly sessions: LiveSessions;
  private readonly unit: ValueUnit;
  /** Raised values as of a revision of the index; a group is raised at most once per revision. */
  private raised = new Float64Array(64);
  private raisedAt = new Float64Array(64);
  private revision = 1;
  private readonly pending: number[] = [];
  private scale = 0;
  private blocks = 0;
  private costMs = 0;
  private sessionsSeen = 0;
  private firstSessionMs = 0;

  constructor(tree: PrefixTree, sessions: LiveSessions, unit: ValueUnit) {
    this.tree = tree;
    this.sessions = sessions;
    this.unit = unit;
  }

  /** Mean cost of a block, in ms, settled early: a drifting scale would mix up values of different ages. */
  private get meanCost(): number {
    if (this.scale === 0 && this.blocks > 0 && this.costMs > 0) this.scale = this.costMs / this.blocks;
    return this.scale === 0 ? 1 : this.scale;
  }

  get bytes(): number {
    return this.raised.byteLength * 2;
  }
  /** Ordinal of the latest session. */
  get sessionOrdinal(): number {
    return this.sessionsSeen;
  }
  countUnit(blocks: number, costMs: number): void {
    this.blocks += blocks;
    this.costMs += costMs;
  }
  countSession(nowMs: number): void {
    if (this.sessionsSeen === 0) this.firstSessionMs = nowMs;
    this.sessionsSeen++;
  }
  /** What was raised before does not hold any more. */
  renew(): void {
    this.revision++;
  }

  /** What the member's group is worth to its session, whose forecast must be the one at hand. */
  worthTo(member: number): number {
    const { members } = this.tree;
    return this.sessions.worth.of(members.kind[member] as TouchKind, members.agent[member], members.step[member], members.nth[member]);
  }
  /** As `worthTo`, kept from now on. */
  revalue(member: number): void {
    const { members } = this.tree;
    members.value(member, this.worthTo(member), this.sessions.forecastsOf(members.session[member]));
  }

  /** Brings up to date what the group's members have not been told by their sessions' latest forecasts. Returns how many forecasts it took, at most `most`. */
  catchUp(group: number, nowMs: number, most: number): number {
    const { groups, members } = this.tree;
    let taken = 0;
    for (let member = groups.firstMember[group]; member >= 0 && taken < most; member = members.nextInGroup[member]) {
      const session = members.session[member];
      if (members.foundBy[member] === this.sessions.forecastsOf(session)) continue;
      this.sessions.look(session, nowMs);
      taken++;
      this.revalue(member);
    }
    return taken;
  }

  /** What keeping the group is worth by itself: the key that evictions go by. */
  of(group: number, nowMs: number): number {
    const { groups } = this.tree;
    // What no call has been seen to use yet (an answer in the making) is worth what it hangs from.
    const used = this.usedAtOrAbove(group);
    return this.ofGiven(used, groups.worth[used], nowMs);
  }

  /** As `of`, were the live sessions' worth this one. */
  ofGiven(group: number, worth: number, nowMs: number): number {
    return (worth + this.ofSessionsToCome(group, nowMs)) * this.costOf(group);
  }

  /** The nearest group, upwards from this one, that a call has been seen to use; else the root. */
  usedAtOrAbove(group: number): number {
    const { groups } = this.tree;
    let used = group;
    while (groups.sharers[used] === 0 && groups.parent[used] >= 0) used = groups.parent[used];
    return used;
  }

  /** The largest value among the group and what `occupied` says is held below it. */
  raisedOf(group: number, occupied: (group: number) => boolean, own: (group: number) => number): number {
    const { groups } = this.tree;
    const { pending } = this;
    this.raised = grownFloat64(this.raised, groups.bound);
    this.raisedAt = grownFloat64(this.raisedAt, groups.bound);
    pending.push(group);
    while (pending.length > 0) {
      const current = pending[pending.length - 1];
      if (this.raisedAt[current] === this.revision) {
        pending.pop();
        continue;
      }
      let most = 0;
      let waiting = false;
      for (let child = groups.firstChild[current]; child >= 0; child = groups.nextSibling[child]) {
        if (!occupied(child)) continue;
        if (this.raisedAt[child] === this.revision) most = Math.max(most, this.raised[child]);
        else {
          pending.push(child);
          waiting = true;
        }
      }
      if (waiting) continue;
      this.raised[current] = Math.max(most, own(current));
      this.raisedAt[current] = this.revision;
      pending.pop();
    }
    return this.raised[group];
  }

  private costOf(group: number): number {
    const { groups } = this.tree;
    return this.unit === 'milliseconds' ? groups.costMs[group] / Math.max(1, groups.blocks[group]) : this.meanCost;
  }

  /** Rate of sessions × share of them that came to use it, halved for every few usual intervals without a new one. */
  private ofSessionsToCome(group: number, nowMs: number): number {
    const { groups } = this.tree;
    const sharers = groups.sharers[group];
    if (sharers < 2) return 0;
    const span = this.sessionsSeen - groups.bornAt[group] + 1;
    const rate = this.sessionsSeen / Math.max(1, (nowMs - this.firstSessionMs) / 1000);
    const age = this.sessionsSeen - groups.sharedAt[group];
    return ((rate * (sharers - 1)) / (span + 1)) * 0.5 ** (age / ((2 * span) / sharers + 4));
  }
}
