/**
 * Saved states in the engine process's memory, cut into blocks of tokens: states of one domain (a tenant) that begin
 * alike keep their common blocks once. Candidates are found by a hash of all tokens up to the block's end, and shared
 * if they are equal to the bit; equal tokens whose KV was rounded otherwise are not.
 */
import { createHash } from 'node:crypto';
import { SHARED_BLOCK_TOKENS } from '../../slots/token-engine.ts';
import { bytesPerToken, copyTokens, equalTokens, frameOf, readLayout, tokenIds, writeFrame, type StateLayout } from './state-layout.ts';

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

/** Of blocks that have gone, kept for the next ones: memory outside the heap is dear to ask for and to give back. */
const SPARE_BYTES = 16 * 1024 * 1024;

export class SharedStates {
  /** Blocks of equal tokens that differ in their bits stand beside each other. */
  readonly #blocks = new Map<string, Block[]>();
  readonly #states = new Map<number, SharedState>();
  readonly #spare: Buffer[] = [];
  #blockCount = 0;
  #tailTokens = 0;

  /** Tokens that all states take together. */
  get tokens(): number {
    return this.#blockCount * SHARED_BLOCK_TOKENS + this.#tailTokens;
  }

  /** False where the file is not laid out as expected: keep it whole. Nothing of the file is held on to. */
  add(id: number, domain: string, file: Buffer): boolean {
    const layout = readLayout(file);
    if (layout === undefined) return false;
    const perToken = bytesPerToken(layout);
    const whole = Math.floor(layout.tokens / SHARED_BLOCK_TOKENS);
    const blocks: Block[] = [];
    let key = domain;
    for (let index = 0; index < whole; index++) {
      const first = index * SHARED_BLOCK_TOKENS;
      key = createHash('sha256').update(key).update('\0').update(tokenIds(file, first, SHARED_BLOCK_TOKENS)).digest('base64');
      blocks.push(this.#share(key, layout, file, first, SHARED_BLOCK_TOKENS * perToken));
    }
    const tail = Buffer.allocUnsafeSlow((layout.tokens - whole * SHARED_BLOCK_TOKENS) * perToken);
    copyTokens(layout, file, whole * SHARED_BLOCK_TOKENS, tail, 'out');
    this.#tailTokens += layout.tokens - whole * SHARED_BLOCK_TOKENS;
    this.#states.set(id, { layout, frame: frameOf(layout, file), blocks, tail });
    return true;
  }

  /** Bytes of the file as it was; undefined if there is no such state. */
  fileBytes(id: number): number | undefined {
    return this.#states.get(id)?.layout.fileBytes;
  }

  /** Puts the file together again, byte for byte, at the beginning of `target`, which has room for `fileBytes`. */
  write(id: number, target: Buffer): void {
    const state = this.#states.get(id);
    if (state === undefined) return;
    const { layout, frame, blocks, tail } = state;
    writeFrame(layout, frame, target);
    blocks.forEach((block, index) => { copyTokens(layout, target, index * SHARED_BLOCK_TOKENS, block.data, 'in'); });
    copyTokens(layout, target, blocks.length * SHARED_BLOCK_TOKENS, tail, 'in');
  }

  drop(id: number): void {
    const state = this.#states.get(id);
    if (state === undefined) return;
    this.#states.delete(id);
    this.#tailTokens -= state.layout.tokens - state.blocks.length * SHARED_BLOCK_TOKENS;
    for (const block of state.blocks) if (--block.users === 0) this.#forget(block);
  }

  #share(key: string, layout: StateLayout, file: Buffer, first: number, bytes: number): Block {
    const alike = this.#blocks.get(key);
    const found = alike?.find((candidate) => candidate.data.length === bytes && equalTokens(layout, file, first, candidate.data));
    if (found !== undefined) {
      found.users++;
      return found;
    }
    const spare = this.#spare.at(-1)?.length === bytes ? this.#spare.pop() : undefined;
    const data = spare ?? Buffer.allocUnsafeSlow(bytes);
    copyTokens(layout, file, first, data, 'out');
    const block = { key, data, users: 1 };
    if (alike === undefined) this.#blocks.set(key, [block]);
    else alike.push(block);
    this.#blockCount++;
    return block;
  }

  #forget(block: Block): void {
    const alike = this.#blocks.get(block.key) ?? [];
    if (alike.length <= 1) this.#blocks.delete(block.key);
    else alike.splice(alike.indexOf(block), 1);
    this.#blockCount--;
    if ((this.#spare.length + 1) * block.data.length <= SPARE_BYTES) this.#spare.push(block.data);
  }
}
