/**
 * Saved states in the engine process's memory, cut into blocks of tokens: states of one domain (a tenant) that begin
 * alike keep their common blocks once. Blocks are found by a SHA-256 over all tokens' data before and in them, so what
 * is shared is equal to the bit; equal tokens whose KV was rounded otherwise are not.
 */
import { createHash } from 'node:crypto';
import { SHARED_BLOCK_TOKENS } from '../../slots/token-engine.ts';
import { bytesPerToken, copyTokens, frameOf, readLayout, writeFrame, type StateLayout } from './state-layout.ts';

interface Block {
  readonly key: string;
  readonly data: Buffer;
  users: number;
}
interface SharedState {
  readonly layout: StateLayout;
  readonly frame: Buffer;
  readonly blocks: readonly Block[];
  /** What is left after the last whole block. */
  readonly tail: Buffer;
}

export class SharedStates {
  readonly #blocks = new Map<string, Block>();
  readonly #states = new Map<number, SharedState>();
  #tailTokens = 0;

  /** Tokens that all states take together. */
  get tokens(): number {
    return this.#blocks.size * SHARED_BLOCK_TOKENS + this.#tailTokens;
  }

  has(id: number): boolean {
    return this.#states.has(id);
  }

  /** False where the file is not laid out as expected: keep it whole. */
  add(id: number, domain: string, file: Buffer): boolean {
    const layout = readLayout(file);
    if (layout === undefined) return false;
    const perToken = bytesPerToken(layout);
    const whole = Math.floor(layout.tokens / SHARED_BLOCK_TOKENS);
    const blocks: Block[] = [];
    let key = domain;
    for (let index = 0; index < whole; index++) {
      const data = Buffer.allocUnsafeSlow(SHARED_BLOCK_TOKENS * perToken);
      copyTokens(layout, file, index * SHARED_BLOCK_TOKENS, data, 'out');
      key = createHash('sha256').update(key).update('\0').update(data).digest('base64');
      const block = this.#blocks.get(key) ?? { key, data, users: 0 };
      block.users++;
      this.#blocks.set(key, block);
      blocks.push(block);
    }
    const tail = Buffer.allocUnsafeSlow((layout.tokens - whole * SHARED_BLOCK_TOKENS) * perToken);
    copyTokens(layout, file, whole * SHARED_BLOCK_TOKENS, tail, 'out');
    this.#tailTokens += layout.tokens - whole * SHARED_BLOCK_TOKENS;
    this.#states.set(id, { layout, frame: frameOf(layout, file), blocks, tail });
    return true;
  }

  /** The file as it was, byte for byte; undefined if there is no such state. */
  file(id: number): Buffer | undefined {
    const state = this.#states.get(id);
    if (state === undefined) return undefined;
    const { layout, frame, blocks, tail } = state;
    const file = Buffer.allocUnsafe(layout.fileBytes);
    writeFrame(layout, frame, file);
    blocks.forEach((block, index) => { copyTokens(layout, file, index * SHARED_BLOCK_TOKENS, block.data, 'in'); });
    copyTokens(layout, file, blocks.length * SHARED_BLOCK_TOKENS, tail, 'in');
    return file;
  }

  drop(id: number): void {
    const state = this.#states.get(id);
    if (state === undefined) return;
    this.#states.delete(id);
    this.#tailTokens -= state.layout.tokens - state.blocks.length * SHARED_BLOCK_TOKENS;
    for (const block of state.blocks) if (--block.users === 0) this.#blocks.delete(block.key);
  }
}
