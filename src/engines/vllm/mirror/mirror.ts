/**
 * What an engine holds in its prefix cache, by what it publishes: blocks as units of a prefix tree, kept per rank. It
 * tells the retention indices of those tenants whose calls used them. Nothing it is told can make it throw: what does
 * not go together is counted.
 */
import { unitId, type Coordinate, type RetentionIndex, type TenantId, type Touch, type UnitId } from '../../../core/index.ts';
import { shortHash } from '../../kv-events/block-hash.ts';
import type { BlockRemoved, BlockStored, KvEvent } from '../../kv-events/event.ts';
import type { Block } from './block.ts';
import { RankCache } from './rank-cache.ts';

export type MirrorTrouble = 'kv-removed-unknown' | 'kv-parent-unknown' | 'kv-hash-collision' | 'kv-mirror-full' | 'kv-other-group';

export interface MirrorOptions {
  index(tenant: TenantId): RetentionIndex | undefined;
  nowMs(): number;
  /** Prefill of the block at this depth, in ms, when those before it are there. */
  marginalPrefillMs(depth: number): number;
  onStored(units: readonly UnitId[]): void;
  onRemoved(units: readonly UnitId[]): void;
  trouble(kind: MirrorTrouble): void;
  /** Blocks that are known at most, over all ranks. */
  readonly maximumBlocks?: number;
}

/** The use of a chain of blocks by one call, root first. */
export interface ChainUse {
  readonly rank: number;
  readonly by: Coordinate;
  readonly keys: readonly bigint[];
  /** Index of the first block that this is about. */
  readonly first: number;
  readonly origin: Touch['origin'];
}

export interface Resync { readonly missing: number; readonly surplus: number; readonly agreed: number }

/** Blocks whose residence is another than before: one that changes twice has not changed. */
type Changed = Set<Block>;

const DEFAULT_MAXIMUM_BLOCKS = 1 << 21;

export class Mirror {
  readonly #options: MirrorOptions;
  readonly #ranks = new Map<number, RankCache>();
  /** By unit; holes are free ids. */
  readonly #blocks: (Block | undefined)[] = [];
  readonly #free: UnitId[] = [];
  #size = 0;

  constructor(options: MirrorOptions) {
    this.#options = options;
  }

  rank(rank: number): RankCache {
    let cache = this.#ranks.get(rank);
    if (cache === undefined) this.#ranks.set(rank, cache = new RankCache(rank));
    return cache;
  }

