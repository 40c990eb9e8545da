/** What policies may ask of the cache: retain, demote, restore, prefetch, evict. Never in the way of a running call. */
import type { CacheTarget, Intent, Outcome, Tier } from '../../../core/index.ts';
import type { SlotDesk } from '../slot-rule.ts';
import type { Slot } from '../slot.ts';
import type { HeldState } from './held-state.ts';
import type { StateStore } from './state-store.ts';
import type { UnitTrie } from './unit-trie.ts';

export interface IntentParts {
  readonly desk: SlotDesk;
  readonly store: StateStore;
  readonly live: ReadonlyMap<Slot, HeldState>;
  readonly trie: UnitTrie;
  /** Keeps what the slot holds if it is worth it. */
  demote(slot: Slot): Promise<void>;
  restore(state: HeldState, slot: Slot): Promise<boolean>;
  clear(slot: Slot, length: number): Promise<void>;
  victim(): Slot | undefined;
  worthOf(state: HeldState): number;
}

const NOTHING: Outcome = { status: 'rejected', why: 'nothing of it is resident' };
const ACCEPTED: Outcome = { status: 'accepted' };

export class CacheIntents {
  readonly #parts: IntentParts;

  constructor(parts: IntentParts) {
    this.#parts = parts;
  }

  async perform(intent: Intent): Promise<Outcome> {
    const { life } = this.#parts.desk;
    try {
      switch (intent.kind) {
        case 'retain': return this.#retain(intent.target, intent.untilMs);
        case 'demote': return await this.#demote(intent.target, intent.tier);
        case 'restore':
        case 'prefetch': return await this.#restore(intent.target);
        case 'evict': return await this.#evict(intent.target);
        default: return { status: 'unsupported' };
      }
    } catch (error) {
      this.#parts.desk.failed(error, life);
      return { status: 'rejected', why: error instanceof Error ? error.message : String(error) };
    }
  }

  #retain(target: CacheTarget, untilMs: number): Outcome {
    const states = this.#matching(target);
    for (const state of states) state.leaseUntilMs = Math.max(state.leaseUntilMs, untilMs);
    return states.length > 0 ? ACCEPTED : NOTHING;
  }

  async #demote(target: CacheTarget, tier: Exclude<Tier, 'device'>): Promise<Outcome> {
    const { desk, store } = this.#parts;
    if (tier === 'disk' && desk.engine.move === undefined) return { status: 'unsupported' };
    const states = this.#matching(target);
    if (states.length === 0) return NOTHING;
    let done = 0;
    for (const state of states) {
      if (state.slot !== undefined) done += await this.#withSlot(state.slot, async (slot) => {
        await this.#parts.demote(slot);
        await this.#parts.clear(slot, 0);
      }) ? 1 : 0;
      else if (tier === 'host') done++;
    }
    if (tier === 'disk') {
      done = 0;
      for (const state of this.#matching(target)) if (state.tier === 'disk' || await store.demote(state)) done++;
    }
    return outcome(done, states.length);
  }

  async #restore(target: CacheTarget): Promise<Outcome> {
    const states = this.#matching(target);
    if (states.some((state) => state.slot !== undefined)) return ACCEPTED;
    const stored = states.filter((state) => state.saved !== undefined && state.locks === 0).sort((a, b) => b.tokens.length - a.tokens.length)[0];
    if (stored === undefined) return NOTHING;
    const slot = this.#parts.victim();
    if (slot === undefined) return { status: 'deferred', why: 'every slot is in use' };
    const present = this.#parts.live.get(slot);
    if (present !== undefined && slot.tokens.length > 0 && this.#parts.worthOf(present) > this.#parts.worthOf(stored)) {
      return { status: 'rejected', why: 'it would displace what is worth more' };
    }
    let restored = false;
    await this.#withSlot(slot, async () => { restored = await this.#parts.restore(stored, slot); });
    return restored ? ACCEPTED : { status: 'rejected', why: 'its saved state cannot be read' };
  }

  async #evict(target: CacheTarget): Promise<Outcome> {
    const states = this.#matching(target);
    if (states.length === 0) return NOTHING;
    const units = new Set<number>(target.kind === 'units' ? target.units : []);
    let done = 0;
    for (const state of states) {
      const first = target.kind === 'units' ? state.units.findIndex((unit) => units.has(unit.id)) : 0;
      if (state.slot !== undefined) {
        const length = Math.max(0, first) * this.#parts.trie.unitTokens;
        done += await this.#withSlot(state.slot, (slot) => this.#parts.clear(slot, length)) ? 1 : 0;
      } else if (state.locks === 0) {
        await this.#parts.store.evict(state);
        done++;
      }
    }
    return outcome(done, states.length);
  }

  #matching(target: CacheTarget): HeldState[] {
    const { live, store, trie } = this.#parts;
    if (target.kind === 'units') {
      return [...new Set(target.units.flatMap((unit) => [...(trie.byId(unit)?.holders ?? [])]))];
    }
    return [...live.values(), ...store.entries].filter(({ tenant, by }) => tenant === target.tenant
      && by.workload === target.workload && by.session === target.session && by.agent === target.agent);
  }

  /** Runs with the slot taken, unless a call has it. */
  async #withSlot(slot: Slot, work: (slot: Slot) => Promise<void>): Promise<boolean> {
    if (slot.busy) return false;
    const { desk } = this.#parts;
    const { life } = desk;
    slot.busy = true;
    try {
      await work(slot);
    } finally {
      if (life === desk.life) slot.busy = false;
    }
    desk.wake();
    return true;
  }
}

function outcome(done: number, wanted: number): Outcome {
  if (done === wanted) return ACCEPTED;
  return done === 0 ? { status: 'deferred', why: 'all of it is in use' } : { status: 'clipped', why: `${done} of ${wanted} copies; the rest is in use` };
}
