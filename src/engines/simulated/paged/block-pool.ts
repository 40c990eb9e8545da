/**
 * The blocks of a paged engine: those that running calls use are pinned, the rest is cache. What must go is chosen by
 * the tenant's retention index, else least recently released first, deepest first, as vLLM's free queue does.
 */
import { EntresolError, type RetentionIndex, type TenantId, type UnitId } from '../../../core/index.ts';
import { BlockTable } from './block-table.ts';
import type { HostTier } from './host-tier.ts';

export interface BlockPoolOptions {
  readonly capacityBlocks: number;
  readonly blockTokens: number;
  /** Prefill of the block at this depth, in ms. */
  marginalPrefillMs(depth: number): number;
  index(tenant: TenantId): RetentionIndex | undefined;
  /** What is below, if anything. */
  readonly below?: HostTier;
  nowMs(): number;
  onStored(unit: UnitId): void;
  onRemoved(units: readonly UnitId[]): void;
  onFault(message: string): void;
}

/** Evicted units that are remembered, as a multiple of the capacity, so that a policy can learn of their return. */
const REMEMBERED_CAPACITIES = 2;

export class BlockPool {
  readonly table: BlockTable;
  readonly #options: BlockPoolOptions;
  /** Resident units that running calls use, with how many. */
  readonly #users = new Map<UnitId, number>();
  /** Resident units that none uses, per tenant, in the order in which they were released. */
  readonly #idle = new Map<TenantId, Set<UnitId>>();
  /** Known units that are not resident, oldest first. */
  readonly #absent = new Set<UnitId>();
  /** Blocks that running calls hold and have not filled. */
  #reserved = 0;
  #idleCount = 0;
  readonly #isPinned = (unit: UnitId): boolean => this.#users.has(unit);

  constructor(options: BlockPoolOptions) {
    this.#options = options;
    this.table = new BlockTable(options.blockTokens);
  }

