/**
 * The cache proper: exact-size saved states within a budget of tokens in host memory and, where the engine can move
 * states there, on disk. What is worth least per token goes first; nothing comes in that is worth less than what
 * would have to go.
 */
import { EntresolError, type Coordinate, type TenantId } from '../../../core/index.ts';
import { commonPrefix } from '../common-prefix.ts';
import type { SlotDesk } from '../slot-rule.ts';
import type { Slot } from '../slot.ts';
import type { HeldState } from './held-state.ts';
import type { Residency } from './residency.ts';
import type { Unit } from './unit-trie.ts';
import type { Worth } from './worth.ts';

export type StoreTier = 'host' | 'disk';

export interface StoreParts {
  readonly desk: SlotDesk;
  readonly residency: Residency;
  readonly worth: Worth;
  readonly budgetTokens: Readonly<Record<StoreTier, number>>;
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
}

export class StateStore {
  readonly #parts: StoreParts;
  readonly #entries = new Set<HeldState>();
  readonly #used: Record<StoreTier, number> = { host: 0, disk: 0 };
  saves = 0;
  restores = 0;
  evictions = 0;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  get entries(): ReadonlySet<HeldState> { return this.#entries; }
  get usedTokens(): number { return this.#used.host + this.#used.disk; }
  get capacityTokens(): number { return this.#parts.budgetTokens.host + this.#parts.budgetTokens.disk; }

  /** Saves the candidate if it is worth its room. Returns the entry that now holds it, or undefined. */
  async keep(candidate: Candidate): Promise<HeldState | undefined> {
    const { desk, residency, worth, budgetTokens } = this.#parts;
    const size = candidate.tokens.length;
    if (candidate.units.length === 0 || size > budgetTokens.host) return undefined;
    const nowMs = desk.nowMs();
    const entry: HeldState = {
      tenant: candidate.tenant, by: candidate.by, tokens: candidate.tokens, units: candidate.units,
      tier: 'host', locks: 0, leaseUntilMs: candidate.leaseUntilMs,
    };
    const superseded = this.#containedIn(candidate);
    const leaving = new Set([...candidate.leaving, ...superseded]);
    if (worth.ownUnits(entry, leaving) === 0) return undefined;
    const perToken = worth.perToken(entry, nowMs, leaving);
    const freed = superseded.reduce((sum, state) => sum + (state.tier === 'host' ? state.tokens.length : 0), 0);
    const victims = this.#victims('host', size - freed, perToken * size, new Set(superseded), nowMs);
    if (victims === undefined) return undefined;

    const life = desk.life;
    this.#used.host += size;
    try {
      await Promise.all([...superseded.map((state) => this.drop(state)), ...victims.map((state) => this.#spill(state, nowMs))]);
      desk.checkLife(life);
      const saved = await desk.engine.save(candidate.slot.sequence);
      desk.checkLife(life);
      const kept: HeldState = { ...entry, units: [], saved };
      this.#entries.add(kept);
      residency.set(kept, candidate.units, 'host');
      this.saves++;
      return kept;
    } catch (error) {
      if (life === desk.life) this.#used.host -= size;
      if (!(error instanceof EntresolError) || error.code !== 'ENT_DISK_FULL') throw error;
      desk.log('warn', `A state of ${size} tokens was not kept: no room.`, { code: error.code });
      return undefined;
    }
  }

  /** Drops an entry. */
  async drop(state: HeldState): Promise<void> {
    if (!this.#entries.delete(state) || state.saved === undefined) return;
    this.#used[state.tier as StoreTier] -= state.tokens.length;
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
    const victims = this.#victims('disk', size, worth.perToken(state, nowMs) * size, new Set([state]), nowMs);
    if (victims === undefined) return false;
    const life = desk.life;
    state.locks++;
    this.#used.disk += size;
    try {
      await Promise.all(victims.map((victim) => this.evict(victim)));
      await engine.move(state.saved, 'disk');
    } catch (error) {
      if (life === desk.life) this.#used.disk -= size;
      if (!(error instanceof EntresolError) || error.code !== 'ENT_DISK_FULL') throw error;
      return false;
    } finally {
      state.locks--;
    }
    desk.checkLife(life);
    this.#used.host -= size;
    residency.set(state, state.units, 'disk');
    return true;
  }

  /** Forgets everything: the engine came back empty. What is left of old states there is dropped if it can be. */
  reset(): void {
    const { desk, residency } = this.#parts;
    const { life } = desk;
    for (const state of this.#entries) {
      residency.set(state, []);
      if (state.saved !== undefined) desk.engine.drop(state.saved).catch((error: unknown) => { desk.failed(error, life); });
    }
    this.#entries.clear();
    this.#used.host = 0;
    this.#used.disk = 0;
  }

  async clear(): Promise<void> {
    await Promise.all([...this.#entries].map((state) => this.drop(state)));
  }

  async #spill(state: HeldState, nowMs: number): Promise<void> {
    if (this.#parts.budgetTokens.disk > 0 && this.#parts.worth.perToken(state, nowMs) > 0 && await this.demote(state)) return;
    await this.evict(state);
  }

  /** The least worthy entries whose going makes room, if together they are worth less than `gain`; undefined if not. */
  #victims(tier: StoreTier, size: number, gain: number, excluded: ReadonlySet<HeldState>, nowMs: number): HeldState[] | undefined {
    let missing = this.#used[tier] + size - this.#parts.budgetTokens[tier];
    if (missing <= 0) return [];
    if (size > this.#parts.budgetTokens[tier]) return undefined;
    const ranked = [...this.#entries]
      .filter((state) => state.tier === tier && state.locks === 0 && !excluded.has(state))
      .map((state) => ({ state, perToken: this.#parts.worth.perToken(state, nowMs) }))
      .sort((a, b) => a.perToken - b.perToken || oldness(a.state) - oldness(b.state));
    const victims: HeldState[] = [];
    let loss = 0;
    for (const { state, perToken } of ranked) {
      victims.push(state);
      missing -= state.tokens.length;
      loss += perToken * state.tokens.length;
      if (loss > 0 && loss >= gain) return undefined;
      if (missing <= 0) return victims;
    }
    return undefined;
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