  ranks(): Iterable<RankCache> { return this.#ranks.values(); }
  block(unit: UnitId): Block | undefined { return this.#blocks[unit]; }
  /** Known blocks, there or remembered. */
  get size(): number { return this.#size; }

  get residentBlocks(): number {
    let total = 0;
    for (const { resident } of this.#ranks.values()) total += resident;
    return total;
  }

  apply(rank: number, events: readonly KvEvent[]): void {
    const cache = this.rank(rank);
    const changed: Changed = new Set();
    for (const event of events) {
      if (event.type === 'cleared') this.#clearDevice(cache, changed);
      else if (!this.#reads(cache, event)) this.#options.trouble('kv-other-group');
      else if (event.type === 'stored') this.#store(cache, event, changed);
      else this.#remove(cache, event, changed);
    }
    this.#finish(cache, changed);
  }

  /** The engine is another one, or started anew: nothing is there. */
  clear(rank: number): void {
    const cache = this.rank(rank);
    const changed: Changed = new Set();
    this.#clearDevice(cache, changed);
    for (const block of cache.all()) block.below = 0;
    cache.group = undefined;
    this.#finish(cache, changed);
  }

  /** @returns how many leading blocks of the chain the caller's index was told of */
  use({ rank, by, keys, first, origin }: ChainUse): number {
    const index = this.#options.index(by.tenant);
    if (index === undefined) return 0;
    const cache = this.rank(rank);
    const units: number[] = [];
    let parent: Block | undefined;
    for (const key of keys) {
      const block = this.#intern(cache, key);
      if (block === undefined) break;
      if (!cache.place(block, parent)) {
        this.#options.trouble('kv-hash-collision');
        break;
      }
      // What another tenant's calls brought, where caches are not kept apart, is that tenant's to value.
      if (block.owner !== undefined && block.owner !== by.tenant) break;
      if (block.owner === undefined) this.#own(block, by.tenant, index);
      if (block.copies === 0) cache.recall(block);
      units.push(block.unit);
      parent = block;
    }
    if (first <= units.length) index.touch({ by, units: Int32Array.from(units), first, origin }, this.#options.nowMs());
    this.#trim(cache);
    return units.length;
  }

  /**
   * Makes the mirror what the engine itself says that it holds.
   * @param held copies of each block that it holds, and of no other
   */
  reconcile(rank: number, held: ReadonlyMap<bigint, number>): Resync {
    const cache = this.rank(rank);
    let surplus = 0;
    let agreed = 0;
    const changed: Changed = new Set();
    for (const block of cache.all()) {
      if (block.copies === 0) continue;
      if (held.has(block.key)) agreed += 1;
      else {
        surplus += 1;
        this.#setCopies(cache, block, 0, changed);
      }
    }
    let missing = 0;
    for (const [key, copies] of held) {
      const block = this.#intern(cache, key);
      if (block === undefined) break;
      if (block.copies === 0) missing += 1;
      this.#setCopies(cache, block, copies, changed);
    }
    this.#finish(cache, changed);
    return { missing, surplus, agreed };
  }

  /** One group stands for a prefix: the first of full attention. The others of a hybrid model follow it. */
  #reads(cache: RankCache, event: BlockStored | BlockRemoved): boolean {
    if (cache.group === undefined && event.type === 'stored' && (event.kind === undefined || event.kind === 'full_attention')) cache.group = event.group;
    return cache.group === undefined ? event.type === 'removed' : event.group === cache.group;
  }

  #store(cache: RankCache, event: BlockStored, changed: Changed): void {
    let parent: Block | undefined;
    if (event.parent !== undefined) {
      const key = shortHash(event.parent);
      if (cache.find(key) === undefined) this.#options.trouble('kv-parent-unknown');
      parent = this.#intern(cache, key);
      if (parent === undefined) return;
    }
    for (const hash of event.hashes) {
      const block = this.#intern(cache, shortHash(hash));
      if (block === undefined) return;
      if (!cache.place(block, parent)) this.#options.trouble('kv-hash-collision');
      if (event.medium === 'below') block.below += 1;
      else this.#setCopies(cache, block, block.copies + 1, changed);
      parent = block;
    }
  }

  #remove(cache: RankCache, event: BlockRemoved, changed: Changed): void {
    for (const hash of event.hashes) {
      const block = cache.find(shortHash(hash));
      const there = block === undefined ? 0 : event.medium === 'below' ? block.below : block.copies;
      if (block === undefined || there === 0) this.#options.trouble('kv-removed-unknown');
      else if (event.medium === 'below') block.below -= 1;
      else this.#setCopies(cache, block, there - 1, changed);
    }
  }

  #clearDevice(cache: RankCache, changed: Changed): void {
    for (const block of cache.all()) if (block.copies > 0) this.#setCopies(cache, block, 0, changed);
  }

  #setCopies(cache: RankCache, block: Block, copies: number, changed: Changed): void {
    if (!cache.setCopies(block, copies)) return;
    if (!changed.delete(block)) changed.add(block);
    if (block.owner !== undefined) this.#options.index(block.owner)?.setResident(block.unit, copies > 0);
  }

  #own(block: Block, tenant: TenantId, index: RetentionIndex): void {
    block.owner = tenant;
    index.define({ id: block.unit, ...(block.parent === undefined ? {} : { parent: block.parent.unit }), sizeBlocks: 1, marginalPrefillMs: this.#options.marginalPrefillMs(block.depth) });
    if (block.copies > 0) index.setResident(block.unit, true);
  }

  /** Undefined: there is no room for another. */
  #intern(cache: RankCache, key: bigint): Block | undefined {
    const known = cache.find(key);
    if (known !== undefined) return known;
    if (this.#size >= (this.#options.maximumBlocks ?? DEFAULT_MAXIMUM_BLOCKS)) {
      this.#options.trouble('kv-mirror-full');
      return undefined;
    }
    const unit = this.#free.pop() ?? unitId(this.#blocks.length);
    const block = cache.add(unit, key);
    this.#blocks[unit] = block;
    this.#size += 1;
    return block;
  }

  /** Tells what has come and gone in all, then lets go of what was remembered long enough. */
  #finish(cache: RankCache, changed: Changed): void {
    const stored: UnitId[] = [];
    const removed: UnitId[] = [];
    for (const { unit, copies } of changed) (copies > 0 ? stored : removed).push(unit);
    if (stored.length > 0) this.#options.onStored(stored);
    if (removed.length > 0) this.#options.onRemoved(removed);
    this.#trim(cache);
  }

  #trim(cache: RankCache): void {
    for (const block of cache.trim(cache.rememberedLimit)) {
      if (block.owner !== undefined) this.#options.index(block.owner)?.forget(block.unit);
      this.#blocks[block.unit] = undefined;
      this.#free.push(block.unit);
      this.#size -= 1;
    }
  }
}
