/** The blocks of one rank (one scheduler, one block pool), by hash. */
import type { UnitId } from '../../../core/index.ts';
import type { Block } from './block.ts';
import { LooseBlocks } from './loose-blocks.ts';

/** Of one call: what is over comes with the next. */
const TRIMMED_AT_ONCE = 4096;

export class RankCache {
  readonly rank: number;
  readonly #blocks = new Map<bigint, Block>();
  readonly #loose = new LooseBlocks();
  #absent = 0;
  #resident = 0;
  #copies = 0;
  /** The most that were ever resident at once. */
  #most = 0;
  /** Total blocks of the engine's pool, where it tells. */
  capacityBlocks: number | undefined;
  /** Of a model with several kinds of cache, the group that events are read of. */
  group: number | undefined;

  constructor(rank: number) {
    this.rank = rank;
  }

  get size(): number { return this.#blocks.size; }
  /** Distinct blocks in the accelerator's memory. */
  get resident(): number { return this.#resident; }
  /** Physical ones. */
  get copies(): number { return this.#copies; }
  /** Known and in no memory. */
  get absent(): number { return this.#absent; }
  /** Of those that are gone, as many are remembered as a cache of twice the size would still hold. */
  get rememberedLimit(): number { return Math.max(4096, 2 * (this.capacityBlocks ?? this.#most)); }

  find(key: bigint): Block | undefined { return this.#blocks.get(key); }
  all(): Iterable<Block> { return this.#blocks.values(); }

  add(unit: UnitId, key: bigint): Block {
    const block: Block = { unit, rank: this.rank, key, parent: undefined, placed: false, depth: 0, children: 0, copies: 0, below: 0, owner: undefined, older: undefined, newer: undefined, loose: false };
    this.#blocks.set(key, block);
    this.#absent += 1;
    this.#loose.add(block);
    return block;
  }

  /** @returns whether what it is said to follow agrees with what is known */
  place(block: Block, parent: Block | undefined): boolean {
    if (block.placed) return block.parent === parent;
    block.placed = true;
    block.parent = parent;
    block.depth = parent === undefined ? 0 : parent.depth + 1;
    if (parent !== undefined) {
      parent.children += 1;
      this.#loose.delete(parent);
    }
    return true;
  }

  /** @returns whether its residence changed */
  setCopies(block: Block, copies: number): boolean {
    const was = block.copies;
    this.#copies += copies - was;
    this.#setHeld(block, copies, block.below);
    if ((was > 0) === (copies > 0)) return false;
    this.#resident += copies > 0 ? 1 : -1;
    this.#most = Math.max(this.#most, this.#resident);
    return true;
  }

  setBelow(block: Block, copies: number): void { this.#setHeld(block, block.copies, copies); }

  /** It was used though it is not there: it is remembered a while longer. */
  recall(block: Block): void {
    if (this.#loose.delete(block)) this.#loose.add(block);
  }

  /** Takes blocks that are nowhere and followed by none out of the table, the longest so first. */
  *trim(limit: number): Generator<Block> {
    for (let trimmed = 0; this.#absent > limit && trimmed < TRIMMED_AT_ONCE; trimmed++) {
      const block = this.#loose.takeOldest();
      if (block === undefined) return;
      this.#absent -= 1;
      this.#blocks.delete(block.key);
      const { parent } = block;
      if (parent !== undefined) {
        parent.children -= 1;
        this.#settle(parent);
      }
      yield block;
    }
  }

  #setHeld(block: Block, copies: number, below: number): void {
    const was = block.copies > 0 || block.below > 0;
    block.copies = copies;
    block.below = below;
    const is = copies > 0 || below > 0;
    if (was === is) return;
    this.#absent += is ? -1 : 1;
    this.#settle(block);
  }

  #settle(block: Block): void {
    if (block.copies === 0 && block.below === 0 && block.children === 0) this.#loose.add(block);
    else this.#loose.delete(block);
  }
}
