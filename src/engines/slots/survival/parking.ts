/** Calls that decode make way for prompts: their states lie locked in the store until they go on. */
import { commonPrefix } from '../common-prefix.ts';
import type { Job } from '../job.ts';
import type { Parking, SlotDesk } from '../slot-rule.ts';
import type { HeldState } from './held-state.ts';
import type { SlotContents } from './slot-contents.ts';
import type { StateStore } from './state-store.ts';
import type { SurvivalPlacement } from './survival-placement.ts';

export interface ParkingParts {
  readonly desk: SlotDesk;
  readonly slots: SlotContents;
  readonly store: StateStore;
  /** Calls that may lie parked at a time. */
  readonly limit: number;
  readonly patienceMs: number;
  /** The slot holds `slot.tokens` of the job. */
  hold(job: Job, placement: SurvivalPlacement): void;
  withdrawn(job: Job): void;
}

export class SurvivalParking implements Parking<SurvivalPlacement> {
  readonly patienceMs: number;
  readonly #parts: ParkingParts;
  readonly #states = new Map<Job, HeldState>();

  constructor(parts: ParkingParts) {
    this.#parts = parts;
    this.patienceMs = parts.patienceMs;
  }

  /** The one that has decoded most, for answers that are long already tend to go on for long; each once at most. */
  choose(decoding: readonly Job[]): Job | undefined {
    if (this.#states.size >= this.#parts.limit) return undefined;
    let best: Job | undefined;
    for (const job of decoding) {
      if (job.progress === undefined || job.progress.wasInterrupted) continue;
      if (best?.progress === undefined || job.progress.generation.decoded > best.progress.generation.decoded) best = job;
    }
    return best;
  }

  async park(job: Job, placement: SurvivalPlacement): Promise<boolean> {
    const { slots, store, desk } = this.#parts;
    const { slot } = placement;
    this.#parts.hold(job, placement);
    const state = slots.states.get(slot);
    if (state === undefined) return false;
    const { life } = desk;
    const kept = await store.keep({
      slot, tenant: job.tenant, by: state.by, tokens: state.tokens, units: state.units, leaseUntilMs: 0, leaving: [state], insists: true,
    });
    desk.checkLife(life);
    if (kept === undefined) return false;
    kept.locks++;
    this.#states.set(job, kept);
    return true;
  }

  place(job: Job): SurvivalPlacement | undefined {
    const state = this.#states.get(job);
    if (state === undefined) return undefined;
    const reuse = state.tokens.length;
    for (const slot of this.#parts.desk.slots) {
      if (!slot.busy && slot.tenant === job.tenant && slot.tokens.length === reuse && commonPrefix(slot.tokens, state.tokens) === reuse) return { slot, source: state, kind: 'extend', reuse };
    }
    const slot = this.#parts.slots.victim();
    return slot === undefined ? undefined : { slot, source: state, kind: 'restore', reuse };
  }

  async resume(job: Job, placement: SurvivalPlacement): Promise<number> {
    const { slots, desk } = this.#parts;
    const { slot, source } = placement;
    const { life } = desk;
    this.#states.delete(job);
    try {
      if (placement.kind === 'extend' || source === undefined) return slot.tokens.length;
      await slots.makeRoom(slot, 0);
      if (!await slots.load(source, slot)) await slots.trim(slot, 0);
      desk.checkLife(life);
      this.#parts.hold(job, placement);
      return slot.tokens.length;
    } finally {
      if (source !== undefined && life === desk.life) source.locks--;
    }
  }

  cancelled(job: Job): void {
    const state = this.#states.get(job);
    if (state !== undefined) state.locks--;
    this.#states.delete(job);
    this.#parts.withdrawn(job);
  }

  reset(): void {
    this.#states.clear();
  }
}
