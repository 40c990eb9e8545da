/**
 * How the answers of several policies become one. Admission and tool calls: `strictest` (verdicts.ts).
 * Order and placement score whole sets: rankings first, affinity within a bounded lag, aging so that nothing starves.
 * Retention: one base value, factors in [0, 10] multiply it.
 */
import type { RankingRole } from './policy.ts';

export interface ScoredSet {
  readonly role: RankingRole;
  /** One score per member, higher first; -Infinity rules a member out (placement). */
  readonly scores: Float64Array;
}

export interface OrderRule {
  /** How many places a request may gain by affinity over one that ranks before it. */
  readonly affinityLag: number;
  /** A request that has waited this long goes before all that have not, oldest first. */
  readonly starvationMs: number;
}
export const DEFAULT_ORDER_RULE: OrderRule = { affinityLag: 4, starvationMs: 30_000 };

/** Position of every member in a ranking by `scores`, best is 0; equal scores share a place, so affinity decides between them. */
function places(scores: Float64Array, members: readonly number[]): Map<number, number> {
  const sorted = [...members].sort((a, b) => scores[b] - scores[a] || a - b);
  const result = new Map<number, number>();
  let place = 0;
  sorted.forEach((member, index) => {
    if (index > 0 && scores[member] < scores[sorted[index - 1]]) place = index;
    result.set(member, place);
  });
  return result;
}

/**
 * Indices of the members, best first. Rankings are added place by place; affinity can move a member forward by at most
 * `affinityLag` places. Members whom any set rules out are left out.
 * @param waitedMs how long each member has waited; omit for placement
 */
export function combineSets(size: number, sets: readonly ScoredSet[], rule: OrderRule, waitedMs?: Float64Array): number[] {
  const members: number[] = [];
  for (let index = 0; index < size; index++) {
    if (!sets.some((set) => set.scores[index] === -Infinity)) members.push(index);
  }
  const total = new Float64Array(size);
  for (const role of ['rank', 'affinity'] as const) {
    const chosen = sets.filter((set) => set.role === role).map((set) => places(set.scores, members));
    if (chosen.length === 0) continue;
    const sums = new Map(members.map((member) => [member, chosen.reduce((sum, place) => sum + (place.get(member) ?? 0), 0)]));
    if (role === 'rank') for (const member of members) total[member] = sums.get(member) ?? 0;
    else {
      const last = Math.max(1, members.length - 1) * chosen.length;
      for (const member of members) total[member] += ((sums.get(member) ?? 0) / last) * rule.affinityLag;
    }
  }
  const starving = (member: number): boolean => waitedMs !== undefined && waitedMs[member] >= rule.starvationMs;
  return members.sort((a, b) => {
    if (starving(a) !== starving(b)) return starving(a) ? -1 : 1;
    if (waitedMs !== undefined && starving(a)) return waitedMs[b] - waitedMs[a] || a - b;
    return total[a] - total[b] || a - b;
  });
}

/** A policy's factor on the base value: clamped to [0, 10]; NaN counts as 1. */
export function retentionFactor(factor: number): number {
  if (Number.isNaN(factor)) return 1;
  return Math.min(10, Math.max(0, factor));
}
