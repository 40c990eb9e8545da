/**
 * The guard: two ghost caches see every call, one evicts by recency, one by survival; the one that has saved more of
 * late decides. A ghost holds numbers of units per group and nothing per unit, so it needs no sampling: it is exact,
 * costs a few operations per group of a call, and shared prefixes (a system prompt under every session) count once,
 * as they do in the real cache. Sampling by roots would take all or nothing there.
 */
import type { TableReader, TableWriter } from '../../learner/index.ts';
import { Frontier } from './frontier.ts';
import type { PrefixTree } from './prefix-tree.ts';

export type Leader = 'survival' | 'lru';

/** Share of the past that one more call leaves: half-life of about 350 calls. */
const MEMORY = 0.998;
/** Calls that the discounted sums weigh as much as. */
const CALLS_REMEMBERED = 1 / (1 - MEMORY);
/** Calls before the first judgement. */
const LEAST_CALLS = 128;
/**
 * Survival hands over when it has saved less by this fraction of what was asked for, and by so many standard errors:
 * a change of rule costs something itself, so chance alone must not bring it about. It takes over again when ahead.
 */
const HAND_OVER = 0.002;
const STANDARD_ERRORS = 3;
const TAKE_OVER = 0.001;
/**
 * The debt bounds what leading may cost in all: once survival has cost this share of everything asked for, less
 * evidence sends it back, and more than being ahead is needed to lead again.
 */
const ALLOWANCE = 0.001;
const STANDARD_ERRORS_IN_DEBT = 2;

/** What sums of the same terms may differ by. */
const ROUNDING = 1 + 1e-9;

export class Guard {
  leader: Leader = 'survival';
  private readonly tree: PrefixTree;
  private readonly lru: Frontier;
  private readonly survival: Frontier;
  private readonly capacityUnits: () => number;
  private asked = 0;
  private lead = 0;
  private leadSquares = 0;
  private calls = 0;
  /** Since the beginning: units asked for, and what survival has saved beyond LRU while it led. */
  private askedEver = 0;
  private earned = 0;
  private protectedFrom = 0;
  private readonly setAside: number[] = [];

  /**
   * @param value of a group to the survival ghost
   * @param comes told of a group before the survival ghost asks for its value for the first time
   */
  constructor(tree: PrefixTree, value: (group: number) => number, capacityUnits: () => number, comes?: (group: number) => void) {
    this.tree = tree;
    this.lru = new Frontier(tree.groups, (group) => tree.groups.usedAt[group]);
    this.survival = new Frontier(tree.groups, value, comes);
    this.capacityUnits = capacityUnits;
    tree.watch(this.lru);
    tree.watch(this.survival);
  }

  get bytes(): number {
    return this.lru.bytes + this.survival.bytes;
  }
  /** The survival ghost's keys are values whoever leads. */
  get bySurvival(): Frontier {
    return this.survival;
  }
  holdsBySurvival(group: number): boolean {
    return this.survival.heap.has(group);
  }
  rankAnew(group: number): void {
    this.survival.rankAnew(group);
  }
  rankAllAnew(): void {
    this.survival.rankAllAnew();
  }

  /** A call arrives with this chain of known groups: what would each ghost have had? Returns whether the leader has changed. */
  arrive(chain: Int32Array): boolean {
    const ahead = this.held(this.survival, chain) - this.held(this.lru, chain);
    this.asked = this.asked * MEMORY + chain.length;
    this.lead = this.lead * MEMORY + ahead;
    this.leadSquares = this.leadSquares * MEMORY + ahead * ahead;
    this.calls++;
    this.askedEver += chain.length;
    if (this.leader === 'survival') this.earned += ahead;
    if (this.calls < LEAST_CALLS || this.preferred() === this.leader) return false;
    this.leader = this.preferred();
    return true;
  }

  private preferred(): Leader {
    const lead = this.lead / this.asked;
    // The lead is a sum of about independent terms: its variance is the sum of their squares.
    const standardError = Math.sqrt(this.leadSquares) / this.asked;
    const inDebt = this.calls >= CALLS_REMEMBERED && this.earned < -ALLOWANCE * this.askedEver;
    const surely = (inDebt ? STANDARD_ERRORS_IN_DEBT : STANDARD_ERRORS) * standardError;
    if (this.leader === 'lru') return lead > (inDebt ? Math.max(TAKE_OVER, surely) : TAKE_OVER) ? 'survival' : 'lru';
    return lead < -Math.max(HAND_OVER, surely) ? 'lru' : 'survival';
  }

  /** The group is now held whole by both ghosts. `usedAt` has been set. */
  use(group: number): void {
    this.lru.setKept(group, this.tree.groups.units[group]);
    this.survival.setKept(group, this.tree.groups.units[group]);
    this.lru.rankAnew(group);
  }
  /** Groups used from this ordinal on belong to the call at hand and stay. */
  protectFrom(ordinal: number): void {
    this.protectedFrom = ordinal;
  }

  isOverfull(): boolean {
    const capacity = this.capacityUnits();
    return this.lru.total > capacity || this.survival.total > capacity;
  }
  /** Brings both ghosts back to capacity. To be asked when the call at hand has been seen whole, and not before the next one is. */
  trim(): void {
    this.trimOne(this.lru);
    this.trimOne(this.survival);
  }

  save(writer: TableWriter): void {
    writer.numbers([this.leader === 'lru' ? 1 : 0, this.asked, this.lead, this.leadSquares, this.calls, this.askedEver, this.earned], 'f64');
  }
  /** @throws EntresolError `ENT_SNAPSHOT_INVALID` for what no guard can have counted; the guard is then unchanged */
  load(reader: TableReader): void {
    const numbers = new Float64Array(7);
    reader.numbers(numbers, 'f64');
    const [leader, asked, lead, leadSquares, calls, askedEver, earned] = numbers;
    reader.demand(leader === 0 || leader === 1, `${leader} stands for no leader`);
    reader.demand(Number.isSafeInteger(calls) && calls >= 0 && Number.isSafeInteger(askedEver) && askedEver >= 0, 'the guard has counted what cannot be counted');
    reader.demand(asked >= 0 && leadSquares >= 0 && Math.abs(lead) <= asked * ROUNDING && Math.abs(earned) <= askedEver, 'the guard was ahead by more than was asked for');
    reader.finish();
    this.leader = leader === 1 ? 'lru' : 'survival';
    [, this.asked, this.lead, this.leadSquares, this.calls, this.askedEver, this.earned] = numbers;
  }

  private held(ghost: Frontier, chain: Int32Array): number {
    const { units } = this.tree;
    let held = 0;
    for (let at = 0; at < chain.length;) {
      const group = units.group[chain[at]];
      if (group < 0) break;
      let end = at + 1;
      while (end < chain.length && units.group[chain[end]] === group) end++;
      held += Math.min(end - at, ghost.kept[group]);
      if (ghost.kept[group] < end - at) break;
      at = end;
    }
    return held;
  }

  private trimOne(ghost: Frontier): void {
    const capacity = this.capacityUnits();
    const { setAside } = this;
    while (ghost.total > capacity) {
      const group = ghost.heap.top();
      if (group < 0) break;
      if (this.tree.groups.usedAt[group] >= this.protectedFrom) {
        setAside.push(group);
        ghost.heap.remove(group);
        continue;
      }
      ghost.pay(ghost.heap.keyOf(group));
      ghost.setKept(group, Math.max(0, ghost.kept[group] - (ghost.total - capacity)));
    }
    for (const group of setAside) ghost.putBack(group);
    setAside.length = 0;
  }
}
