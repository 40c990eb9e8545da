/**
 * W-TinyLFU (Einziger, Friedman, Manes, ACM ToS 2017): new units stand in a small window of LRU; what falls out of it
 * competes with the oldest of the main cache, and the one that a sketch has counted less often goes. The main cache is
 * a segmented LRU: probation, and a protected part for what was used there.
 */
import type { CacheUnit, Lease, RetentionIndex, StateBytes, Touch, UnitId } from '../../../core/index.ts';
import { NONE } from '../../lru/recency-lists.ts';
import { UnitQueues } from '../queues/unit-queues.ts';
import { FrequencySketch } from './frequency-sketch.ts';

export interface TinyLfuConstants {
  /** Share of the cache for the window. */
  readonly windowShare: number;
  /** Share of the main cache for its protected part. */
  readonly protectedShare: number;
}

const WINDOW = 0;
const PROBATION = 1;
const PROTECTED = 2;

export class TinyLfuIndex implements RetentionIndex {
  readonly #queues = new UnitQueues(3);
  readonly #constants: TinyLfuConstants;
  readonly #capacityBlocks: number | undefined;
  #sketch: FrequencySketch;
  #sketchFor: number;

  constructor(constants: TinyLfuConstants, capacityBlocks: number | undefined) {
    this.#constants = constants;
    this.#capacityBlocks = capacityBlocks;
    this.#sketchFor = capacityBlocks ?? 1024;
    this.#sketch = new FrequencySketch(this.#sketchFor);
  }

  define(unit: CacheUnit): void { this.#queues.define(unit); }

  touch({ units, first, origin }: Touch): void {
    const queues = this.#queues;
    if (origin === 'prompt') queues.beginCall();
    for (let position = first; position < units.length; position++) {
      const unit = units[position];
      if (origin === 'prompt') this.#sketch.count(unit);
      if (!queues.units.isResident(unit)) {
        if (queues.queueOf(unit) === NONE) queues.join(unit, WINDOW);
      } else if (origin === 'prompt') queues.join(unit, queues.homeOf(unit) === WINDOW ? WINDOW : PROTECTED);
    }
    this.#demote();
  }

  setResident(unit: UnitId, resident: boolean): void {
    if (!this.#queues.units.setResident(unit, resident)) return;
    if (!resident) this.#queues.drop(unit);
    else if (this.#queues.queueOf(unit) === NONE) this.#queues.join(unit, WINDOW);
  }

  forget(unit: UnitId): void {
    this.#queues.units.setResident(unit, false);
    this.#queues.drop(unit);
  }

  /** An order of classes: protected over the rest, each by the sketch's count. */
  value(unit: UnitId): number {
    if (!this.#queues.units.isResident(unit)) return 0;
    if (this.#queues.isCondemned(unit)) return 0.5;
    return 1 + this.#sketch.frequency(unit) + (this.#queues.queueOf(unit) === PROTECTED ? 16 : 0);
  }

  victims(blocks: number, pinned: (unit: UnitId) => boolean): Iterable<UnitId> {
    const queues = this.#queues;
    this.#growSketch();
    this.#fillMain();
    queues.beginDecision(blocks, pinned);
    const windowBlocks = this.#constants.windowShare * this.#capacity;
    while (!queues.isDone) {
      const candidate = queues.blocksIn(WINDOW) > windowBlocks ? queues.oldestInReach(WINDOW) : NONE;
      let victim = queues.oldestInReach(PROBATION);
      if (victim === NONE) victim = queues.oldestInReach(PROTECTED);
      if (candidate === NONE && victim === NONE) {
        const last = queues.oldestInReach(WINDOW);
        if (last === NONE) break;
        queues.take(last);
      } else if (candidate === NONE) queues.take(victim);
      else if (victim === NONE) queues.take(candidate);
      else if (this.#sketch.frequency(candidate) > this.#sketch.frequency(victim)) {
        queues.join(candidate, PROBATION);
        queues.take(victim);
      } else queues.take(candidate);
    }
    return queues.endDecision();
  }

  leases(): readonly Lease[] { return []; }

  stateBytes(): StateBytes { return { learned: this.#sketch.bytes, working: this.#queues.bytes, ghosts: 0 }; }

  get #capacity(): number { return this.#capacityBlocks ?? this.#queues.units.mostResidentBlocks; }

  get #mainBlocks(): number { return (1 - this.#constants.windowShare) * this.#capacity; }

  /** While the main cache has room, what falls out of the window competes with nobody. */
  #fillMain(): void {
    const queues = this.#queues;
    const windowBlocks = this.#constants.windowShare * this.#capacity;
    let room = this.#mainBlocks - queues.blocksIn(PROBATION) - queues.blocksIn(PROTECTED);
    let unit = queues.oldest(WINDOW);
    while (unit !== NONE && queues.blocksIn(WINDOW) > windowBlocks && room >= queues.units.blocks[unit]) {
      const newer = queues.newerThan(unit);
      if (queues.units.isResident(unit)) {
        queues.join(unit, PROBATION);
        room -= queues.units.blocks[unit];
      }
      unit = newer;
    }
  }

  /** What the protected part holds beyond its share goes back on probation. */
  #demote(): void {
    const queues = this.#queues;
    const most = this.#constants.protectedShare * this.#mainBlocks;
    while (queues.blocksIn(PROTECTED) > most) queues.join(queues.oldest(PROTECTED), PROBATION);
  }

  #growSketch(): void {
    if (this.#capacityBlocks !== undefined || this.#capacity <= this.#sketchFor) return;
    this.#sketchFor = 2 * this.#capacity;
    this.#sketch = new FrequencySketch(this.#sketchFor);
  }
}
