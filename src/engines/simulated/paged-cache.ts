/**
 * A paged KV cache: blocks of one size, resident or not, evicted as a retention index says. No time passes here and
 * nothing is computed; an engine or a replay decides when.
 */
import { EntresolError, type RetentionIndex, type UnitId } from '../../core/index.ts';

export class PagedCache {
  readonly capacityBlocks: number;
  readonly #resident: Uint8Array;
  /** Of every unit, the last call that pinned it; only the current call's pins hold. */
  readonly #pinnedBy: Uint32Array;
  #call = 0;
  #used = 0;
  readonly #isPinned = (unit: UnitId): boolean => this.#pinnedBy[unit] === this.#call;

  /** @param unitLimit unit ids are below this */
  constructor(capacityBlocks: number, unitLimit: number) {
    this.capacityBlocks = capacityBlocks;
    this.#resident = new Uint8Array(unitLimit);
    this.#pinnedBy = new Uint32Array(unitLimit);
  }

  get usedBlocks(): number { return this.#used; }

  has(unit: number): boolean { return this.#resident[unit] === 1; }

  /** How many leading blocks of the chain are resident, at most `limit`. */
  leadingResident(chain: Int32Array, limit: number): number {
    let count = 0;
    while (count < limit && this.#resident[chain[count]] === 1) count++;
    return count;
  }

  /**
   * Pins the chain (and unpins the one before) and returns how many blocks must be evicted before it fits.
   * The chain must not be longer than the capacity.
   */
  pin(chain: Int32Array): number {
    this.#call++;
    let missing = 0;
    for (const unit of chain) {
      if (this.#pinnedBy[unit] === this.#call) continue;
      this.#pinnedBy[unit] = this.#call;
      if (this.#resident[unit] === 0) missing++;
    }
    return Math.max(0, this.#used + missing - this.capacityBlocks);
  }

  /**
   * Evicts `blocks` blocks, those that the index names first.
   * @throws EntresolError `ENT_POLICY_INVALID` if it names one that is pinned, absent or named before, or too few
   */
  evict(index: RetentionIndex, blocks: number, nowMs: number): void {
    const victims: UnitId[] = [];
    if (blocks > 0) {
      for (const unit of index.victims(blocks, this.#isPinned, nowMs)) {
        if (this.#isPinned(unit)) throw this.#fault(unit, 'is pinned by the call in hand');
        if (this.#resident[unit] !== 1) throw this.#fault(unit, 'is not resident, or was named twice');
        this.#resident[unit] = 0;
        victims.push(unit);
        if (victims.length === blocks) break;
      }
    }
    this.#used -= victims.length;
    if (victims.length < blocks) {
      throw new EntresolError('ENT_POLICY_INVALID', `victims() named ${victims.length} units where ${blocks} were asked for and more are free to go.`);
    }
    for (const unit of victims) index.setResident(unit, false);
  }

  /** Makes every block of the chain resident. There must be room. */
  insert(chain: Int32Array, index: RetentionIndex): void {
    for (const unit of chain) {
      if (this.#resident[unit] === 1) continue;
      this.#resident[unit] = 1;
      this.#used++;
      index.setResident(unit as UnitId, true);
    }
    if (this.#used > this.capacityBlocks) throw new EntresolError('ENT_INTERNAL', `The cache holds ${this.#used} blocks, more than its ${this.capacityBlocks}.`);
  }

  #fault(unit: UnitId, what: string): EntresolError {
    return new EntresolError('ENT_POLICY_INVALID', `victims() named unit ${unit}, which ${what}.`);
  }
}
