/** LHD: of a random sample of leaves the one with the least hit density goes (Beckmann, Chen, Cidon, NSDI 2018). */
import type { CacheUnit, Lease, Random, RetentionIndex, StateBytes, Touch, UnitId } from '../../../core/index.ts';
import { grownFloat64, grownInt32, grownUint8 } from '../../../core/growing.ts';
import { NONE } from '../../lru/recency-lists.ts';
import { LeafHeap } from '../leaves/leaf-heap.ts';
import { nameHash } from '../name-hash.ts';
import { PrefixUnits } from '../prefix-units.ts';
import { HitDensities } from './hit-densities.ts';

export interface LhdConstants {
  /** Leaves compared per victim. */
  readonly samples: number;
  readonly decay: number;
  /** Densities are computed anew after so many accesses per block of capacity. */
  readonly renewal: number;
  /** Share of the cache that explorers may fill. */
  readonly explorerShare: number;
  /** One in so many new units becomes an explorer while there is room for one. */
  readonly explorerOdds: number;
}

/** Classes by how long ago the last two hits of a unit were, and by its agent in the place of an application. */
const HIT_AGE_CLASSES = 16;
const AGENT_CLASSES = 16;
const LEAST_RENEWAL = 256;
const unranked = (): number => 0;

export class LhdIndex implements RetentionIndex {
  readonly #units = new PrefixUnits();
  readonly #leaves = new LeafHeap(this.#units, unranked, unranked);
  readonly #densities: HitDensities;
  readonly #constants: LhdConstants;
  readonly #random: Random;
  readonly #capacityBlocks: number | undefined;
  /** Prompt units used so far: the clock. */
  #accesses = 0;
  #renewedAt = 0;
  #usedAt = new Float64Array(1024);
  /** Age at the last hit, and that plus the age at the one before; -1 before the first. */
  #lastHitAge = new Float64Array(1024);
  #classes = new Int32Array(1024);
  #agents = new Int32Array(1024);
  #explores = new Uint8Array(1024);
  #explorers = 0;

  constructor(constants: LhdConstants, random: Random, capacityBlocks: number | undefined) {
    this.#constants = constants;
    this.#random = random;
    this.#capacityBlocks = capacityBlocks;
    this.#densities = new HitDensities(HIT_AGE_CLASSES * AGENT_CLASSES, constants.decay);
  }

  define(unit: CacheUnit): void {
    const length = unit.id + 1;
    this.#units.define(unit);
    this.#usedAt = grownFloat64(this.#usedAt, length);
    this.#lastHitAge = grownFloat64(this.#lastHitAge, length);
    this.#classes = grownInt32(this.#classes, length);
    this.#agents = grownInt32(this.#agents, length);
    this.#explores = grownUint8(this.#explores, length);
  }