  get usedBlocks(): number { return this.#users.size + this.#idleCount + this.#reserved; }

  /** Blocks that a call could have now, cache evicted. */
  get availableBlocks(): number { return this.#options.capacityBlocks - this.#users.size - this.#reserved; }

  isResident(unit: UnitId): boolean { return this.#users.has(unit) || (this.#idle.get(this.table.tenantOf(unit))?.has(unit) ?? false); }

  /** Not resident, and a copy away. */
  isBelow(unit: UnitId): boolean { return this.#options.below?.has(unit) === true && !this.isResident(unit); }

  isUsed(unit: UnitId): boolean { return this.#users.has(unit); }

  /** Makes the unit known to the table and to the tenant's index. */
  define(tenant: TenantId, parent: number, tokens: ArrayLike<number>, from: number): UnitId {
    const { unit, isNew } = this.table.intern(tenant, parent, tokens, from);
    if (isNew) {
      this.#absent.add(unit);
      const marginalPrefillMs = this.#options.marginalPrefillMs(this.table.depthOf(unit));
      const restoreMs = this.#options.below?.options.restoreMsPerBlock;
      this.#options.index(tenant)?.define({ id: unit, ...(parent < 0 ? {} : { parent: parent as UnitId }), sizeBlocks: 1, marginalPrefillMs, ...(restoreMs === undefined ? {} : { restoreMs }) });
    }
    return unit;
  }

  /** A running call uses a resident unit. */
  use(unit: UnitId): void {
    const users = this.#users.get(unit);
    if (users === undefined && this.#idle.get(this.table.tenantOf(unit))?.delete(unit) === true) this.#idleCount--;
    this.#users.set(unit, (users ?? 0) + 1);
  }

  /** Sets blocks aside for a call, evicting what must go. There must be as many available. */
  reserve(blocks: number): void {
    this.#evict(this.usedBlocks + blocks - this.#options.capacityBlocks);
    this.#reserved += blocks;
  }

  unreserve(blocks: number): void { this.#reserved -= blocks; }

  /** One of the call's reserved blocks has been filled with the unit. If that is resident already, the block is free again. */
  fill(unit: UnitId): void {
    this.#reserved--;
    if (!this.isResident(unit)) {
      this.#absent.delete(unit);
      this.#options.index(this.table.tenantOf(unit))?.setResident(unit, true);
      this.#options.onStored(unit);
    }
    this.use(unit);
  }

  /** The call has ended: its units, root first, are cache from now on. */
  release(units: readonly UnitId[]): void {
    for (const unit of units.toReversed()) {
      const users = (this.#users.get(unit) ?? 1) - 1;
      if (users > 0) {
        this.#users.set(unit, users);
        continue;
      }
      this.#users.delete(unit);
      this.#idleOf(this.table.tenantOf(unit)).add(unit);
      this.#idleCount++;
    }
    this.#forgetOld();
  }

  /** Begins to copy up what a call needs; answers when that and what is on its way to it already is there. */
  awaitCopies(inUse: readonly UnitId[], needed: readonly UnitId[]): number {
    const { below, nowMs } = this.#options;
    below?.restore(needed, nowMs());
    return below?.readyAtMs([...inUse, ...needed]) ?? 0;
  }

  /** Drops units that none uses, of those that it knows and wherever they lie; answers how many it dropped. */
  drop(units: readonly UnitId[]): number {
    const removed = this.#removeAll(units);
    return units.filter((unit) => this.#options.below?.drop(unit) === true || removed.has(unit)).length;
  }

  /** Moves units that none uses to the tier below; answers how many it moved. */
  demote(units: readonly UnitId[]): number {
    const removed = this.#removeAll(units);
    for (const unit of removed) this.#options.below?.put(unit);
    return removed.size;
  }

  /**
   * Brings back what of the chain lies below, after its resident beginning, at most as many as there is room for.
   * @returns how many
   */
  bringBack(chain: readonly UnitId[]): number {
    const { below, nowMs } = this.#options;
    if (below === undefined) return 0;
    const beginning = chain.slice(0, this.#lengthWhile(chain, 0, (unit) => this.isResident(unit)));
    for (const unit of beginning) this.use(unit);
    const room = this.availableBlocks;
    const coming = chain.slice(beginning.length, this.#lengthWhile(chain, beginning.length, (unit) => this.isBelow(unit))).slice(0, room);
    below.restore(coming, nowMs());
    this.reserve(coming.length);
    for (const unit of coming) this.fill(unit);
    this.release([...beginning, ...coming]);
    return coming.length;
  }

  #lengthWhile(chain: readonly UnitId[], from: number, holds: (unit: UnitId) => boolean): number {
    const end = chain.findIndex((unit, at) => at >= from && !holds(unit));
    return end < 0 ? chain.length : end;
  }

  #removeAll(units: readonly UnitId[]): Set<UnitId> {
    const removed = new Set(units.filter((unit) => this.table.has(unit) && this.#remove(unit)));
    if (removed.size > 0) this.#options.onRemoved([...removed]);
    this.#forgetOld();
    return removed;
  }

  #idleOf(tenant: TenantId): Set<UnitId> {
    const known = this.#idle.get(tenant);
    if (known !== undefined) return known;
    const idle = new Set<UnitId>();
    this.#idle.set(tenant, idle);
    return idle;
  }

  /** The tenant that holds the most cache gives first; nobody loses more than another has. */
  #evict(blocks: number): void {
    let missing = blocks;
    while (missing > 0) {
      const [tenant, idle] = [...this.#idle].reduce((most, entry) => (entry[1].size > most[1].size ? entry : most), ['' as TenantId, new Set<UnitId>()]);
      if (idle.size === 0) throw new EntresolError('ENT_INTERNAL', `${missing} blocks are wanted and nothing can be evicted.`);
      const removed = this.#removeAll(this.#victims(tenant, idle, Math.min(missing, idle.size)));
      if (this.#options.below?.options.keepsEvicted === true) for (const unit of removed) this.#options.below.put(unit);
      missing -= removed.size;
    }
  }

  #victims(tenant: TenantId, idle: Set<UnitId>, blocks: number): UnitId[] {
    const chosen = new Set<UnitId>();
    for (const unit of this.#options.index(tenant)?.victims(blocks, this.#isPinned, this.#options.nowMs()) ?? idle) {
      if (!idle.has(unit)) {
        this.#options.onFault(`victims() named unit ${unit}, which is not evictable.`);
        break;
      }
      chosen.add(unit);
      if (chosen.size === blocks) return [...chosen];
    }
    // An index that names too few must not stop the engine: the engine's own rule gives the rest.
    for (const unit of idle) {
      if (chosen.size === blocks) break;
      chosen.add(unit);
    }
    return [...chosen];
  }

  #remove(unit: UnitId): boolean {
    const tenant = this.table.tenantOf(unit);
    if (this.#idle.get(tenant)?.delete(unit) !== true) return false;
    if (this.#idle.get(tenant)?.size === 0) this.#idle.delete(tenant);
    this.#idleCount--;
    this.#absent.add(unit);
    this.#options.index(tenant)?.setResident(unit, false);
    return true;
  }

  #forgetOld(): void {
    const limit = this.#options.capacityBlocks * REMEMBERED_CAPACITIES + (this.#options.below?.options.capacityBlocks ?? 0);
    if (this.#absent.size <= limit) return;
    for (const unit of this.#absent) {
      if (this.#absent.size <= limit) return;
      if (this.table.childrenOf(unit) > 0 || this.#options.below?.has(unit) === true) continue;
      this.#absent.delete(unit);
      this.#options.index(this.table.tenantOf(unit))?.forget(unit);
      this.table.release(unit);
    }
  }
}
