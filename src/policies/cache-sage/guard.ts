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

/**
 * Only calls that the two ghosts would have served differently tell anything, and how many do depends on the capacity:
 * a dozen of hundreds where nearly all fits. So evidence is counted, and fades, by such calls.
 */
const MEMORY = 0.99;
/** Such calls before the first judgement: fewer are chance. */
const LEAST_DECISIVE = 24;
/**
 * Survival leads on trust at first, and later for as long as it is not behind by more than half a standard error. Where
 * agents return in ways that can be learned it is soon ahead by five; so to be level is no reason to deviate from LRU.
 */
const HAND_OVER = -0.5;
const TAKE_OVER = 0.5;

/** What sums of the same terms may differ by. */
const ROUNDING = 1 + 1e-9;

export class Guard {
  leader: Leader = 'survival';
  private readonly tree: PrefixTree;
  private readonly lru: Frontier;
  private readonly survival: Frontier;
  private readonly capacityUnits: () => number;
  /** Units that survival has saved beyond LRU, of late; and the sum of their squares by call. */
  private lead = 0;
  private leadSquares = 0;
  private decisive = 0;
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
    if (ahead === 0) return false;
    this.lead = this.lead * MEMORY + ahead;
    this.leadSquares = this.leadSquares * MEMORY + ahead * ahead;
    this.decisive++;
    if (this.decisive < LEAST_DECISIVE || this.preferred() === this.leader) return false;
    this.leader = this.preferred();
    return true;
  }

  private preferred(): Leader {
    // The lead is a sum of about independent terms: its variance is the sum of their squares.
    const standardErrors = this.lead / Math.sqrt(this.leadSquares);
    if (this.leader === 'lru') return standardErrors > TAKE_OVER ? 'survival' : 'lru';
    return standardErrors < HAND_OVER ? 'lru' : 'survival';
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
  /** Brings both ghosts back to capacity. To be asked when the call at hand has been seen whole, and not before the next one is. Returns how many groups they have lost something of. */
  trim(): number {
    return this.trimOne(this.lru) + this.trimOne(this.survival);
  }

  save(writer: TableWriter): void {
    writer.numbers([this.leader === 'lru' ? 1 : 0, this.lead, this.leadSquares, this.decisive], 'f64');
  }
  /** @throws EntresolError `ENT_SNAPSHOT_INVALID` for what no guard can have counted; the guard is then unchanged */
  load(reader: TableReader): void {
    const numbers = new Float64Array(4);
    reader.numbers(numbers, 'f64');
    const [leader, lead, leadSquares, decisive] = numbers;
    reader.demand(leader === 0 || leader === 1, `${leader} stands for no leader`);
    reader.demand(Number.isSafeInteger(decisive) && decisive >= 0, 'the guard has counted what cannot be counted');
    // By Cauchy and Schwarz: a weighted sum is at most the root of that of the squares times the sum of the weights.
    const heaviest = Math.min(decisive, 1 / (1 - MEMORY));
    reader.demand(leadSquares >= 0 && lead * lead <= leadSquares * heaviest * ROUNDING, 'the guard was ahead by more than was asked for');
    reader.finish();
    this.leader = leader === 1 ? 'lru' : 'survival';
    [, this.lead, this.leadSquares, this.decisive] = numbers;
  }

  private held(ghost: Frontier, chain: Int32Array): number {
    const { units } = this.tree;
    let held = 0;
    for (let at = 0; at < chain.length;) {
      const group = units.group[chain[at]];
      if (group < 0) break;
      const end = this.tree.endOfRun(chain, at, group);
      held += Math.min(end - at, ghost.kept[group]);
      if (ghost.kept[group] < end - at) break;
      at = end;
    }
    return held;
  }

  private trimOne(ghost: Frontier): number {
    let groups = 0;
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
      groups++;
      ghost.pay(ghost.heap.keyOf(group));
      ghost.setKept(group, Math.max(0, ghost.kept[group] - (ghost.total - capacity)));
    }
    if (setAside.length > 0) {
      for (const group of setAside) ghost.putBack(group);
      setAside.length = 0;
    }
    return groups;
  }
}