  touch({ units, first, origin, by }: Touch): void {
    const agent = nameHash(by.agent) & (AGENT_CLASSES - 1);
    for (let position = first; position < units.length; position++) {
      const unit = units[position];
      this.#agents[unit] = agent;
      if (origin === 'prompt' && this.#units.isResident(unit)) this.#hit(unit);
      this.#usedAt[unit] = this.#accesses;
    }
    if (origin !== 'prompt') return;
    this.#accesses += units.length;
    if (this.#accesses - this.#renewedAt < Math.max(LEAST_RENEWAL, this.#constants.renewal * this.#capacity)) return;
    this.#renewedAt = this.#accesses;
    this.#densities.renew();
  }

  setResident(unit: UnitId, resident: boolean): void {
    if (!this.#units.setResident(unit, resident)) return;
    if (resident) this.#stored(unit);
    else this.#dropped(unit);
  }

  forget(unit: UnitId): void { this.setResident(unit, false); }

  /** The hit density: hits per access that passes. */
  value(unit: UnitId): number { return this.#units.isResident(unit) ? this.#density(unit) : 0; }

  victims(blocks: number, pinned: (unit: UnitId) => boolean): Iterable<UnitId> {
    const victims: UnitId[] = [];
    const aside: number[] = [];
    // The sample is kept from victim to victim; what a victim leaves exposed joins it.
    const sample: number[] = [];
    for (let freed = 0; freed < blocks;) {
      this.#fill(sample, aside, pinned);
      if (sample.length === 0) break;
      const place = this.#lowest(sample);
      const unit = sample[place] as UnitId;
      sample[place] = sample[sample.length - 1];
      sample.pop();
      victims.push(unit);
      freed += this.#units.blocks[unit];
      const parent = this.#units.parents[unit];
      if (parent === NONE) continue;
      this.#units.residentChildren[parent]--;
      if (!this.#units.isLeaf(parent)) continue;
      this.#leaves.skip(parent);
      if (pinned(parent as UnitId)) aside.push(parent);
      else sample.push(parent);
    }
    for (const unit of victims) if (this.#units.parents[unit] !== NONE) this.#units.residentChildren[this.#units.parents[unit]]++;
    for (const seen of [victims, aside, sample]) for (const unit of seen) this.#leaves.consider(unit);
    return victims;
  }

  leases(): readonly Lease[] { return []; }

  stateBytes(): StateBytes {
    return { learned: this.#densities.bytes, working: this.#units.bytes + this.#leaves.bytes + this.#usedAt.length * 25, ghosts: 0 };
  }

  get #capacity(): number { return this.#capacityBlocks ?? this.#units.mostResidentBlocks; }

  #density(unit: number): number { return this.#densities.density(this.#classes[unit], this.#accesses - this.#usedAt[unit]); }

  #fill(sample: number[], aside: number[], pinned: (unit: UnitId) => boolean): void {
    while (sample.length < this.#constants.samples) {
      const { size } = this.#leaves;
      if (size === 0) return;
      const unit = this.#leaves.at(Math.floor(this.#random() * size));
      if (unit === NONE) continue;
      this.#leaves.skip(unit);
      if (pinned(unit as UnitId)) aside.push(unit);
      else sample.push(unit);
    }
  }

  /** The place of the least dense; explorers come last. */
  #lowest(sample: readonly number[]): number {
    let lowest = 0;
    let least = Infinity;
    for (let place = 0; place < sample.length; place++) {
      const density = this.#density(sample[place]) + this.#explores[sample[place]];
      if (density < least) {
        least = density;
        lowest = place;
      }
    }
    return lowest;
  }

  #hit(unit: number): void {
    const age = this.#accesses - this.#usedAt[unit];
    this.#densities.countHit(this.#classes[unit], age);
    const before = this.#lastHitAge[unit];
    this.#lastHitAge[unit] = age;
    this.#classes[unit] = this.#classOf(this.#agents[unit], before < 0 ? 2 * age : age + before);
  }

  #stored(unit: number): void {
    this.#lastHitAge[unit] = -1;
    this.#classes[unit] = this.#classOf(this.#agents[unit], -1);
    this.#usedAt[unit] = this.#accesses;
    this.#leaves.consider(unit);
    if (this.#explorers >= this.#constants.explorerShare * this.#capacity || this.#random() * this.#constants.explorerOdds >= 1) return;
    this.#explores[unit] = 1;
    this.#explorers++;
  }

  #dropped(unit: number): void {
    this.#densities.countEviction(this.#classes[unit], this.#accesses - this.#usedAt[unit]);
    this.#explorers -= this.#explores[unit];
    this.#explores[unit] = 0;
    this.#leaves.remove(unit);
    const parent = this.#units.parents[unit];
    if (parent !== NONE && this.#units.isLeaf(parent)) this.#leaves.consider(parent);
  }

  /** Class 0 of an agent has not been hit yet; the others go by two octaves of the ages at its last two hits. */
  #classOf(agent: number, hitAges: number): number {
    const byAge = hitAges < 0 ? 0 : Math.min(HIT_AGE_CLASSES - 1, 1 + Math.floor(Math.log2(1 + hitAges) / 2));
    return agent * HIT_AGE_CLASSES + byAge;
  }
}
