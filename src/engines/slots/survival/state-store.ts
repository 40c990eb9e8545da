/**
 * The cache proper: exact-size saved states within a budget of tokens in host memory and, where the engine can move
 * states there, on disk. The engine keeps equal beginnings once, so a state takes the room that it adds. What is worth
 * least per token of its own goes first; nothing comes in that is worth less than what would have to go.
 */
import { EntresolError, type Coordinate, type TenantId } from '../../../core/index.ts';
import { commonPrefix } from '../common-prefix.ts';
import type { SlotDesk } from '../slot-rule.ts';
import type { Slot } from '../slot.ts';
import { SHARED_BLOCK_TOKENS, type SavedState } from '../token-engine.ts';
import type { HeldState, Unit } from './held-state.ts';
import type { Residency } from './residency.ts';
import type { Worth } from './worth.ts';

export type StoreTier = 'host' | 'disk';

export interface StoreParts {
  readonly desk: SlotDesk;
  readonly residency: Residency;
  readonly worth: Worth;
  readonly budgetTokens: Readonly<Record<StoreTier, number>>;
  /** Tokens of a unit of `HeldState.units`. */
  readonly unitTokens: number;
}

/** What lies in a slot and might be kept. */
export interface Candidate {
  readonly slot: Slot;
  readonly tenant: TenantId;
  readonly by: Coordinate;
  readonly tokens: Int32Array;
  readonly units: readonly Unit[];
  readonly leaseUntilMs: number;
  /** Other copies that are about to go, such as the slot's own. */
  readonly leaving: readonly HeldState[];
  /** A call counts on it: it is kept whatever it is worth, if there is room once all that is not locked has gone. */
  readonly insists?: boolean;
}

export class StateStore {
  readonly #parts: StoreParts;
  readonly #entries = new Set<HeldState>();
  #diskTokens = 0;
  /** Saves under way: room is set aside for them, and others may count on them to hold what they share. */
  readonly #saving = new Set<HeldState>();
  saves = 0;
  restores = 0;
  evictions = 0;

