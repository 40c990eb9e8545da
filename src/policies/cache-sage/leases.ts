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
/** A part takes about a millisecond. */
const GROUPS_PER_PART = 32;
const SESSIONS_PER_PART = 16;
const LEASES_PER_PART = 512;
const NONE: readonly Lease[] = [];

/**
 * What a group is worth now is kept up to date as victims are; how that will fade is looked up from time to time, as
 * shares of what it is worth then, and holds for the leases made until the next look.
 */
export class LeaseMaker {
  #fading = new Float64Array(0);
  #mean: readonly number[] = STEPS_MS.slice(1).map(() => 1);
  #lookedAtMs = -Infinity;

  get bytes(): number { return this.#fading.byteLength; }

  /**
   * At most `max` leases, the most valuable, least valuable first and children before parents, a part at a time. Between
   * two parts calls may come and go: a group that has changed by then is passed over or valued as it was, and is right
   * in the leases after these.
   * @param valueNow of a group, raised to what hangs from it
   */
  * parts(source: LeaseSource, valueNow: (group: number) => number, nowMs: number, max: number): Generator<readonly Lease[]> {
    const { tree, real } = source;
    const { groups, units } = tree;
    const isHeld = (group: number): boolean => groups.units[group] > 0 && real.kept[group] > 0;
    const held: number[] = [];
    for (let group = 0; group < groups.bound; group++) if (isHeld(group)) held.push(group);
    const now: number[] = [];
    for (const group of held) {
      now.push(!isHeld(group) ? 0 : source.leader === 'lru' ? 1 / (1 + source.touches - groups.usedAt[group]) : valueNow(group));
      if (now.length % GROUPS_PER_PART === 0) yield NONE;
    }
    if (nowMs - this.#lookedAtMs >= FADING_MS) yield* this.#look(source, held, now, nowMs);
    const order = held.map((_, place) => place).sort((a, b) => now[b] - now[a] || groups.usedAt[held[b]] - groups.usedAt[held[a]] || depth(tree, held[a]) - depth(tree, held[b]));
    let room = max;
    const least = order.findIndex((place) => (room -= real.kept[held[place]]) <= 0);
    let part: Lease[] = [];
    for (const place of (least < 0 ? order : order.slice(0, least + 1)).toReversed()) {
      const group = held[place];
      if (!isHeld(group)) continue;
      const steps = STEPS_MS.map((lengthMs, step) => ({ untilMs: nowMs + lengthMs, value: now[place] * (step === 0 ? 1 : this.#fadesTo(group, step - 1)) }));
      // Of the last that there is room for, only its beginning.
      let over = least >= 0 && place === order[least] ? -room : 0;
      for (let unit = groups.last[group]; unit >= 0 && units.group[unit] === group; unit = units.parent[unit]) {
        if (units.resident[unit] === 1 && over-- <= 0) part.push({ unit: unitId(unit), steps });
      }
      if (part.length < LEASES_PER_PART) continue;
      yield part;
      part = [];
    }
    if (part.length > 0) yield part;
  }

  #fadesTo(group: number, later: number): number {
    const share = group * LATER_STEPS + later < this.#fading.length ? this.#fading[group * LATER_STEPS + later] : NaN;
    return Number.isNaN(share) ? this.#mean[later] : share;
  }

  * #look(source: LeaseSource, held: readonly number[], now: readonly number[], nowMs: number): Generator<readonly Lease[]> {
    this.#lookedAtMs = nowMs;
    const fading = new Float64Array(source.tree.groups.bound * LATER_STEPS).fill(NaN);
    const total = now.reduce((sum, value) => sum + value, 0);
    const mean: number[] = [];
    for (let later = 0; later < LATER_STEPS; later++) {
      const values = yield* valuesAt(source, held, nowMs + STEPS_MS[later + 1]);
      held.forEach((group, place) => { if (now[place] > 0) fading[group * LATER_STEPS + later] = values[place] / now[place]; });
      mean.push(total > 0 ? values.reduce((sum, value) => sum + value, 0) / total : 1);
    }
    this.#fading = fading;
    this.#mean = mean;
  }
}

/** What each held group will be worth then if nothing is heard until then. Nothing of it is kept. */
function* valuesAt(source: LeaseSource, held: readonly number[], atMs: number): Generator<readonly Lease[], number[]> {
  const { sessions, values, real, tree: { groups, members } } = source;
  if (source.leader === 'lru') return held.map((group) => 1 / (1 + source.touches - groups.usedAt[group]));
  const worth = new Float64Array(groups.bound);
  let looked = 0;
  const listed = Array.from(sessions.all());
  for (const session of listed) {
    if (!sessions.isKnown(session)) continue;
    sessions.look(session, atMs);
    for (let member = members.firstOf(session); member >= 0; member = members.nextInSession[member]) worth[members.group[member]] += values.worthTo(member);
    if (++looked % SESSIONS_PER_PART === 0) yield NONE;
  }
  const own = (group: number): number => {
    const used = values.usedAtOrAbove(group);
    return values.ofGiven(used, worth[used] ?? 0, atMs);
  };
  // Without a pause: what is raised by what will be must not be taken for what is.
  values.renew();
  const raised = held.map((group) => (groups.units[group] > 0 && real.kept[group] > 0 ? values.raisedOf(group, (child) => real.isOccupied(child), own) : 0));
  values.renew();
  return raised;
}

function depth(tree: PrefixTree, group: number): number {
  let steps = 0;
  for (let parent = tree.groups.parent[group]; parent >= 0; parent = tree.groups.parent[parent]) steps++;
  return steps;
}
