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
/** What things will be worth if nothing is heard is found anew at most so often: it takes a forecast per session and step. */
const FADING_MS = 2_000;
const LATER_STEPS = STEPS_MS.length - 1;

/**
 * What a group is worth now is kept up to date as victims are; how that will fade is looked up from time to time, as
 * shares of what it is worth then, and holds for the leases made until the next look.
 */
export class LeaseMaker {
  #fading = new Float64Array(0);
  #mean: readonly number[] = STEPS_MS.slice(1).map(() => 1);
  #lookedAtMs = -Infinity;

  get bytes(): number { return this.#fading.byteLength; }

  /** At most `max` leases, most valuable first, parents before children. @param valueNow of a group, raised to what hangs from it */
  make(source: LeaseSource, valueNow: (group: number) => number, nowMs: number, max: number): Lease[] {
    const { tree, real } = source;
    const { groups, units } = tree;
    const held: number[] = [];
    for (let group = 0; group < groups.bound; group++) if (groups.units[group] > 0 && real.kept[group] > 0) held.push(group);
    const now = held.map((group) => (source.leader === 'lru' ? 1 / (1 + source.touches - groups.usedAt[group]) : valueNow(group)));
    if (nowMs - this.#lookedAtMs >= FADING_MS) this.#look(source, held, now, nowMs);
    const order = held.map((_, place) => place).sort((a, b) => now[b] - now[a] || groups.usedAt[held[b]] - groups.usedAt[held[a]] || depth(tree, held[a]) - depth(tree, held[b]));
    const leases: Lease[] = [];
    for (const place of order) {
      const steps = STEPS_MS.map((lengthMs, step) => ({ untilMs: nowMs + lengthMs, value: now[place] * (step === 0 ? 1 : this.#fadesTo(held[place], step - 1)) }));
      const run: number[] = [];
      for (let unit = groups.last[held[place]]; unit >= 0 && units.group[unit] === held[place]; unit = units.parent[unit]) {
        if (units.resident[unit] === 1) run.push(unit);
      }
      for (const unit of run.toReversed()) {
        if (leases.length >= max) return leases;
        leases.push({ unit: unitId(unit), steps });
      }
    }
    return leases;
  }

  #fadesTo(group: number, later: number): number {
    const share = group * LATER_STEPS + later < this.#fading.length ? this.#fading[group * LATER_STEPS + later] : NaN;
    return Number.isNaN(share) ? this.#mean[later] : share;
  }

  #look(source: LeaseSource, held: readonly number[], now: readonly number[], nowMs: number): void {
    this.#lookedAtMs = nowMs;
    this.#fading = new Float64Array(source.tree.groups.bound * LATER_STEPS).fill(NaN);
    const total = now.reduce((sum, value) => sum + value, 0);
    this.#mean = STEPS_MS.slice(1).map((_, later) => {
      const values = valuesAt(source, held, nowMs + STEPS_MS[later]);
      held.forEach((group, place) => { if (now[place] > 0) this.#fading[group * LATER_STEPS + later] = values[place] / now[place]; });
      return total > 0 ? values.reduce((sum, value) => sum + value, 0) / total : 1;
    });
    source.values.renew();
  }
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
