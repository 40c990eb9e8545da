/** What the slots hold, and how it moves between them and the store. */
import { EntresolError, type Coordinate, type TenantId } from '../../../core/index.ts';
import type { PrefillCost } from '../prefill-cost.ts';
import type { SlotDesk } from '../slot-rule.ts';
import type { Slot } from '../slot.ts';
import type { HeldState, Unit } from './held-state.ts';
import type { Residency } from './residency.ts';
import type { StateStore } from './state-store.ts';
import type { Worth } from './worth.ts';

export interface ContentParts {
  readonly desk: SlotDesk;
  readonly store: StateStore;
  readonly residency: Residency;
  readonly worth: Worth;
  readonly cost: PrefillCost;
  readonly unitTokens: number;
  /** Prefixes that sessions share are kept on their own from this length on. */
  readonly anchorTokens: number;
}

export class SlotContents {
  readonly states = new Map<Slot, HeldState>();
  readonly #parts: ContentParts;

  constructor(parts: ContentParts) {
    this.#parts = parts;
  }

  /** Would taking this slot for the job destroy another's history that lies nowhere else and is worth something? */
  losesHistory(state: HeldState, reuse: number, by: Coordinate): boolean {
    if (state.tokens.length - reuse < this.#parts.unitTokens) return false;
    if (state.by.session === by.session && state.by.instance === by.instance) return false;
    return this.#parts.worth.perToken(state, this.#parts.desk.nowMs()) > 0;
  }

  /** The idle slot that holds least: empty, else of the least worth per token, else least recently used. */
  victim(): Slot | undefined {
    const nowMs = this.#parts.desk.nowMs();
    let best: Slot | undefined;
    let least = Infinity;
    for (const slot of this.#parts.desk.slots) {
      if (slot.busy) continue;
      const state = this.states.get(slot);
      const worth = state === undefined || slot.tokens.length === 0 ? -1 : this.#parts.worth.perToken(state, nowMs);
      if (worth < least || (worth === least && best !== undefined && slot.lastUsedMs < best.lastUsedMs)) {
        least = worth;
        best = slot;
      }
    }
    return best;
  }

  /** As `#demote`, with what was kept and dropped for it in words. */
  async makeRoom(slot: Slot, reuse: number): Promise<string[]> {
    const held = slot.tokens.length;
    const { evictions } = this.#parts.store;
    const kept = await this.demote(slot, reuse);
    const evicted = this.#parts.store.evictions - evictions;
    return [
      ...(held === 0 ? [] : [kept === undefined ? `let go of the ${held} tokens in its slot: held elsewhere, or worth less than what is saved` : `saved ${kept.tokens.length} of the ${held} tokens in its slot`]),
      ...(evicted === 0 ? [] : [`evicted saved states that were worth less: ${evicted}`]),
    ];
  }

  /** Keeps what the slot holds, else the part of it that sessions share, if it is worth its room; the slot keeps `reuse` tokens at least. */
  async demote(slot: Slot, reuse: number): Promise<HeldState | undefined> {
    const state = this.states.get(slot);
    if (state === undefined || slot.tokens.length === 0) return undefined;
    const keep = (): Promise<HeldState | undefined> => this.#parts.store.keep({
      slot, tenant: state.tenant, by: state.by, tokens: state.tokens, units: state.units, leaseUntilMs: state.leaseUntilMs, leaving: [state],
    });
    const whole = await keep();
    if (whole !== undefined) return whole;
    const shared = sharedUnits(state.units);
    const length = shared * this.#parts.unitTokens;
    if (length < this.#parts.anchorTokens || length < reuse || isHeldElsewhere(state.units[shared - 1], state)) return undefined;
    await this.trim(slot, length);
    return keep();
  }

  async load(source: HeldState, slot: Slot): Promise<boolean> {
    if (source.saved === undefined) return false;
    const life = this.#parts.desk.life;
    const startedMs = this.#parts.desk.nowMs();
    this.release(slot);
    try {
      await this.#parts.desk.engine.load(slot.sequence, source.saved);
    } catch (error) {
      if (!(error instanceof EntresolError) || (error.code !== 'ENT_STATE_CORRUPT' && error.code !== 'ENT_DISK_FULL')) throw error;
      const corrupt = error.code === 'ENT_STATE_CORRUPT';
      this.#parts.desk.log('warn', corrupt ? 'A saved state cannot be read and is dropped.' : 'A saved state cannot be loaded for want of space.', { tokens: source.tokens.length });
      this.#parts.desk.checkLife(life);
      slot.tokens = new Int32Array(0);
      if (corrupt) await this.#parts.store.drop(source);
      return false;
    }
    this.#parts.desk.checkLife(life);
    this.#parts.store.restores++;
    this.#parts.cost.observeRestore(source.tokens.length, this.#parts.desk.nowMs() - startedMs);
    slot.tokens = source.tokens;
    return true;
  }

  async restoreTo(state: HeldState, slot: Slot): Promise<boolean> {
    state.locks++;
    try {
      await this.demote(slot, 0);
      if (!await this.load(state, slot)) return false;
    } finally {
      state.locks--;
    }
    this.holdAs(slot, state.tenant, state.by, state.units);
    return true;
  }

  async trim(slot: Slot, length: number): Promise<void> {
    if (slot.tokens.length <= length) return;
    const life = this.#parts.desk.life;
    await this.#parts.desk.engine.trim(slot.sequence, length);
    this.#parts.desk.checkLife(life);
    slot.tokens = slot.tokens.slice(0, length);
    if (length === 0) {
      this.release(slot);
      return;
    }
    const state = this.states.get(slot);
    if (state === undefined) return;
    state.tokens = slot.tokens;
    this.#parts.residency.set(state, state.units.slice(0, Math.floor(length / this.#parts.unitTokens)));
  }

  holdAs(slot: Slot, tenant: TenantId, by: HeldState['by'], units: readonly Unit[], tokens = slot.tokens): void {
    let state = this.states.get(slot);
    if (state !== undefined && state.tenant !== tenant) {
      this.release(slot);
      state = undefined;
    }
    if (state === undefined) {
      state = { tenant, by, tokens, units: [], tier: 'device', slot, locks: 0, leaseUntilMs: 0 };
      this.states.set(slot, state);
    }
    if (state.by.session !== by.session) state.leaseUntilMs = 0;
    state.by = by;
    state.tokens = tokens;
    this.#parts.residency.set(state, units);
  }

  release(slot: Slot): void {
    const state = this.states.get(slot);
    if (state === undefined) return;
    this.#parts.residency.set(state, []);
    this.states.delete(slot);
  }
}

/** How many leading units calls of several sessions have used. */
export function sharedUnits(chain: readonly Unit[]): number {
  let low = 0;
  let high = chain.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (chain[middle].shared) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isHeldElsewhere(unit: Unit, state: HeldState): boolean {
  return unit.holders.size > (unit.holders.has(state) ? 1 : 0);
}
