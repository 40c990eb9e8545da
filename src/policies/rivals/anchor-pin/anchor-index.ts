import type { CacheUnit, Lease, RetentionIndex, StateBytes, Touch, UnitId } from '../../../core/index.ts';
import { RecencyIndex } from '../../lru/recency-index.ts';
import { nameHash } from '../name-hash.ts';
import { UseCells } from './use-cells.ts';

const ANCHOR = 1;

/** Anchors (blocks that prompts of one agent have used in two or more sessions) go last; LRU among them and among the rest. */
export class AnchorIndex implements RetentionIndex {
  readonly #recency = new RecencyIndex(2);
  readonly #uses = new UseCells();

  define(unit: CacheUnit): void {
    this.#uses.reserve(unit.id);
    this.#recency.define(unit);
  }

  touch(touch: Touch, nowMs: number): void {
    if (touch.origin === 'prompt') this.#noteUses(touch);
    this.#recency.touch(touch, nowMs);
  }

  setResident(unit: UnitId, resident: boolean): void { this.#recency.setResident(unit, resident); }

  forget(unit: UnitId): void {
    this.#uses.clear(unit);
    this.#recency.forget(unit);
  }

  value(unit: UnitId, nowMs: number): number { return this.#recency.value(unit, nowMs); }

  victims(blocks: number, pinned: (unit: UnitId) => boolean): Iterable<UnitId> { return this.#recency.victims(blocks, pinned); }

  leases(nowMs: number, max: number): readonly Lease[] { return this.#recency.leases(nowMs, max); }

  stateBytes(): StateBytes {
    const { learned, working, ghosts } = this.#recency.stateBytes();
    return { learned, working: working + this.#uses.bytes, ghosts };
  }

  #noteUses(touch: Touch): void {
    const agent = nameHash(touch.by.agent);
    const session = nameHash(touch.by.session);
    for (const unit of touch.units) {
      if (this.#recency.classOf(unit) === ANCHOR) continue;
      if (!this.#uses.usedInTwoSessions(unit, agent, session)) continue;
      this.#recency.classify(unit, ANCHOR);
      this.#uses.clear(unit);
    }
  }
}

