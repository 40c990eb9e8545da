/**
 * llama-server's host prompt cache (`server_prompt_cache` in tools/server/server-task.cpp of llama.cpp): a list in
 * the order of saving. A state that is contained in an entry is not saved; entries contained in a new one go; room is
 * made from the oldest; an entry is removed when it is loaded.
 */
import type { TenantId } from '../../../core/index.ts';
import { commonPrefix } from '../common-prefix.ts';
import type { SlotDesk } from '../slot-rule.ts';
import type { Slot } from '../slot.ts';
import type { SavedState } from '../token-engine.ts';

interface Entry {
  readonly tenant: TenantId | undefined;
  readonly tokens: Int32Array;
  readonly saved: SavedState;
}

/** Entries of which the prompt would keep less are not thrown away for it. */
const MINIMUM_KEPT = 0.25;

export class PromptCache {
  readonly #desk: SlotDesk;
  readonly #budgetTokens: number;
  #entries: Entry[] = [];
  saves = 0;
  restores = 0;
  evictions = 0;

  constructor(desk: SlotDesk, budgetTokens: number) {
    this.#desk = desk;
    this.#budgetTokens = budgetTokens;
  }

  get usedTokens(): number { return this.#entries.reduce((sum, entry) => sum + entry.tokens.length, 0); }

  /** The longest prefix held for the tenant. */
  longest(tokens: Int32Array, tenant: TenantId): number {
    return this.#entries.reduce((best, entry) => Math.max(best, this.#shared(entry, tokens, tenant)), 0);
  }

  async save(slot: Slot): Promise<void> {
    const { tokens, tenant } = slot;
    const size = tokens.length;
    if (size === 0 || size > this.#budgetTokens) return;
    if (this.#entries.some((entry) => this.#shared(entry, tokens, tenant) === size)) return;
    const contained = this.#entries.filter((entry) => this.#shared(entry, tokens, tenant) === entry.tokens.length);
    for (const entry of contained) await this.#remove(entry);
    while (this.#entries.length > 0 && this.usedTokens + size > this.#budgetTokens) {
      this.evictions++;
      await this.#remove(this.#entries[0]);
    }
    const { life } = this.#desk;
    const saved = await this.#desk.engine.save(slot.sequence);
    this.#desk.checkLife(life);
    this.#entries.push({ tenant, tokens, saved });
    this.saves++;
  }

  /** Loads the entry that keeps a larger part of itself and serves a larger part of the prompt than the slot, if there is one. */
  async load(slot: Slot, tokens: Int32Array, tenant: TenantId): Promise<void> {
    const own = slot.tenant === tenant ? commonPrefix(slot.tokens, tokens) : 0;
    let keptBest = slot.tokens.length > 0 ? own / slot.tokens.length : -1;
    let similarBest = own / tokens.length;
    let best: Entry | undefined;
    for (const entry of this.#entries) {
      const shared = this.#shared(entry, tokens, tenant);
      const kept = shared / entry.tokens.length;
      const similar = shared / tokens.length;
      if (kept < MINIMUM_KEPT || kept <= keptBest || similar <= similarBest) continue;
      keptBest = kept;
      similarBest = similar;
      best = entry;
    }
    if (best === undefined) return;
    const { life } = this.#desk;
    try {
      await this.#desk.engine.load(slot.sequence, best.saved);
    } catch (error) {
      this.#desk.checkLife(life);
      slot.tokens = new Int32Array(0);
      await this.#remove(best);
      throw error;
    }
    this.#desk.checkLife(life);
    slot.tokens = best.tokens;
    slot.tenant = best.tenant;
    this.restores++;
    await this.#remove(best);
  }

  reset(): void {
    const { life } = this.#desk;
    for (const { saved } of this.#entries) this.#desk.engine.drop(saved).catch((error: unknown) => { this.#desk.failed(error, life); });
    this.#entries = [];
  }

  async clear(): Promise<void> {
    while (this.#entries.length > 0) await this.#remove(this.#entries[0]);
  }

  /** llama-server knows no tenants; here nothing is shared across them. */
  #shared(entry: Entry, tokens: Int32Array, tenant: TenantId | undefined): number {
    return entry.tenant === tenant ? commonPrefix(entry.tokens, tokens) : 0;
  }

  async #remove(entry: Entry): Promise<void> {
    this.#entries = this.#entries.filter((other) => other !== entry);
    await this.#desk.engine.drop(entry.saved);
  }
}
