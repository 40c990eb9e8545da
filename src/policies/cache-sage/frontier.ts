import { grownInt32 } from '../../core/growing.ts';
import type { GroupTable } from './groups.ts';
import { RankedHeap } from './ranked-heap.ts';

/** Share of the price that one more eviction leaves. */
const PRICE_MEMORY = 0.98;

/**
 * One cache's view of the tree of groups: how many units of each it holds, and a heap of those groups that hold units
 * and have nothing below them: the only ones that can be evicted from. So a prefix is never given up before what
 * hangs from it, which is what raising it to its descendants' value amounts to.
 */
export class Frontier {
  readonly heap = new RankedHeap();
  /** Units held, per group. */
  kept = new Int32Array(64);
  /** Children that hold something themselves or below. */
  occupied = new Int32Array(64);
  /** Units held in all. */
  total = 0;
  /** What was given up of late was worth no more than this. */
  price = 0;
  /** Groups taken since the heap was last as it is. */
  get taken(): number {
    return this.groupsTaken;
  }
  private groupsTaken = 0;
  /** Of the group that was taken last. */
  keyTaken = 0;
  /** Groups that are in the heap or out of it by supposition. */
  private readonly supposed: number[] = [];
  private readonly groups: GroupTable;
  private readonly rank: (group: number) => number;
  private readonly comes: ((group: number) => void) | undefined;

  /**
   * @param rank key of a group, lowest is evicted first; asked when the group comes into the heap or is ranked anew
   * @param comes told of a group before it comes into the heap
   */
  constructor(groups: GroupTable, rank: (group: number) => number, comes?: (group: number) => void) {
    this.groups = groups;
    this.rank = rank;
    this.comes = comes;
  }

  get bytes(): number {
    return this.kept.byteLength + this.occupied.byteLength + this.heap.bytes;
  }

  /** A number from the pool comes into use. */
  create(group: number): void {
    this.kept = grownInt32(this.kept, group + 1);
    this.occupied = grownInt32(this.occupied, group + 1);
    this.kept[group] = this.occupied[group] = 0;
  }

  setKept(group: number, units: number): void {
    if (units > 0 && this.kept[group] > 0) {
      // It held something and still does: nothing else hangs on how much.
      this.total += units - this.kept[group];
      this.kept[group] = units;
      return;
    }
    const before = this.isOccupied(group);
    this.total += units - this.kept[group];
    this.kept[group] = units;
    this.place(group);
    this.spread(group, before);
  }

  /** `upper` has been put between `lower` and its parent and takes `units` of what `lower` holds. */
  divide(lower: number, upper: number, units: number): void {
    this.kept[upper] = units;
    this.kept[lower] -= units;
    this.occupied[upper] = this.isOccupied(lower) ? 1 : 0;
    this.place(lower);
    this.place(upper);
  }

  /** `upper` takes over its only child `lower` and what hangs from it. */
  unite(upper: number, lower: number): void {
    this.heap.remove(lower);
    this.kept[upper] += this.kept[lower];
    this.occupied[upper] = this.occupied[lower];
    this.kept[lower] = this.occupied[lower] = 0;
    this.place(upper);
  }

  /** `child` is about to be cut off its parent. */
  cut(child: number): void {
    const parent = this.groups.parent[child];
    if (parent < 0 || !this.isOccupied(child)) return;
    const before = this.isOccupied(parent);
    this.occupied[parent]--;
    this.place(parent);
    this.spread(parent, before);
  }

  rankAnew(group: number): void {
    if (this.heap.has(group)) this.heap.set(group, this.rank(group), this.groups.usedAt[group]);
  }

  /** After the ranking rule has changed. */
  rankAllAnew(): void {
    this.price = 0;
    for (const group of this.members()) this.rankAnew(group);
  }

  /** Something of this worth is given up. */
  pay(key: number): void {
    this.price = Math.max(key, this.price * PRICE_MEMORY);
  }

  /** The group that would go next, out of the heap, on the supposition that it goes; -1 if there is none. Until `settle`, the heap is as if it had gone. */
  take(): number {
    const group = this.heap.top();
    if (group < 0) return -1;
    this.keyTaken = this.heap.keyOf(group);
    this.pay(this.keyTaken);
    this.heap.remove(group);
    this.supposed.push(group);
    this.groupsTaken++;
    return group;
  }
  /** Supposes that the group holds nothing: its parent may come into the heap. Followed by `cover`. */
  expose(group: number): void {
    let parent = this.groups.parent[group];
    if (parent < 0) return;
    this.occupied[parent]--;
    // Through ancestors that hold nothing themselves (holes that an engine left).
    while (this.occupied[parent] === 0 && this.kept[parent] === 0) {
      parent = this.groups.parent[parent];
      if (parent < 0) return;
      this.occupied[parent]--;
    }
    this.place(parent);
    this.supposed.push(parent);
  }
  cover(group: number): void {
    let parent = this.groups.parent[group];
    if (parent < 0) return;
    while (this.occupied[parent]++ === 0 && this.kept[parent] === 0) {
      parent = this.groups.parent[parent];
      if (parent < 0) return;
    }
  }
  /** What was supposed to go has gone by now, or stays. */
  settle(): void {
    const { supposed } = this;
    this.groupsTaken = 0;
    for (let group = supposed.pop(); group !== undefined; group = supposed.pop()) this.place(group);
  }

  /** A group was taken out of the heap for a while. */
  putBack(group: number): void {
    this.place(group);
  }

  isOccupied(group: number): boolean {
    return this.kept[group] > 0 || this.occupied[group] > 0;
  }

  private members(): number[] {
    return Array.from({ length: this.heap.size }, (_, place) => this.heap.at(place));
  }

  private place(group: number): void {
    const inside = this.kept[group] > 0 && this.occupied[group] === 0;
    if (!inside) this.heap.remove(group);
    else if (!this.heap.has(group)) {
      this.comes?.(group);
      this.heap.set(group, this.rank(group), this.groups.usedAt[group]);
    }
  }

  /** Tells the ancestors that the group has come to hold something, or no longer does. */
  private spread(start: number, startBefore: boolean): void {
    let group = start;
    let before = startBefore;
    for (;;) {
      const after = this.isOccupied(group);
      const parent = this.groups.parent[group];
      if (before === after || parent < 0) return;
      before = this.isOccupied(parent);
      this.occupied[parent] += after ? 1 : -1;
      this.place(parent);
      group = parent;
    }
  }
}
