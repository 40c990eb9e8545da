/**
 * S3-FIFO (Yang et al., SOSP 2023): new units join a small FIFO queue; those used at least twice there move to the main
 * one, the rest go early and are remembered by a ghost queue. What the ghost remembers joins the main queue at once. In
 * the main queue a unit that was used goes round again, at most three times for three uses.
 */
import type { CacheUnit, Lease, RetentionIndex, StateBytes, Touch, UnitId } from '../../../core/index.ts';
import { grownUint8 } from '../../../core/growing.ts';
import { NONE } from '../../lru/recency-lists.ts';
import { UnitQueues } from '../queues/unit-queues.ts';

export interface S3FifoConstants {
  /** Share of the cache that the small queue may fill. */
  readonly smallShare: number;
  /** Uses in the small queue from which on a unit moves to the main one. */
  readonly usesToMove: number;
}

const SMALL = 0;
const MAIN = 1;
const GHOST = 2;
/** Two bits per unit. */
const MOST_USES = 3;

export class S3FifoIndex implements RetentionIndex {
  readonly #queues = new UnitQueues(3);
  readonly #constants: S3FifoConstants;
  readonly #capacityBlocks: number | undefined;
  #uses = new Uint8Array(1024);

  constructor(constants: S3FifoConstants, capacityBlocks: number | undefined) {
    this.#constants = constants;
    this.#capacityBlocks = capacityBlocks;
  }

  define(unit: CacheUnit): void {
    this.#queues.define(unit);
    this.#uses = grownUint8(this.#uses, unit.id + 1);
    this.#uses[unit.id] = 0;
  }

  touch({ units, first, origin }: Touch): void {
    if (origin === 'prompt') this.#queues.beginCall();
    for (let position = first; position < units.length; position++) {
      const unit = units[position];
      const isStored = this.#queues.units.isResident(unit);
      if (isStored && origin === 'prompt' && this.#uses[unit] < MOST_USES) this.#uses[unit]++;
      this.#admit(unit, isStored);
    }
  }

  setResident(unit: UnitId, resident: boolean): void {
    if (!this.#queues.units.setResident(unit, resident)) return;
    if (resident) this.#admit(unit, false);
    else this.#dropped(unit);
  }

  forget(unit: UnitId): void {
    this.#queues.units.setResident(unit, false);
    this.#queues.drop(unit);
    this.#uses[unit] = 0;
  }

  /** An order of classes: the small queue below the main one, each by uses. */
  value(unit: UnitId): number {
    if (!this.#queues.units.isResident(unit)) return 0;
    if (this.#queues.isCondemned(unit)) return 0.5;
    return 1 + this.#uses[unit] + (this.#queues.queueOf(unit) === MAIN ? MOST_USES + 1 : 0);
  }

  victims(blocks: number, pinned: (unit: UnitId) => boolean): Iterable<UnitId> {
    const queues = this.#queues;
    const smallBlocks = this.#constants.smallShare * this.#capacity;
    queues.beginDecision(blocks, pinned);
    while (!queues.isDone) {
      const preferred = queues.blocksIn(SMALL) > smallBlocks ? SMALL : MAIN;
      let unit = queues.oldestInReach(preferred);
      if (unit === NONE) unit = queues.oldestInReach(preferred === SMALL ? MAIN : SMALL);
      if (unit === NONE) break;
      if (queues.queueOf(unit) === SMALL) this.#scanSmall(unit);
      else this.#scanMain(unit);
    }
    return queues.endDecision();
  }

  leases(): readonly Lease[] { return []; }

  stateBytes(): StateBytes { return { learned: 0, working: this.#queues.bytes + this.#uses.byteLength, ghosts: this.#queues.blocksIn(GHOST) * 4 }; }

  get #capacity(): number { return this.#capacityBlocks ?? this.#queues.units.mostResidentBlocks; }

  /** Puts a unit into its queue unless it is in one: what has been stored all along goes back to where it was. */
  #admit(unit: number, isStored: boolean): void {
    const queue = this.#queues.queueOf(unit);
    if (queue === SMALL || queue === MAIN) return;
    if (isStored) this.#queues.join(unit, this.#queues.homeOf(unit));
    else this.#queues.join(unit, queue === GHOST ? MAIN : SMALL);
  }

  #scanSmall(unit: number): void {
    if (this.#uses[unit] < this.#constants.usesToMove) {
      this.#queues.take(unit);
      return;
    }
    this.#uses[unit] = 0;
    this.#queues.join(unit, MAIN);
  }

  #scanMain(unit: number): void {
    if (this.#uses[unit] === 0) {
      this.#queues.take(unit);
      return;
    }
    this.#uses[unit]--;
    this.#queues.join(unit, MAIN);
  }

  #dropped(unit: number): void {
    const home = this.#queues.homeOf(unit);
    this.#queues.drop(unit);
    this.#uses[unit] = 0;
    if (home !== SMALL) return;
    this.#queues.join(unit, GHOST);
    const mostBlocks = (1 - this.#constants.smallShare) * this.#capacity;
    while (this.#queues.blocksIn(GHOST) > mostBlocks) this.#queues.leave(this.#queues.oldest(GHOST));
  }
}
