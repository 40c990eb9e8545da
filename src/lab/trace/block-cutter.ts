/** Cuts runs of tokens into blocks. A position is a chain of full blocks and the hash of the block begun. */
import { BlockTrie, NO_BLOCK } from './block-trie.ts';
import { hashText, mixWord, resetLanes, type HashLanes } from './content-hash.ts';

/** Where a token sequence stands: enough to append to it without its beginning. */
export interface CutPosition {
  /** Last full block, or `NO_BLOCK`. */
  block: number;
  /** Tokens in the block begun. */
  fill: number;
  a: number;
  b: number;
}

export class BlockCutter {
  readonly #trie: BlockTrie;
  readonly #blockTokens: number;
  readonly #segment: HashLanes = { a: 0, b: 0 };
  readonly #content: HashLanes = { a: 0, b: 0 };
  readonly #onBlock: (block: number) => void;

  /** @param onBlock called with every block that an append completes */
  constructor(trie: BlockTrie, blockTokens: number, onBlock: (block: number) => void) {
    this.#trie = trie;
    this.#blockTokens = blockTokens;
    this.#onBlock = onBlock;
  }

  start(position: CutPosition): void {
    resetLanes(this.#content);
    position.block = NO_BLOCK;
    position.fill = 0;
    position.a = this.#content.a;
    position.b = this.#content.b;
  }

  /** Appends the tokens (hash, 0) to (hash, tokens − 1) and moves the position. */
  append(position: CutPosition, hash: string, tokens: number): void {
    const segment = this.#segment;
    const content = this.#content;
    hashText(segment, hash);
    content.a = position.a;
    content.b = position.b;
    let { block, fill } = position;
    for (let offset = 0; offset < tokens;) {
      const taken = Math.min(tokens - offset, this.#blockTokens - fill);
      mixWord(content, segment.a);
      mixWord(content, segment.b);
      mixWord(content, offset);
      mixWord(content, taken);
      offset += taken;
      fill += taken;
      if (fill === this.#blockTokens) {
        block = this.#trie.intern(block, content.a, content.b);
        this.#onBlock(block);
        fill = 0;
        resetLanes(content);
      }
    }
    position.block = block;
    position.fill = fill;
    position.a = content.a;
    position.b = content.b;
  }
}
