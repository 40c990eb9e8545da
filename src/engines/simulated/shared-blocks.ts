/** What saved states take together: equal beginnings count once, in whole blocks, as the real engine keeps them. */
import { SHARED_BLOCK_TOKENS } from '../slots/token-engine.ts';
import type { SequenceContent } from './sequence-content.ts';

export class SharedBlocks {
  readonly #users = new Map<string, number>();
  #tailTokens = 0;

  get tokens(): number {
    return this.#users.size * SHARED_BLOCK_TOKENS + this.#tailTokens;
  }

  add(content: SequenceContent, domain: string): void {
    this.#tailTokens += content.length % SHARED_BLOCK_TOKENS;
    for (const block of blocksOf(content, domain)) this.#users.set(block, (this.#users.get(block) ?? 0) + 1);
  }

  remove(content: SequenceContent, domain: string): void {
    this.#tailTokens -= content.length % SHARED_BLOCK_TOKENS;
    for (const block of blocksOf(content, domain)) {
      const users = (this.#users.get(block) ?? 0) - 1;
      if (users > 0) this.#users.set(block, users);
      else this.#users.delete(block);
    }
  }

  clear(): void {
    this.#users.clear();
    this.#tailTokens = 0;
  }
}

function* blocksOf(content: SequenceContent, domain: string): Generator<string> {
  for (let length = SHARED_BLOCK_TOKENS; length <= content.length; length += SHARED_BLOCK_TOKENS) yield `${domain}:${length}:${content.hashAt(length)}`;
}