  /** Whether units are whole blocks of the engine's, so that what is shared can be reckoned. */
  readonly #shares: boolean;

  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#shares = parts.unitTokens % SHARED_BLOCK_TOKENS === 0;
  }

  get entries(): ReadonlySet<HeldState> { return this.#entries; }
  get usedTokens(): number { return this.#used('host') + this.#used('disk'); }
  get capacityTokens(): number { return this.#parts.budgetTokens.host + this.#parts.budgetTokens.disk; }

  /** Saves the candidate if it is worth its room. Returns the entry that now holds it, or undefined. */
  async keep(candidate: Candidate): Promise<HeldState | undefined> {
    const { desk, residency, worth, budgetTokens } = this.#parts;
    const { insists = false } = candidate;
    if ((candidate.units.length === 0 && !insists) || candidate.tokens.length > budgetTokens.host) return undefined;
    const nowMs = desk.nowMs();
    const entry: HeldState = {
      tenant: candidate.tenant, by: candidate.by, tokens: candidate.tokens, units: candidate.units,
      tier: 'host', locks: 0, leaseUntilMs: candidate.leaseUntilMs,
    };
    const superseded = this.#containedIn(candidate);
    const leaving = new Set([...candidate.leaving, ...superseded]);
    if (worth.ownUnits(entry, leaving) === 0 && !insists) return undefined;
    const gain = (): number => (insists ? Infinity : worth.of(entry, nowMs, leaving));
    const gone = new Set(superseded);
    const size = this.#ownTokens(entry);
    const victims = this.#victims('host', size, gain(), gone, nowMs, entry);
    if (victims === undefined) return undefined;

    const life = desk.life;
    this.#saving.add(entry);
    try {
      await Promise.all([...superseded.map((state) => this.drop(state)), ...victims.map((state) => this.#spill(state, nowMs))]);
      desk.checkLife(life);
      const saved = await this.#save(candidate, () => this.#leastWorth('host', size, gain(), gone, nowMs, entry));
      desk.checkLife(life);
      const kept: HeldState = { ...entry, units: [], saved };
      this.#entries.add(kept);
      residency.set(kept, candidate.units, 'host');
      this.saves++;
      return kept;
    } catch (error) {
      if (!(error instanceof EntresolError) || error.code !== 'ENT_DISK_FULL') throw error;
      desk.log('warn', `A state of ${candidate.tokens.length} tokens was not kept: no room.`, { code: error.code });
      return undefined;
    } finally {
      this.#saving.delete(entry);
      if (life === desk.life) await this.#shrink(life);
    }
  }

  /** Drops an entry. */
  async drop(state: HeldState): Promise<void> {
    if (!this.#entries.delete(state) || state.saved === undefined) return;
    if (state.tier === 'disk') this.#diskTokens -= state.tokens.length;
    this.#parts.residency.set(state, []);
    await this.#parts.desk.engine.drop(state.saved);
  }

  async evict(state: HeldState): Promise<void> {
    this.evictions++;
    await this.drop(state);
  }

  /** Moves an entry to disk if there is a disk tier and the entry is worth its room there. */
  async demote(state: HeldState): Promise<boolean> {
    const { desk, worth, residency } = this.#parts;
    const { engine } = desk;
    if (state.tier !== 'host' || state.saved === undefined || engine.move === undefined) return false;
    const nowMs = desk.nowMs();
    const size = state.tokens.length;
    const victims = this.#victims('disk', size, worth.of(state, nowMs), new Set([state]), nowMs);
    if (victims === undefined) return false;
    const life = desk.life;
    state.locks++;
    this.#diskTokens += size;
    try {
      await Promise.all(victims.map((victim) => this.evict(victim)));
      await engine.move(state.saved, 'disk');
    } catch (error) {
      if (life === desk.life) this.#diskTokens -= size;
      if (!(error instanceof EntresolError) || error.code !== 'ENT_DISK_FULL') throw error;
      return false;
    } finally {
      state.locks--;
    }
    desk.checkLife(life);
    residency.set(state, state.units, 'disk');
    return true;
  }

  /** The engine came back with empty sequences. What it does not hold any more is forgotten, and dropped there if it can be. */
  reset(statesOutlive: boolean): void {
    const { desk, residency } = this.#parts;
    const { life } = desk;
    this.#saving.clear();
    if (statesOutlive) {
      const before = [...this.#entries];
      for (const state of before) this.#renew(state);
      return;
    }
    for (const state of this.#entries) {
      residency.set(state, []);
      if (state.saved !== undefined) desk.engine.drop(state.saved).catch((error: unknown) => { desk.failed(error, life); });
    }
    this.#entries.clear();
    this.#diskTokens = 0;
  }

  /** The same in another entry: whoever was reading the old one may give back its lock late. */
  #renew(state: HeldState): void {
    const renewed: HeldState = { ...state, units: [], locks: 0 };
    this.#parts.residency.set(renewed, state.units);
    this.#parts.residency.set(state, []);
    this.#entries.delete(state);
    this.#entries.add(renewed);
  }

  async clear(): Promise<void> {
    await Promise.all([...this.#entries].map((state) => this.drop(state)));
  }

  async #spill(state: HeldState, nowMs: number): Promise<void> {
    if (this.#parts.budgetTokens.disk > 0 && this.#parts.worth.of(state, nowMs) > 0 && await this.demote(state)) return;
    await this.evict(state);
  }

  /** Where there is less room than the budget says, what is worth least goes for it, as if the budget were used up. */
  async #save({ slot, tenant }: Candidate, victims: () => HeldState[] | undefined): Promise<SavedState> {
    const { desk } = this.#parts;
    const { life } = desk;
    const save = (): Promise<SavedState> => desk.engine.save(slot.sequence, this.#shares ? tenant : undefined);
    try {
      return await save();
    } catch (error) {
      if (!(error instanceof EntresolError) || error.code !== 'ENT_DISK_FULL') throw error;
      desk.checkLife(life);
      const going = victims();
      if (going === undefined) throw error;
      await Promise.all(going.map((state) => this.evict(state)));
      desk.checkLife(life);
      return save();
    }
  }

  #used(tier: StoreTier): number {
    if (tier === 'disk') return this.#diskTokens;
    let reserved = 0;
    const earlier = new Set<HeldState>();
    for (const state of this.#saving) {
      reserved += this.#ownTokens(state, { saving: earlier });
      earlier.add(state);
    }
    return this.#parts.desk.engine.storedTokens + reserved;
  }

  /** Tokens that the state takes by itself in host memory: what nothing else there, or on its way there, holds too. */
  #ownTokens(state: HeldState, { gone, saving = this.#saving }: { gone?: ReadonlySet<HeldState>; saving?: ReadonlySet<HeldState> } = {}): number {
    const { units } = state;
    if (!this.#shares) return state.tokens.length;
    const isShared = (unit: Unit): boolean => {
      for (const other of saving) if (other !== state && other.units[unit.index] === unit) return true;
      for (const holder of unit.holders) if (holder !== state && holder.tier === 'host' && holder.saved !== undefined && gone?.has(holder) !== true) return true;
      return false;
    };
    let shared = 0;
    while (shared < units.length && isShared(units[shared])) shared++;
    return state.tokens.length - shared * this.#parts.unitTokens;
  }

  /** The entries whose going makes room within the budget, as `#leastWorth` has it. */
  #victims(tier: StoreTier, size: number, gain: number, excluded: ReadonlySet<HeldState>, nowMs: number, newcomer?: HeldState): HeldState[] | undefined {
    const { budgetTokens } = this.#parts;
    const missing = this.#used(tier) + size - budgetTokens[tier];
    if (missing <= 0) return [];
    if (size > budgetTokens[tier]) return undefined;
    return this.#leastWorth(tier, missing, gain, excluded, nowMs, newcomer);
  }

  /** The least worthy entries whose going frees so many tokens, if together they are worth less than `gain`; undefined if not. */
  #leastWorth(tier: StoreTier, tokens: number, gain: number, excluded: ReadonlySet<HeldState>, nowMs: number, newcomer?: HeldState): HeldState[] | undefined {
    const { worth } = this.#parts;
    let missing = tokens;
    const gone = new Set(excluded);
    const saving = newcomer === undefined ? this.#saving : new Set([...this.#saving, newcomer]);
    const room = (state: HeldState): number => (tier === 'disk' ? state.tokens.length : this.#ownTokens(state, { gone, saving }));
    const ranked = [...this.#entries]
      .filter((state) => state.tier === tier && state.locks === 0 && !excluded.has(state))
      .map((state) => {
        const total = worth.of(state, nowMs);
        return { state, worth: total, perToken: total / Math.max(1, room(state)) };
      })
      .sort((a, b) => a.perToken - b.perToken || oldness(a.state) - oldness(b.state));
    const victims: HeldState[] = [];
    let loss = 0;
    for (const candidate of ranked) {
      victims.push(candidate.state);
      missing -= room(candidate.state);
      gone.add(candidate.state);
      loss += candidate.worth;
      if (loss > 0 && loss >= gain) return undefined;
      if (missing <= 0) return victims;
    }
    return undefined;
  }

  /** Equal tokens whose KV was rounded otherwise are not shared: then more room was taken than was reckoned with. */
  async #shrink(life: number): Promise<void> {
    const { desk, budgetTokens } = this.#parts;
    while (life === desk.life && desk.engine.storedTokens > budgetTokens.host) {
      const [least] = this.#victims('host', 1, Infinity, new Set(), desk.nowMs()) ?? [];
      if (least === undefined) return;
      await this.evict(least);
    }
  }

  /** Entries that the candidate extends: once it is kept they hold nothing more. */
  #containedIn(candidate: Candidate): HeldState[] {
    const contained: HeldState[] = [];
    for (const unit of candidate.units) {
      for (const state of unit.holders) {
        if (state.saved === undefined || state.locks > 0 || state.units.length !== unit.index + 1) continue;
        if (state.tokens.length <= candidate.tokens.length && commonPrefix(state.tokens, candidate.tokens) === state.tokens.length) contained.push(state);
      }
    }
    return contained;
  }
}

function oldness(state: HeldState): number {
  return state.units.length === 0 ? -1 : state.units[state.units.length - 1].lastTouchMs;
}
