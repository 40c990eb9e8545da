import type { UnitId } from '../../../core/index.ts';

export interface HostTierOptions {
  readonly capacityBlocks: number;
  /** Copying one block up; one copy at a time. Down costs nothing: it goes on beside, and nobody waits for it. */
  readonly restoreMsPerBlock: number;
  /** Whether what is evicted goes here by itself. Else only what is demoted does. */
  readonly keepsEvicted: boolean;
}

/** A second tier of blocks, in host memory: larger, and a copy away. What was written longest ago makes room. */
export class HostTier {
  readonly options: HostTierOptions;
  readonly #blocks = new Set<UnitId>();
  /** When each block that is being copied up will have arrived. */
  readonly #arrivesAtMs = new Map<UnitId, number>();
  #busyUntilMs = 0;
  restoredBlocks = 0;

  constructor(options: HostTierOptions) {
    this.options = options;
  }

  get size(): number { return this.#blocks.size; }

  has(unit: UnitId): boolean { return this.#blocks.has(unit); }

  put(unit: UnitId): void {
    this.#blocks.delete(unit);
    this.#blocks.add(unit);
    const [oldest] = this.#blocks;
    if (this.#blocks.size > this.options.capacityBlocks) this.#blocks.delete(oldest);
  }

  drop(unit: UnitId): boolean { return this.#blocks.delete(unit); }

  /** Begins to copy these up, behind what is being copied; they stay here as well. */
  restore(units: readonly UnitId[], nowMs: number): void {
    for (const [unit, atMs] of this.#arrivesAtMs) if (atMs <= nowMs) this.#arrivesAtMs.delete(unit);
    this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs);
    for (const unit of units) {
      this.put(unit);
      this.#busyUntilMs += this.options.restoreMsPerBlock;
      this.#arrivesAtMs.set(unit, this.#busyUntilMs);
    }
    this.restoredBlocks += units.length;
  }

  /** Something is being copied up. */
  isBusy(nowMs: number): boolean { return this.#busyUntilMs > nowMs; }

  /** When the last of these is there; 0 if all are. */
  readyAtMs(units: readonly UnitId[]): number {
    return units.reduce((latest, unit) => Math.max(latest, this.#arrivesAtMs.get(unit) ?? 0), 0);
  }
}
