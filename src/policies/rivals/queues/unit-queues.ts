/**
 * FIFO queues of units for policies that scan queues: a unit joins at the new end, and within one call a deeper unit
 * counts as older. A unit whose turn to go comes while something still hangs from it is *condemned*: it leaves its queue and
 * goes right after the last of what hangs from it, unless a call uses it before. So a scan passes it once only.
 */
import type { CacheUnit, UnitId } from '../../../core/index.ts';
import { grownFloat64, grownInt32, grownUint8 } from '../../../core/growing.ts';
import { NONE, RecencyLists } from '../../lru/recency-lists.ts';
import { PrefixUnits } from '../prefix-units.ts';

const NOBODY = (): boolean => false;

export class UnitQueues {
  readonly units = new PrefixUnits();
  readonly #lists: RecencyLists;
  /** Blocks in each queue. */
  readonly #blocks: number[];
  #condemned = new Uint8Array(1024);
  /** The queue that the unit is in, or was in when it was condemned. */
  #homes = new Int32Array(1024);
  #joinedAt = new Float64Array(1024);
  #call = 0;

  // ---- of the decision that is being made
  #pinned: (unit: UnitId) => boolean = NOBODY;
  #wanted = 0;
  #victims: UnitId[] = [];
  /** The newest of those that the scan of each queue has passed because they are pinned. */
  readonly #cursors: number[];

  constructor(queues: number) {
    this.#lists = new RecencyLists(queues);
    this.#blocks = Array.from({ length: queues }, () => 0);
    this.#cursors = Array.from({ length: queues }, () => NONE);
  }

  define(unit: CacheUnit): void {
    this.units.define(unit);
    this.#lists.reserve(unit.id);
    this.#condemned = grownUint8(this.#condemned, unit.id + 1);
    this.#homes = grownInt32(this.#homes, unit.id + 1);
    this.#joinedAt = grownFloat64(this.#joinedAt, unit.id + 1);
    this.#joinedAt[unit.id] = 0;
  }

  /** A call begins: what joins from now on is of one age. */
  beginCall(): void { this.#call++; }

  /** The queue that the unit is in, or -1. */
  queueOf(unit: number): number { return this.#lists.classOf(unit); }

  /** The queue that the unit is in, or was in when it was condemned. */
  homeOf(unit: number): number { return this.#homes[unit]; }

  blocksIn(queue: number): number { return this.#blocks[queue]; }

  oldest(queue: number): number { return this.#lists.oldest(queue); }

  newerThan(unit: number): number { return this.#lists.newerThan(unit); }

  isCondemned(unit: number): boolean { return this.#condemned[unit] === 1; }

  /** Puts the unit at the new end, or behind its parent if that has just joined the same queue. Out of any other queue. */
  join(unit: number, queue: number): void {
    this.leave(unit);
    const parent = this.units.parents[unit];
    const follows = parent !== NONE && this.#lists.classOf(parent) === queue && this.#joinedAt[parent] === this.#call;
    if (follows) this.#lists.moveBehind(unit, parent);
    else this.#lists.moveToNewest(unit, queue);
    this.#joinedAt[unit] = this.#call;
    this.#homes[unit] = queue;
    this.#blocks[queue] += this.units.blocks[unit];
  }

  /** Takes the unit out of its queue, and back from the condemned. */
  leave(unit: number): void {
    this.#condemned[unit] = 0;
    const queue = this.#lists.classOf(unit);
    if (queue === NONE) return;
    this.#blocks[queue] -= this.units.blocks[unit];
    this.#lists.remove(unit);
  }

  /** The unit is no longer resident. A condemned parent that waited for it alone comes back to be found first. */
  drop(unit: number): void {
    this.leave(unit);
    const parent = this.units.parents[unit];
    if (parent !== NONE && this.#condemned[parent] === 1 && this.units.isLeaf(parent)) this.#joinOldest(parent);
  }

  // ---- decisions

  beginDecision(blocks: number, pinned: (unit: UnitId) => boolean): void {
    // Those chosen last time that were not dropped after all.
    for (const unit of this.#victims.toReversed()) if (this.units.isResident(unit) && this.queueOf(unit) === NONE) this.#joinOldest(unit);
    this.#wanted = blocks;
    this.#pinned = pinned;
    this.#victims = [];
    this.#cursors.fill(NONE);
  }

  get isDone(): boolean { return this.#wanted <= 0; }

  isPinned(unit: number): boolean { return this.#pinned(unit as UnitId); }

  /** The oldest of a queue that is resident and not pinned, or -1. What has gone is dropped on the way. */
  oldestInReach(queue: number): number {
    for (;;) {
      const passed = this.#cursors[queue];
      const unit = passed === NONE ? this.#lists.oldest(queue) : this.#lists.newerThan(passed);
      if (unit === NONE) return NONE;
      if (this.isPinned(unit)) this.#cursors[queue] = unit;
      else if (this.units.isResident(unit)) return unit;
      else this.leave(unit);
    }
  }

  /** The unit's turn has come: it is chosen, with those condemned that waited for it alone, or it is condemned. */
  take(unit: number): void {
    this.leave(unit);
    if (this.units.residentChildren[unit] > 0) {
      this.#condemned[unit] = 1;
      return;
    }
    for (let next = unit; ;) {
      this.#victims.push(next as UnitId);
      this.#wanted -= this.units.blocks[next];
      const parent = this.units.parents[next];
      if (parent === NONE) return;
      this.units.residentChildren[parent]--;
      if (this.isDone || this.#condemned[parent] === 0 || !this.units.isLeaf(parent) || this.isPinned(parent)) return;
      next = parent;
      this.leave(next);
    }
  }

  /** Ends the decision and answers its victims, in order. Nothing is dropped: the engine tells what it has dropped. */
  endDecision(): UnitId[] {
    for (const unit of this.#victims) {
      const parent = this.units.parents[unit];
      if (parent !== NONE) this.units.residentChildren[parent]++;
    }
    return this.#victims;
  }

  get bytes(): number { return this.units.bytes + this.#lists.bytes + this.#condemned.length * 13; }

  #joinOldest(unit: number): void {
    this.#condemned[unit] = 0;
    const queue = this.#homes[unit];
    const oldest = this.#lists.oldest(queue);
    if (oldest === NONE) this.#lists.moveToNewest(unit, queue);
    else this.#lists.moveBehind(unit, oldest);
    this.#blocks[queue] += this.units.blocks[unit];
  }
}
