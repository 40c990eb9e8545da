/** The blocks of one rank (one scheduler, one block pool), by hash. */
import type { UnitId } from '../../../core/index.ts';
import type { Block } from './block.ts';

export class RankCache {
  readonly rank: number;
  readonly #blocks = new Map<bigint, Block>();
  /** Known and not in the accelerator's memory, the longest so first. */
  readonly #absent = new Set<Block>();
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
  get absent(): number { return this.#absent.size; }
  /** Of those that are gone, as many are remembered as a cache of twice the size would still hold. */
  get rememberedLimit(): number { return Math.max(4096, 2 * (this.capacityBlocks ?? this.#most)); }

  find(key: bigint): Block | undefined { return this.#blocks.get(key); }
  all(): Iterable<Block> { return this.#blocks.values(); }

  add(unit: UnitId, key: bigint): Block {
    const block: Block = { unit, rank: this.rank, key, parent: undefined, placed: false, depth: 0, children: 0, copies: 0, below: 0, owner: undefined };
    this.#blocks.set(key, block);
    this.#absent.add(block);
    return block;
  }

  /** @returns whether what it is said to follow agrees with what is known */
  place(block: Block, parent: Block | undefined): boolean {
    if (block.placed) return block.parent === parent;
    block.placed = true;
    block.parent = parent;
    block.depth = parent === undefined ? 0 : parent.depth + 1;
    if (parent !== undefined) parent.children += 1;
    return true;
  }

  /** @returns whether its residence changed */
  setCopies(block: Block, copies: number): boolean {
    const was = block.copies;
    this.#copies += copies - was;
    block.copies = copies;
    if ((was > 0) === (copies > 0)) return false;
    if (copies > 0) {
      this.#absent.delete(block);
      this.#resident += 1;
      this.#most = Math.max(this.#most, this.#resident);
    } else {
      this.#absent.add(block);
      this.#resident -= 1;
    }
    return true;
  }

  /** It was used though it is not there: it is remembered a while longer. */
  recall(block: Block): void {
    if (this.#absent.delete(block)) this.#absent.add(block);
  }

  /** Takes blocks that are neither there nor followed by any out of the table, the longest absent first. */
  *trim(limit: number): Generator<Block> {
    // Many at once: to begin at the front of a set costs as much as entries were deleted there.
    if (this.#absent.size <= limit + (limit >> 3)) return;
    let looks = 2 * Math.max(0, this.#absent.size - limit);
    for (const block of this.#absent) {
      if (this.#absent.size <= limit || looks-- <= 0) return;
      if (block.children > 0 || block.below > 0) {
        // Its turn comes again once those that follow it are gone.
        this.recall(block);
        continue;
      }
      this.#absent.delete(block);
      this.#blocks.delete(block.key);
      if (block.parent !== undefined) block.parent.children -= 1;
      yield block;
    }
  }
}
