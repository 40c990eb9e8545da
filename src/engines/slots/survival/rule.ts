/**
 * Our own rule. Slots are registers, the capacity is the store: few calls run, one prefills at a time beside those
 * that decode, a call whose prefix is resident goes first (with aging), and what stays is what the retention index in
 * force says is worth most per token.
 */
import { EntresolError, type EngineHost, type Intent, type Outcome, type ReplicaId, type RetentionIndex, type TenantId } from '../../../core/index.ts';
import type { Job } from '../job.ts';
import { PrefillCost } from '../prefill-cost.ts';
import type { Placement, RuleCounts, SlotDesk, SlotRule } from '../slot-rule.ts';
import type { Slot } from '../slot.ts';
import type { HeldState } from './held-state.ts';
import { IndexFeed } from './index-feed.ts';
import { CacheIntents } from './cache-intents.ts';
import { Residency } from './residency.ts';
import { findSources, longestHeld, type Sources } from './sources.ts';
import { StateStore } from './state-store.ts';
import { UnitTrie, type Unit } from './unit-trie.ts';
import { Worth } from './worth.ts';

export interface SurvivalOptions {
  readonly host: EngineHost;
  readonly replica: ReplicaId;
  /** Slots that no call may take, so that one can be prepared while the others run. Fewer than there are slots. */
  readonly spareSlots: number;
  readonly storeTokens: number;
  readonly diskTokens: number;
  readonly unitTokens: number;
  /** Units remembered, resident or not. */
  readonly rememberedUnits: number;
  readonly prefillLimit: number;
  /** Milliseconds of prefill by which a call gets ahead for each millisecond that it has waited. */
  readonly agingFactor: number;
  /** Prefixes that sessions share are kept on their own from this length on; Infinity: never. */
  readonly anchorTokens: number;
}

export interface SurvivalPlacement extends Placement<HeldState | undefined> {
  readonly kind: 'extend' | 'branch' | 'restore' | 'fresh';
  readonly reuse: number;
}

export class SurvivalRule implements SlotRule<SurvivalPlacement> {
  readonly runningLimit: number;
  readonly prefillLimit: number;
  readonly #options: SurvivalOptions;
  readonly #desk: SlotDesk;
  readonly #trie: UnitTrie;
  readonly #cost = new PrefillCost();
  readonly #feed: IndexFeed;
  readonly #residency: Residency;
  readonly #worth: Worth;
  readonly #store: StateStore;
  readonly #intents: CacheIntents;
  readonly #chains = new Map<Job, Unit[]>();
  /** What each slot holds. */
  readonly #live = new Map<Slot, HeldState>();

