/**
 * SIEVE (Zhang et al., NSDI 2024): one FIFO queue, one visited bit per unit. A hand moves from the oldest unit towards
 * the newest: it clears the bit of those visited, which stay where they are, and evicts the first that was not.
 */
import type { CacheUnit, Lease, RetentionIndex, StateBytes, Touch, UnitId } from '../../../core/index.ts';
import { grownUint8 } from '../../../core/growing.ts';
import { NONE } from '../../lru/recency-lists.ts';
import { UnitQueues } from '../queues/unit-queues.ts';

const QUEUE = 0;

export class SieveIndex implements RetentionIndex {
  readonly #queues = new UnitQueues(1);
  #visited = new Uint8Array(1024);
  /** Where the hand is; NONE: at the oldest. */
  #hand = NONE;

  define(unit: CacheUnit): void {
    this.#queues.define(unit);
    this.#visited = grownUint8(this.#visited, unit.id + 1);
    this.#visited[unit.id] = 0;
  }

  touch({ units, first, origin }: Touch): void {
    if (origin === 'prompt') this.#queues.beginCall();
    for (let position = first; position < units.length; position++) {
      const unit = units[position];
      const isHit = origin === 'prompt' && this.#queues.units.isResident(unit);
      if (isHit) this.#visited[unit] = 1;
      if (this.#queues.queueOf(unit) === NONE) this.#queues.join(unit, QUEUE);
    }
  }

  setResident(unit: UnitId, resident: boolean): void {
    if (!this.#queues.units.setResident(unit, resident)) return;
    if (!resident) this.#remove(unit);
    else if (this.#queues.queueOf(unit) === NONE) this.#queues.join(unit, QUEUE);
  }

  forget(unit: UnitId): void {
    this.setResident(unit, false);
    this.#remove(unit);
  }

  /** An order of two classes: visited or not. */
  value(unit: UnitId): number {
    if (!this.#queues.units.isResident(unit)) return 0;
    if (this.#queues.isCondemned(unit)) return 0.5;
    return 1 + this.#visited[unit];
  }

  victims(blocks: number, pinned: (unit: UnitId) => boolean): Iterable<UnitId> {
    const queues = this.#queues;
    queues.beginDecision(blocks, pinned);
    // Two rounds without a bit cleared or a unit taken: all that is left is out of reach.
    for (let idleRounds = 0; !queues.isDone && idleRounds < 2;) {
      if (this.#hand === NONE) {
        this.#hand = queues.oldest(QUEUE);
        idleRounds++;
        if (this.#hand === NONE) break;
      }
      if (this.#pass(this.#hand)) idleRounds = 0;
    }
    return queues.endDecision();
  }

  leases(): readonly Lease[] { return []; }

  stateBytes(): StateBytes { return { learned: 0, working: this.#queues.bytes + this.#visited.byteLength, ghosts: 0 }; }

  /** The hand passes a unit; answers whether that has changed anything. */
  #pass(unit: number): boolean {
    const queues = this.#queues;
    this.#hand = queues.newerThan(unit);
    if (queues.isPinned(unit)) return false;
    if (!queues.units.isResident(unit)) queues.leave(unit);
    else if (this.#visited[unit] === 1) this.#visited[unit] = 0;
    else queues.take(unit);
    return true;
  }

  #remove(unit: number): void {
    if (unit === this.#hand) this.#hand = this.#queues.newerThan(unit);
    this.#queues.drop(unit);
    this.#visited[unit] = 0;
  }
}
