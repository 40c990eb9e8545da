/**
 * value(group) = Σ over live sessions of their worth + the sessions to come that will share it, in hits per
 * block-second; times the cost of a block in ms: the group's own where milliseconds are to be saved, else the mean
 * over all blocks, which changes no order.
 */
import type { TouchKind } from '../../core/index.ts';
import { grownFloat64 } from './growing.ts';
import type { LiveSessions } from './live-sessions.ts';
import type { PrefixTree } from './prefix-tree.ts';

export type ValueUnit = 'hits' | 'milliseconds';

export class GroupValues {
  private readonly tree: PrefixTree;
  private readonly sessions: LiveSessions;
  private readonly unit: ValueUnit;
  /** Values as of a revision of the index; a group is computed at most once per revision. */
  private own = new Float64Array(64);
  private ownAt = new Float64Array(64);
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
    return this.own.byteLength * 4;
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
  /** What was computed before does not hold any more. */
  renew(): void {
    this.revision++;
  }

  /** What keeping the group is worth by itself: the key that evictions go by. */
  of(group: number, nowMs: number): number {
    if (group >= this.own.length) {
      this.own = grownFloat64(this.own, group + 1);
      this.ownAt = grownFloat64(this.ownAt, group + 1);
      this.raised = grownFloat64(this.raised, group + 1);
      this.raisedAt = grownFloat64(this.raisedAt, group + 1);
    }
    if (this.ownAt[group] === this.revision) return this.own[group];
    const { groups } = this.tree;
    // What no call has been seen to use yet (an answer in the making) is worth what it hangs from.
    let used = group;
    while (groups.sharers[used] === 0 && groups.parent[used] >= 0) used = groups.parent[used];
    if (used !== group) return this.of(used, nowMs);
    let value = this.fromLiveSessions(group, nowMs);
    if (groups.sharers[group] > 1) value += this.fromSessionsToCome(group, nowMs);
    value *= this.unit === 'milliseconds' ? groups.costMs[group] / Math.max(1, groups.blocks[group]) : this.meanCost;
    this.own[group] = value;
    this.ownAt[group] = this.revision;
    return value;
  }

  /** The largest value among the group and what `occupied` says is held below it. */
  raisedOf(group: number, nowMs: number, occupied: (group: number) => boolean): number {
    const { groups } = this.tree;
    const { pending } = this;
    pending.push(group);
    while (pending.length > 0) {
      const current = pending[pending.length - 1];
      const own = this.of(current, nowMs);
      if (this.raisedAt[current] === this.revision) {
        pending.pop();
        continue;
      }
      let most = own;
      let waiting = false;
      for (let child = groups.firstChild[current]; child >= 0; child = groups.nextSibling[child]) {
        if (!occupied(child)) continue;
        if (this.raisedAt[child] === this.revision && child < this.raised.length) most = Math.max(most, this.raised[child]);
        else {
          pending.push(child);
          waiting = true;
        }
      }
      if (waiting) continue;
      this.raised[current] = most;
      this.raisedAt[current] = this.revision;
      pending.pop();
    }
    return this.raised[group];
  }

  private fromLiveSessions(group: number, nowMs: number): number {
    const { groups, members } = this.tree;
    let sum = 0;
    for (let member = groups.firstMember[group]; member >= 0; member = members.nextInGroup[member]) {
      const number = members.session[member];
      let session = this.sessions.worth(number);
      if (!session.isCurrent) session = this.sessions.forecast(number, nowMs);
      sum += session.of(members.kind[member] as TouchKind, members.agent[member], members.step[member], members.nth[member]);
    }
    return sum;
  }

  /** Rate of sessions × share of them that came to use it, halved for every few usual intervals without a new one. */
  private fromSessionsToCome(group: number, nowMs: number): number {
    const { groups } = this.tree;
    const sharers = groups.sharers[group];
    const span = this.sessionsSeen - groups.bornAt[group] + 1;
    const rate = this.sessionsSeen / Math.max(1, (nowMs - this.firstSessionMs) / 1000);
    const age = this.sessionsSeen - groups.sharedAt[group];
    return ((rate * (sharers - 1)) / (span + 1)) * 0.5 ** (age / ((2 * span) / sharers + 4));
  }
}