  constructor(options: SurvivalOptions, desk: SlotDesk) {
    this.#options = options;
    this.#desk = desk;
    this.runningLimit = Math.max(1, desk.slots.length - options.spareSlots);
    this.prefillLimit = options.prefillLimit;
    this.#feed = new IndexFeed(options.host, this.#cost);
    this.#trie = new UnitTrie(options.unitTokens, options.rememberedUnits, (unit) => this.#feed.forget(unit));
    this.#feed.attach(this.#trie);
    this.#worth = new Worth(this.#feed);
    this.#residency = new Residency(this.#trie, this.#feed, options.host, options.replica);
    this.#store = new StateStore({ desk, residency: this.#residency, worth: this.#worth, budgetTokens: { host: options.storeTokens, disk: options.diskTokens }, unitTokens: options.unitTokens });
    this.#intents = new CacheIntents({
      desk, store: this.#store, live: this.#live, trie: this.#trie,
      demote: async (slot) => { await this.#demote(slot, 0); },
      restore: (state, slot) => this.#restoreTo(state, slot),
      clear: (slot, length) => this.#trim(slot, length),
      victim: () => this.#victim(),
      worthOf: (state) => this.#worth.perToken(state, desk.nowMs()),
    });
  }

  arrived(job: Job): void {
    const chain = this.#trie.chain(job.tenant, job.tokens, (unit) => this.#feed.define(unit));
    this.#chains.set(job, chain);
    this.#trie.pin(chain);
    const { by } = job.input.request;
    this.#trie.touch(chain, by.session, this.#desk.nowMs());
    this.#feed.touch(chain, 0, 'prompt', by, this.#desk.nowMs());
    this.#trie.prune();
  }

  withdrawn(job: Job): void {
    this.#trie.unpin(this.#chain(job));
    this.#chains.delete(job);
    this.#trie.prune();
  }

  next(waiting: readonly Job[]): number {
    if (waiting.length === 1) return 0;
    const reuse = waiting.map((job) => reusable(job, findSources(this.#chain(job), job.tokens)));
    const ranked = this.#options.host.order(waiting.map((job, at) => ({ ...job.input.request, residentTokens: reuse[at] })));
    if (ranked !== undefined && ranked.length > 0) return ranked[0];
    const nowMs = this.#desk.nowMs();
    let best = 0;
    let least = Infinity;
    waiting.forEach((job, at) => {
      const cost = this.#cost.prefillMs(job.tokens.length - reuse[at], reuse[at]) - this.#options.agingFactor * (nowMs - job.arrivedMs);
      if (cost < least) {
        least = cost;
        best = at;
      }
    });
    return best;
  }

  place(job: Job): SurvivalPlacement | undefined {
    const { inSlot, inStore } = findSources(this.#chain(job), job.tokens);
    const last = job.tokens.length - 1;
    const slotReuse = Math.min(inSlot?.reuse ?? 0, last);
    const storeReuse = Math.min(inStore?.reuse ?? 0, last);
    if (inSlot?.state.slot !== undefined && slotReuse >= storeReuse && !this.#losesHistory(inSlot.state, slotReuse, job)) {
      return { slot: inSlot.state.slot, source: inSlot.state, kind: 'extend', reuse: slotReuse };
    }
    // To branch off a slot costs its state's place there: a stored copy that is hardly shorter is better.
    if (inStore !== undefined && storeReuse + this.#options.unitTokens > slotReuse) {
      const slot = this.#victim();
      if (slot === undefined) return undefined;
      inStore.state.locks++;
      return { slot, source: inStore.state, kind: 'restore', reuse: storeReuse };
    }
    if (inSlot?.state.slot !== undefined) return { slot: inSlot.state.slot, source: inSlot.state, kind: 'branch', reuse: slotReuse };
    const slot = this.#victim();
    return slot === undefined ? undefined : { slot, source: undefined, kind: 'fresh', reuse: 0 };
  }

  async prepare(job: Job, placement: SurvivalPlacement): Promise<{ reused: number; held: number }> {
    const { slot, kind, source } = placement;
    const life = this.#desk.life;
    let { reuse } = placement;
    let made: readonly string[] = [];
    try {
      if (kind !== 'extend') made = await this.#makeRoom(slot, kind === 'branch' ? reuse : 0);
      if (kind === 'restore' && source !== undefined) reuse = await this.#load(source, slot) ? reuse : 0;
    } finally {
      if (kind === 'restore' && source !== undefined && life === this.#desk.life) source.locks--;
    }
    await this.#trim(slot, reuse);
    this.#desk.checkLife(life);
    job.notes.push(note(kind, reuse, source), ...made);
    this.#hold(slot, job, this.#chain(job).slice(0, Math.floor(reuse / this.#options.unitTokens)));
    return { reused: reuse, held: await this.#checkpoint(job, slot, reuse) };
  }

  prefilled(job: Job, placement: SurvivalPlacement, ms: number): void {
    const { slot } = placement;
    this.#cost.observePrefill(job.tokens.length - slot.tokens.length, slot.tokens.length, ms);
    this.#holdAs(slot, job.tenant, job.input.request.by, this.#chain(job), job.tokens);
  }

  finished(job: Job, placement: SurvivalPlacement): void {
    const { slot } = placement;
    const { by } = job.input.request;
    const nowMs = this.#desk.nowMs();
    const prompt = this.#chain(job);
    const chain = this.#trie.chain(job.tenant, slot.tokens, (unit) => this.#feed.define(unit));
    const used = chain.length >= prompt.length ? chain : prompt;
    this.#trie.touch(used, by.session, nowMs);
    this.#feed.touch(used, prompt.length, 'output', by, nowMs);
    this.#hold(slot, job, chain);
    this.withdrawn(job);
  }

  failed(job: Job, placement: SurvivalPlacement): void {
    this.#release(placement.slot);
    this.withdrawn(job);
  }

  residentTokens(tokens: Int32Array, tenant: TenantId): number {
    return longestHeld(this.#trie.chain(tenant, tokens), tokens, () => true);
  }

  perform(intent: Intent): Promise<Outcome> {
    return this.#intents.perform(intent);
  }

  counts(): RuleCounts {
    const { saves, restores, evictions, usedTokens, capacityTokens } = this.#store;
    return { storeTokens: usedTokens, capacityTokens: capacityTokens + this.#desk.slots.length * this.#desk.engine.contextTokens, saves, restores, evictions };
  }

  reset(): void {
    for (const job of this.#chains.keys()) this.withdrawn(job);
    for (const slot of this.#desk.slots) this.#release(slot);
    this.#store.reset();
  }

  async close(): Promise<void> {
    const { life } = this.#desk;
    try {
      await this.#store.clear();
    } catch (error) {
      this.#desk.failed(error, life);
    }
  }

  #chain(job: Job): readonly Unit[] {
    return this.#chains.get(job) ?? [];
  }

  /** Would taking this slot for the job destroy another's history that lies nowhere else and is worth something? */
  #losesHistory(state: HeldState, reuse: number, job: Job): boolean {
    if (state.tokens.length - reuse < this.#options.unitTokens) return false;
    const { by } = job.input.request;
    if (state.by.session === by.session && state.by.instance === by.instance) return false;
    return this.#worth.perToken(state, this.#desk.nowMs()) > 0;
  }

  /** The idle slot that holds least: empty, else of the least worth per token, else least recently used. */
  #victim(): Slot | undefined {
    const nowMs = this.#desk.nowMs();
    let best: Slot | undefined;
    let least = Infinity;
    for (const slot of this.#desk.slots) {
      if (slot.busy) continue;
      const state = this.#live.get(slot);
      const worth = state === undefined || slot.tokens.length === 0 ? -1 : this.#worth.perToken(state, nowMs);
      if (worth < least || (worth === least && best !== undefined && slot.lastUsedMs < best.lastUsedMs)) {
        least = worth;
        best = slot;
      }
    }
    return best;
  }

  /** As `#demote`, with what was kept and dropped for it in words. */
  async #makeRoom(slot: Slot, reuse: number): Promise<string[]> {
    const held = slot.tokens.length;
    const { evictions } = this.#store;
    const kept = await this.#demote(slot, reuse);
    const evicted = this.#store.evictions - evictions;
    return [
      ...(held === 0 ? [] : [kept === undefined ? `let go of the ${held} tokens in its slot: held elsewhere, or worth less than what is saved` : `saved ${kept.tokens.length} of the ${held} tokens in its slot`]),
      ...(evicted === 0 ? [] : [`evicted saved states that were worth less: ${evicted}`]),
    ];
  }

  /** Keeps what the slot holds, else the part of it that sessions share, if it is worth its room; the slot keeps `reuse` tokens at least. */
  async #demote(slot: Slot, reuse: number): Promise<HeldState | undefined> {
    const state = this.#live.get(slot);
    if (state === undefined || slot.tokens.length === 0) return undefined;
    const keep = (): Promise<HeldState | undefined> => this.#store.keep({
      slot, tenant: state.tenant, by: state.by, tokens: state.tokens, units: state.units, leaseUntilMs: state.leaseUntilMs, leaving: [state],
    });
    const whole = await keep();
    if (whole !== undefined) return whole;
    const shared = sharedUnits(state.units);
    const length = shared * this.#options.unitTokens;
    if (length < this.#options.anchorTokens || length < reuse || isHeldElsewhere(state.units[shared - 1], state)) return undefined;
    await this.#trim(slot, length);
    return keep();
  }

  /** Computes the part of the prompt that sessions share and nobody holds by itself, and keeps it before going on. */
  async #checkpoint(job: Job, slot: Slot, held: number): Promise<number> {
    const chain = this.#chain(job);
    const shared = sharedUnits(chain);
    const length = shared * this.#options.unitTokens;
    if (length < this.#options.anchorTokens || length >= job.tokens.length || length - held < this.#options.anchorTokens) return held;
    const startedMs = this.#desk.nowMs();
    const life = this.#desk.life;
    try {
      await this.#desk.engine.prefill(slot.sequence, job.tokens.subarray(held, length), job.abort.signal);
    } catch (error) {
      if (!(error instanceof EntresolError) || error.code !== 'ENT_CANCELLED') throw error;
      await this.#desk.engine.trim(slot.sequence, held);
      return held;
    }
    this.#desk.checkLife(life);
    this.#cost.observePrefill(length - held, held, this.#desk.nowMs() - startedMs);
    slot.tokens = job.tokens.slice(0, length);
    this.#hold(slot, job, chain.slice(0, shared));
    const state = this.#live.get(slot);
    if (state === undefined) return length;
    const kept = await this.#store.keep({
      slot, tenant: job.tenant, by: state.by, tokens: state.tokens, units: state.units, leaseUntilMs: 0, leaving: [state],
    });
    if (kept !== undefined) job.notes.push(`kept the ${length} tokens that sessions share`);
    return length;
  }

  async #load(source: HeldState, slot: Slot): Promise<boolean> {
    if (source.saved === undefined) return false;
    const life = this.#desk.life;
    const startedMs = this.#desk.nowMs();
    this.#release(slot);
    try {
      await this.#desk.engine.load(slot.sequence, source.saved);
    } catch (error) {
      if (!(error instanceof EntresolError) || error.code !== 'ENT_STATE_CORRUPT') throw error;
      this.#desk.log('warn', 'A saved state cannot be read and is dropped.', { tokens: source.tokens.length });
      this.#desk.checkLife(life);
      slot.tokens = new Int32Array(0);
      await this.#store.drop(source);
      return false;
    }
    this.#desk.checkLife(life);
    this.#store.restores++;
    this.#cost.observeRestore(source.tokens.length, this.#desk.nowMs() - startedMs);
    slot.tokens = source.tokens;
    return true;
  }

  async #restoreTo(state: HeldState, slot: Slot): Promise<boolean> {
    state.locks++;
    try {
      await this.#demote(slot, 0);
      if (!await this.#load(state, slot)) return false;
    } finally {
      state.locks--;
    }
    this.#holdAs(slot, state.tenant, state.by, state.units);
    return true;
  }

  async #trim(slot: Slot, length: number): Promise<void> {
    if (slot.tokens.length <= length) return;
    const life = this.#desk.life;
    await this.#desk.engine.trim(slot.sequence, length);
    this.#desk.checkLife(life);
    slot.tokens = slot.tokens.slice(0, length);
    if (length === 0) {
      this.#release(slot);
      return;
    }
    const state = this.#live.get(slot);
    if (state === undefined) return;
    state.tokens = slot.tokens;
    this.#residency.set(state, state.units.slice(0, Math.floor(length / this.#options.unitTokens)));
  }

  #hold(slot: Slot, job: Job, units: readonly Unit[]): void {
    this.#holdAs(slot, job.tenant, job.input.request.by, units);
  }

  #holdAs(slot: Slot, tenant: TenantId, by: HeldState['by'], units: readonly Unit[], tokens = slot.tokens): void {
    let state = this.#live.get(slot);
    if (state !== undefined && state.tenant !== tenant) {
      this.#release(slot);
      state = undefined;
    }
    if (state === undefined) {
      state = { tenant, by, tokens, units: [], tier: 'device', slot, locks: 0, leaseUntilMs: 0 };
      this.#live.set(slot, state);
    }
    if (state.by.session !== by.session) state.leaseUntilMs = 0;
    state.by = by;
    state.tokens = tokens;
    this.#residency.set(state, units);
  }

  #release(slot: Slot): void {
    const state = this.#live.get(slot);
    if (state === undefined) return;
    this.#residency.set(state, []);
    this.#live.delete(slot);
  }

  /** The tenant's index in force, for whoever wants to show it. */
  indexOf(tenant: TenantId): RetentionIndex | undefined {
    return this.#feed.of(tenant);
  }
}

/** How many leading units calls of several sessions have used. */
function sharedUnits(chain: readonly Unit[]): number {
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

function reusable(job: Job, { inSlot, inStore }: Sources): number {
  return Math.min(job.tokens.length - 1, Math.max(inSlot?.reuse ?? 0, inStore?.reuse ?? 0));
}

function note(kind: SurvivalPlacement['kind'], reuse: number, source: HeldState | undefined): string {
  if (kind === 'restore' && reuse > 0) return `restored ${reuse} tokens from ${source?.tier ?? 'host'}`;
  if (kind === 'extend') return `extended a slot that holds ${reuse} tokens`;
  if (kind === 'branch') return `branched off a slot after ${reuse} tokens`;
  return 'computed from the start';
}
