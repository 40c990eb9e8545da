/** For engines in another process: what units are worth now and in a while, if nothing is heard from us. */
import { unitId, type Lease } from '../../core/index.ts';
import type { Frontier } from './frontier.ts';
import type { GroupValues } from './group-values.ts';
import type { Leader } from './guard.ts';
import type { LiveSessions } from './live-sessions.ts';
import type { PrefixTree } from './prefix-tree.ts';

export interface LeaseSource {
  readonly tree: PrefixTree;
  readonly sessions: LiveSessions;
  readonly values: GroupValues;
  readonly real: Frontier;
  readonly leader: Leader;
  readonly touches: number;
}

/** Each step holds from the end of the one before it until so long from now. */
const STEPS_MS = [5_000, 20_000, 80_000, 320_000] as const;

/** At most `max` leases, most valuable first, parents before children. */
export function makeLeases(source: LeaseSource, nowMs: number, max: number): Lease[] {
  const { tree, real } = source;
  const { groups, units } = tree;
  const held: number[] = [];
  for (let group = 0; group < groups.bound; group++) if (groups.units[group] > 0 && real.kept[group] > 0) held.push(group);
  const steps = held.map(() => [] as { untilMs: number; value: number }[]);
  let fromMs = nowMs;
  for (const lengthMs of STEPS_MS) {
    const values = valuesAt(source, held, fromMs);
    const untilMs = nowMs + lengthMs;
    values.forEach((value, place) => steps[place].push({ untilMs, value }));
    fromMs = untilMs;
  }
  source.values.renew();

  const order = held.map((_, place) => place).sort((a, b) => steps[b][0].value - steps[a][0].value || groups.usedAt[held[b]] - groups.usedAt[held[a]] || depth(tree, held[a]) - depth(tree, held[b]));
  const leases: Lease[] = [];
  for (const place of order) {
    const run: number[] = [];
    for (let unit = groups.last[held[place]]; unit >= 0 && units.group[unit] === held[place]; unit = units.parent[unit]) {
      if (units.resident[unit] === 1) run.push(unit);
    }
    for (const unit of run.toReversed()) {
      if (leases.length >= max) return leases;
      leases.push({ unit: unitId(unit), steps: steps[place] });
    }
  }
  return leases;
}

/** What each held group will be worth then if nothing is heard until then. Nothing of it is kept. */
function valuesAt(source: LeaseSource, held: readonly number[], atMs: number): number[] {
  const { sessions, values, real, tree: { groups, members } } = source;
  if (source.leader === 'lru') return held.map((group) => 1 / (1 + source.touches - groups.usedAt[group]));
  const worth = new Float64Array(groups.bound);
  for (const session of sessions.all()) {
    sessions.look(session, atMs);
    for (let member = members.firstOf(session); member >= 0; member = members.nextInSession[member]) worth[members.group[member]] += values.worthTo(member);
  }
  const own = (group: number): number => {
    const used = values.usedAtOrAbove(group);
    return values.ofGiven(used, worth[used], atMs);
  };
  values.renew();
  return held.map((group) => values.raisedOf(group, (child) => real.isOccupied(child), own));
}

function depth(tree: PrefixTree, group: number): number {
  let steps = 0;
  for (let parent = tree.groups.parent[group]; parent >= 0; parent = tree.groups.parent[parent]) steps++;
  return steps;
}
