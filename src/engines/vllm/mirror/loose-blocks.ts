/** Blocks that may be let go of, in the order in which they came to be so. A list through the blocks themselves: each step costs the same, however many there are. */
import type { Block } from './block.ts';

export class LooseBlocks {
  #oldest: Block | undefined;
  #newest: Block | undefined;

  /** As the newest; one that is among them stays where it is. */
  add(block: Block): void {
    if (block.loose) return;
    block.loose = true;
    block.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = block;
    else this.#newest.newer = block;
    this.#newest = block;
  }

  /** @returns whether it was among them */
  delete(block: Block): boolean {
    if (!block.loose) return false;
    const { older, newer } = block;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    block.loose = false;
    block.older = undefined;
    block.newer = undefined;
    return true;
  }

  takeOldest(): Block | undefined {
    const block = this.#oldest;
    if (block !== undefined) this.delete(block);
    return block;
  }
}
