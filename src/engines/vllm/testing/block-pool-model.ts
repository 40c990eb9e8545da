/**
 * A plain model of vLLM's block pool: a free queue in least-recent order, blocks cached by hash, several physical
 * copies of one hash. It serves calls and writes the events that vLLM would publish.
 */
import type { Random } from '../../../core/index.ts';

export interface PoolModelOptions {
  readonly blocks: number;
  readonly random: Random;
  /** As `VLLM_KV_EVENTS_USE_INT_BLOCK_HASHES=0` has it. */
  readonly wholeDigests?: boolean;
  /** As vLLM wrote events before June 2026. */
  readonly positional?: boolean;
}

const BLOCK_TOKENS = 4;
const MASK = 0xffff_ffff_ffff_ffffn;

/** A hash of the chain, as good as any: FNV-1a over the parent's hash and the token. */
export function chainHash(parent: bigint, token: number): bigint {
  let hash = 0xcbf29ce484222325n ^ parent;
  for (const byte of [token & 0xff, (token >> 8) & 0xff, (token >> 16) & 0xff]) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & MASK;
  return hash ^ (hash >> 29n);
}

export class BlockPoolModel {
  readonly #options: PoolModelOptions;
  /** Hash of each physical block. */
  readonly #hashOf: (bigint | undefined)[];
  /** Physical blocks of each hash. */
  readonly #holders = new Map<bigint, Set<number>>();
  /** Least recently used first. */
  readonly #free = new Set<number>();
  /** Stands before the oldest: a fresh one would walk over all that were taken. */
  #oldest: Iterator<number> = this.#free.values();
  #events: unknown[] = [];

  constructor(options: PoolModelOptions) {
    this.#options = options;
    this.#hashOf = Array.from({ length: options.blocks }, () => undefined);
    for (let block = 0; block < options.blocks; block++) this.#free.add(block);
  }

  /** Copies by hash. */
  held(): Map<bigint, number> { return new Map([...this.#holders].map(([hash, blocks]) => [hash, blocks.size])); }

  /** What has happened since it was last asked. */
  takeEvents(): unknown[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /**
   * Serves a call of these blocks (one token stands for one) and frees them.
   * @returns the keys of its blocks, root first
   */
  serve(tokens: readonly number[]): bigint[] {
    const keys: bigint[] = [];
    for (const token of tokens) keys.push(chainHash(keys.at(-1) ?? 1n, token));
    // The last token is always computed: a prompt that is all there computes its last block again, into a second copy.
    let hits = 0;
    while (hits < keys.length - 1 && this.#holders.has(keys[hits])) hits += 1;
    const used: number[] = [];
    for (const key of keys.slice(0, hits)) {
      const [block] = this.#holders.get(key) ?? [];
      this.#free.delete(block);
      used.push(block);
    }
    const fresh = keys.slice(hits).map(() => this.#take());
    keys.slice(hits).forEach((key, index) => this.#hold(fresh[index], key));
    if (fresh.length > 0) this.#stored(keys.slice(hits), hits === 0 ? undefined : keys[hits - 1], tokens.slice(hits));
    for (const block of [...used, ...fresh].toReversed()) this.#free.add(block);
    return keys;
  }

  clear(): void {
    this.#holders.clear();
    this.#hashOf.fill(undefined);
    this.#events.push(this.#options.positional === true ? ['AllBlocksCleared'] : { type: 'AllBlocksCleared' });
  }

  #take(): number {
    let next = this.#oldest.next();
    if (next.done === true) next = (this.#oldest = this.#free.values()).next();
    const block = next.value as number;
    this.#free.delete(block);
    const hash = this.#hashOf[block];
    if (hash !== undefined) {
      const holders = this.#holders.get(hash);
      holders?.delete(block);
      if (holders?.size === 0) this.#holders.delete(hash);
      this.#hashOf[block] = undefined;
      this.#events.push(this.#options.positional === true ? ['BlockRemoved', [this.#print(hash)], 'GPU', 0] : { type: 'BlockRemoved', block_hashes: [this.#print(hash)], medium: 'GPU', group_idx: 0 });
    }
    return block;
  }

  #hold(block: number, hash: bigint): void {
    this.#hashOf[block] = hash;
    const holders = this.#holders.get(hash) ?? new Set();
    holders.add(block);
    this.#holders.set(hash, holders);
  }

  #stored(hashes: readonly bigint[], parent: bigint | undefined, tokens: readonly number[]): void {
    const printed = hashes.map((hash) => this.#print(hash));
    const above = parent === undefined ? null : this.#print(parent);
    const ids = tokens.flatMap((token) => Array.from({ length: BLOCK_TOKENS }, () => token));
    this.#events.push(this.#options.positional === true
      ? ['BlockStored', printed, above, ids, BLOCK_TOKENS, null, 'GPU', null, null, 0, 'full_attention']
      : { type: 'BlockStored', block_hashes: printed, parent_block_hash: above, token_ids: ids, block_size: BLOCK_TOKENS, lora_id: null, medium: 'GPU', lora_name: null, extra_keys: printed.map(() => null), group_idx: 0, kv_cache_spec_kind: 'full_attention' });
  }

  #print(hash: bigint): bigint | Buffer {
    if (this.#options.wholeDigests !== true) return hash;
    const digest = Buffer.alloc(32, 0xab);
    digest.writeBigUInt64BE(hash, 24);
    return digest;
  }
}
