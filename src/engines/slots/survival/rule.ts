/**
 * Our own rule. Slots are registers, the capacity is the store: few calls run, one prefills at a time beside those
 * that decode, a call whose prefix is resident goes first (with aging), and what stays is what the retention index in
 * force says is worth most per token.
 */
import { EntresolError, type EngineHost, type Intent, type Outcome, type ReplicaId, type RetentionIndex, type TenantId } from '../../../core/index.ts';
import type { Job } from '../job.ts';
import { PrefillCost } from '../prefill-cost.ts';
import type { RuleCounts, SlotDesk, SlotRule } from '../slot-rule.ts';
import type { Slot } from '../slot.ts';
import type { MeasuredPrefill } from '../token-engine.ts';
import type { HeldState, Unit } from './held-state.ts';
import { IndexFeed } from './index-feed.ts';
import { CacheIntents } from './cache-intents.ts';
import { SurvivalParking } from './parking.ts';
import { Residency } from './residency.ts';
import { sharedUnits, SlotContents } from './slot-contents.ts';
import { findSources, longestHeld, type Sources } from './sources.ts';
import { StateStore } from './state-store.ts';
import type { SurvivalPlacement } from './survival-placement.ts';
import { UnitTrie } from './unit-trie.ts';
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
  /** Calls that have made way for prompts while they decoded: so many at a time; 0: none ever does. */
  readonly parkedCalls: number;
  /** One that has lain parked for so long goes on before a waiting one begins. */
  readonly patienceMs: number;
}

export class SurvivalRule implements SlotRule<SurvivalPlacement> {
  readonly runningLimit: number;
  readonly prefillLimit: number;
  readonly parking: SurvivalParking | undefined;
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
  readonly #slots: SlotContents;

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
    this.#slots = new SlotContents({ desk, store: this.#store, residency: this.#residency, worth: this.#worth, cost: this.#cost, unitTokens: options.unitTokens, anchorTokens: options.anchorTokens });
    this.parking = options.parkedCalls === 0 ? undefined : new SurvivalParking({
      desk, slots: this.#slots, store: this.#store, limit: options.parkedCalls, patienceMs: options.patienceMs,
      hold: (job, { slot }) => { this.#hold(slot, job, this.#trie.chain(job.tenant, slot.tokens, (unit) => this.#feed.define(unit))); },
      withdrawn: (job) => { this.withdrawn(job); },
    });
    this.#intents = new CacheIntents({
      desk, store: this.#store, live: this.#slots.states, trie: this.#trie,
      demote: async (slot) => { await this.#slots.demote(slot, 0); },
      restore: (state, slot) => this.#slots.restoreTo(state, slot),
      clear: (slot, length) => this.#slots.trim(slot, length),
      victim: () => this.#slots.victim(),
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
    if (inSlot?.state.slot !== undefined && slotReuse >= storeReuse && !this.#slots.losesHistory(inSlot.state, slotReuse, job.input.request.by)) {
      return { slot: inSlot.state.slot, source: inSlot.state, kind: 'extend', reuse: slotReuse };
    }
    // To branch off a slot costs its state's place there: a stored copy that is hardly shorter is better.
    if (inStore !== undefined && storeReuse + this.#options.unitTokens > slotReuse) {
      const slot = this.#slots.victim();
      if (slot === undefined) return undefined;
      inStore.state.locks++;
      return { slot, source: inStore.state, kind: 'restore', reuse: storeReuse };
    }
    if (inSlot?.state.slot !== undefined) return { slot: inSlot.state.slot, source: inSlot.state, kind: 'branch', reuse: slotReuse };
    const slot = this.#slots.victim();
    return slot === undefined ? undefined : { slot, source: undefined, kind: 'fresh', reuse: 0 };
  }

  async prepare(job: Job, placement: SurvivalPlacement): Promise<{ reused: number; held: number }> {
    const { slot, kind, source } = placement;
    const life = this.#desk.life;
    let { reuse } = placement;
    let made: readonly string[] = [];
    try {
      if (kind !== 'extend') made = await this.#slots.makeRoom(slot, kind === 'branch' ? reuse : 0);
      if (kind === 'restore' && source !== undefined) reuse = await this.#slots.load(source, slot) ? reuse : 0;
    } finally {
      if (kind === 'restore' && source !== undefined && life === this.#desk.life) source.locks--;
    }
    await this.#slots.trim(slot, reuse);
    this.#desk.checkLife(life);
    job.notes.push(note(kind, reuse, source), ...made);
    this.#hold(slot, job, this.#chain(job).slice(0, Math.floor(reuse / this.#options.unitTokens)));
    return { reused: reuse, held: await this.#checkpoint(job, slot, reuse) };
  }

  prefilled(job: Job, placement: SurvivalPlacement, ms: number): void {
    const { slot } = placement;
    // An engine that serves the request itself tells by its own clock: an answer that is not streamed begins when it ends.
    if (job.input.generate.exchange === undefined) this.measured({ tokens: job.tokens.length - slot.tokens.length, position: slot.tokens.length, ms });
    this.#slots.holdAs(slot, job.tenant, job.input.request.by, this.#chain(job), job.tokens);
  }

  measured({ tokens, position, ms }: MeasuredPrefill): void {
    this.#cost.observePrefill(tokens, position, ms);
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
    this.#slots.release(placement.slot);
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

  reset(statesOutlive: boolean): void {
    for (const job of this.#chains.keys()) this.withdrawn(job);
    for (const slot of this.#desk.slots) this.#slots.release(slot);
    this.parking?.reset();
    this.#store.reset(statesOutlive);
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
    const state = this.#slots.states.get(slot);
    if (state === undefined) return length;
    const kept = await this.#store.keep({
      slot, tenant: job.tenant, by: state.by, tokens: state.tokens, units: state.units, leaseUntilMs: 0, leaving: [state],
    });
    if (kept !== undefined) job.notes.push(`kept the ${length} tokens that sessions share`);
    return length;
  }

  #hold(slot: Slot, job: Job, units: readonly Unit[]): void {
    this.#slots.holdAs(slot, job.tenant, job.input.request.by, units);
  }

  /** The tenant's index in force, for whoever wants to show it. */
  indexOf(tenant: TenantId): RetentionIndex | undefined {
    return this.#feed.of(tenant);
  }
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
