/**
 * What an engine holds in its prefix cache, by what it publishes: blocks as units of a prefix tree, kept per rank. It
 * tells the retention indices of those tenants whose calls used them. Nothing it is told can make it throw: what does
 * not go together is counted.
 */
import type { Coordinate, RetentionIndex, TenantId, Touch, UnitId } from '../../../core/index.ts';
import { shortHash } from '../../kv-events/block-hash.ts';
import type { BlockRemoved, BlockStored, KvEvent } from '../../kv-events/event.ts';
import type { Block } from './block.ts';
import { Chain, KEY_BYTES } from './chain.ts';
import { RankCache } from './rank-cache.ts';
import type { UnitIds } from './unit-ids.ts';

export type MirrorTrouble = 'kv-removed-unknown' | 'kv-parent-unknown' | 'kv-hash-collision' | 'kv-mirror-full' | 'kv-other-group';

export interface MirrorOptions {
  /** Shared with whoever else tells the same indices of units. */
  readonly ids: UnitIds;
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

/** The use of a chain of blocks by one call. */
export interface ChainUse {
  readonly rank: number;
  readonly by: Coordinate;
  /** So many blocks of a chain that an earlier use of the same tenant's on the same rank gave: those that these keys go on from. */
  readonly after?: { readonly chain: Chain; readonly length: number };
  /** Of the blocks that follow, or of all; 8 bytes each, big-endian. */
  readonly keys: Uint8Array;
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
  /** By unit; holes are ids that are free, or another's. */
  readonly #blocks: (Block | undefined)[] = [];
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
    for (const block of cache.all()) cache.setBelow(block, 0);
    cache.group = undefined;
    this.#finish(cache, changed);
  }

  /**
   * What a known session's turn costs is what it adds: of what it goes on from, only the last block is looked at.
   * @returns the chain, as far as it can be told of; undefined where nobody is to be told
   */
  use({ rank, by, after, keys, first, origin }: ChainUse): Chain | undefined {
    const index = this.#options.index(by.tenant);
    if (index === undefined) return undefined;
    const cache = this.rank(rank);
    const known = after === undefined ? 0 : this.#known(after.chain, after.length);
    const forgotten = after?.chain.keys(after.length).subarray(KEY_BYTES * known);
    const chain = after?.chain.upTo(known) ?? new Chain();
    this.#extend(chain, forgotten === undefined || forgotten.length === 0 ? keys : Buffer.concat([forgotten, keys]), cache, by.tenant, index);
    const last = chain.block(chain.length - 1);
    // Those before it are kept by what follows them.
    if (last?.copies === 0) cache.recall(last);
    if (first <= chain.length) index.touch({ by, units: chain.units(), first, origin }, this.#options.nowMs());
    this.#trim(cache);
    return chain;
  }

  /** Nothing follows: every index is told that what it knew is gone, and the ids are another's to give. */
  dispose(): void {
    const owned: Block[] = [];
    const ownedChildren = new Map<Block, number>();
    for (const block of this.#blocks) {
      if (block?.owner === undefined) continue;
      owned.push(block);
      if (block.parent !== undefined) ownedChildren.set(block.parent, (ownedChildren.get(block.parent) ?? 0) + 1);
    }
    const leaves = owned.filter((block) => !ownedChildren.has(block));
    for (let leaf = leaves.pop(); leaf !== undefined; leaf = leaves.pop()) {
      const index = leaf.owner === undefined ? undefined : this.#options.index(leaf.owner);
      if (leaf.copies > 0) index?.setResident(leaf.unit, false);
      index?.forget(leaf.unit);
      const { parent } = leaf;
      const left = parent === undefined ? 0 : (ownedChildren.get(parent) ?? 0) - 1;
      if (parent === undefined) continue;
      ownedChildren.set(parent, left);
      if (left === 0) leaves.push(parent);
    }
    const resident: UnitId[] = [];
    for (const block of this.#blocks) {
      if (block === undefined) continue;
      if (block.copies > 0) resident.push(block.unit);
      this.#options.ids.give(block.unit);
    }
    if (resident.length > 0) this.#options.onRemoved(resident);
    this.#blocks.length = 0;
    this.#ranks.clear();
    this.#size = 0;
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
    // Of what is moved to a tier below, the engine may say neither what it follows nor what is in it.
    const isPlaced = event.medium === 'device' || event.parent !== undefined || event.tokens.length > 0;
    if (event.parent !== undefined) {
      const key = shortHash(event.parent);
      if (cache.find(key) === undefined) this.#options.trouble('kv-parent-unknown');
      parent = this.#intern(cache, key);
      if (parent === undefined) return;
    }
    for (const hash of event.hashes) {
      const block = this.#intern(cache, shortHash(hash));
      if (block === undefined) return;
      if (isPlaced && !cache.place(block, parent)) this.#options.trouble('kv-hash-collision');
      if (event.medium === 'below') cache.setBelow(block, block.below + 1);
      else this.#setCopies(cache, block, block.copies + 1, changed);
      parent = block;
    }
  }

  #remove(cache: RankCache, event: BlockRemoved, changed: Changed): void {
    for (const hash of event.hashes) {
      const block = cache.find(shortHash(hash));
      const there = block === undefined ? 0 : event.medium === 'below' ? block.below : block.copies;
      if (block === undefined || there === 0) this.#options.trouble('kv-removed-unknown');
      else if (event.medium === 'below') cache.setBelow(block, there - 1);
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

  /** How many leading blocks of so many are still known. While a block is known, so are those before it. */
  #known(chain: Chain, length: number): number {
    let known = 0;
    let tried = length;
    for (let unknown = length + 1; known < unknown - 1; tried = (known + unknown) >> 1) {
      const last = chain.block(tried - 1);
      if (last !== undefined && this.#blocks[last.unit] === last) known = tried;
      else unknown = tried;
    }
    return known;
  }

  #extend(chain: Chain, keys: Uint8Array, cache: RankCache, tenant: TenantId, index: RetentionIndex): void {
    const view = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
    let parent = chain.block(chain.length - 1);
    // What is left over at the end is no key.
    for (let at = 0; at + KEY_BYTES <= keys.length; at += KEY_BYTES) {
      const block = this.#intern(cache, view.getBigUint64(at));
      if (block === undefined) return;
      if (!cache.place(block, parent)) {
        this.#options.trouble('kv-hash-collision');
        return;
      }
      // What another tenant's calls brought, where caches are not kept apart, is that tenant's to value.
      if (block.owner !== undefined && block.owner !== tenant) return;
      // Now what comes before it is known for sure.
      block.depth = chain.length;
      if (block.owner === undefined) this.#own(block, tenant, index);
      chain.append(keys, at, block);
      parent = block;
    }
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
    const unit = this.#options.ids.take();
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
      this.#options.ids.give(block.unit);
      this.#size -= 1;
    }
  }
}
