/**
 * What is best computed ahead of its call while the engine has nothing else to do. The same values decide as for
 * evictions. What is brought back takes the room of what is worth least; it saves its prefill where it is used before it
 * would be given up itself (τ: how long that is, in the mean); and a call that comes while it is computed waits, half of
 * it in the mean:
 *
 *   gain = (Σ value · blocks missing − Σ value · blocks displaced) · τ  −  ms · (IDLE_PRICE + calls per ms · ms / 2)
 *
 * Asked for where that is above nothing; the most per millisecond of computing first, for an idle moment is short.
 */
import type { Coordinate, TouchKind } from '../../core/index.ts';
import type { Frontier } from './frontier.ts';
import type { GroupValues } from './group-values.ts';
import type { LiveSessions } from './live-sessions.ts';
import type { PrefixTree } from './prefix-tree.ts';

/** Groups of a session that are looked at, the latest used first. */
const MOST_GROUPS = 64;
/** Forecasts of others that share a group. */
const LOOKS_PER_GROUP = 4;
const OUTPUT: TouchKind = 2;
/** A prompt computed in less is not worth a call. */
const LEAST_COST_MS = 10;
/** What a millisecond of an idle engine is worth, in milliseconds of calls that wait. */
const IDLE_PRICE = 0.2;

export interface WarmUpSource {
  readonly tree: PrefixTree;
  readonly sessions: LiveSessions;
  readonly values: GroupValues;
  readonly real: Frontier;
  /** How often calls come. */
  readonly callsPerMs: number;
  numberOf(by: Coordinate): number;
}

/** A lineage, and the engine that it would be computed on. */
export interface WarmUpOption {
  readonly by: Coordinate;
  /** Prefill takes so many times what units were defined with. */
  readonly prefillScale: number;
  /** Of its cache, whoever's the others are. */
  readonly freeBlocks: number;
}

export function chooseWarmUp(source: WarmUpSource, options: readonly WarmUpOption[], nowMs: number): Coordinate | undefined {
  let best: Coordinate | undefined;
  let mostPerMs = 0;
  for (const option of options) {
    const perMs = gainPerMs(source, option, nowMs);
    if (perMs <= mostPerMs) continue;
    best = option.by;
    mostPerMs = perMs;
  }
  return best;
}

/** What computing it now saves in the end, per millisecond of it. */
function gainPerMs(source: WarmUpSource, { by, prefillScale, freeBlocks }: WarmUpOption, nowMs: number): number {
  const { tree: { groups, members }, sessions, values, real, numberOf } = source;
  const session = numberOf(by);
  if (session < 0) return 0;
  const leaf = leafOf(source, session, by);
  if (leaf < 0) return 0;
  let blocks = 0;
  let value = 0;
  let costMs = 0;
  for (let group = members.group[leaf]; group >= 0; group = groups.parent[group]) {
    const absent = groups.units[group] - real.kept[group];
    if (absent <= 0) continue;
    const share = absent / groups.units[group];
    values.catchUp(group, nowMs, LOOKS_PER_GROUP);
    blocks += share * groups.blocks[group];
    value += values.of(group, nowMs) * share * groups.blocks[group];
    costMs += share * groups.costMs[group];
  }
  const takesMs = costMs * prefillScale;
  if (takesMs < LEAST_COST_MS) return 0;
  sessions.look(session, nowMs);
  const { waitSeconds } = sessions.worth.stopOf(members.kind[leaf] as TouchKind, members.agent[leaf], members.step[leaf], members.nth[leaf]);
  const saved = (value - displacedBy(source, blocks - freeBlocks)) * waitSeconds;
  // Both in the milliseconds that units were defined with.
  return saved / costMs - IDLE_PRICE - (source.callsPerMs * takesMs) / 2;
}

/** Of the last group of the prompt of the agent's latest call; -1: nothing is known of it. */
function leafOf({ tree: { members }, sessions }: WarmUpSource, session: number, by: Coordinate): number {
  const agent = sessions.sourceOf(session).agentKey(by.agent);
  let looked = 0;
  for (let member = members.firstOf(session); member >= 0 && looked < MOST_GROUPS; member = members.nextInSession[member], looked++) {
    // What it answered is in no prompt yet.
    if (members.agent[member] === agent && members.kind[member] !== OUTPUT) return member;
  }
  return -1;
}

/** What would go for so many blocks, by value. What lies there beside ours is others': worth as much as what we gave up of late, at least, or more than anything where that is not known. */
function displacedBy({ tree: { groups }, real }: WarmUpSource, blocks: number): number {
  const { price } = real;
  let wanted = blocks;
  let value = 0;
  const emptied: number[] = [];
  while (wanted > 0) {
    const group = real.take();
    if (group < 0) break;
    const taken = Math.min(wanted, (real.kept[group] / groups.units[group]) * groups.blocks[group]);
    value += real.keyTaken * taken;
    wanted -= taken;
    emptied.push(group);
    real.expose(group);
  }
  for (const group of emptied) real.cover(group);
  real.settle();
  real.price = price;
  if (wanted > 0) value += wanted * (price > 0 ? price : Infinity);
  return value;
}
