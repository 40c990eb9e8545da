/**
 * What llama-server does (`get_available_slot` in tools/server/server-context.cpp of llama.cpp): the idle slot whose
 * common prefix is the longest if that is more than a tenth of the prompt, else the least recently used; its host
 * prompt cache is consulted when less than half of the slot's state would be kept. All slots run in parallel, waiting
 * calls go first in, first out, nearly.
 */
import { EntresolError, type Intent, type Outcome, type TenantId } from '../../../core/index.ts';
import { commonPrefix } from '../common-prefix.ts';
import type { Job } from '../job.ts';
import type { Placement, RuleCounts, SlotDesk, SlotRule } from '../slot-rule.ts';
import type { Slot } from '../slot.ts';
import { PromptCache } from './prompt-cache.ts';

/** `--slot-prompt-similarity`. */
const MINIMUM_SIMILARITY = 0.1;
/** Below this kept fraction of the slot's state the prompt cache is updated. */
const MINIMUM_KEPT = 0.5;

export interface LlamaServerOptions {
  /** `--cache-ram`, in tokens. */
  readonly storeTokens: number;
  /** `--cache-idle-slots`. */
  readonly cacheIdleSlots: boolean;
}

/** `source`: whether the prompt cache is consulted. */
export type LlamaServerPlacement = Placement<boolean>;

export class LlamaServerRule implements SlotRule<LlamaServerPlacement> {
  readonly runningLimit: number;
  readonly prefillLimit: number;
  readonly #options: LlamaServerOptions;
  readonly #desk: SlotDesk;
  readonly #cache: PromptCache;
  /** llama-server moves states on its one thread: meanwhile no other call is placed. */
  #moving = false;

  constructor(options: LlamaServerOptions, desk: SlotDesk) {
    this.#options = options;
    this.#desk = desk;
    this.runningLimit = desk.slots.length;
    this.prefillLimit = desk.slots.length;
    this.#cache = new PromptCache(desk, options.storeTokens);
  }

  arrived(): void {}
  withdrawn(): void {}
  prefilled(): void {}
  finished(): void {}
  failed(): void {}

  /**
   * First in, first out; but of calls that get slots which came free at the same instant the last goes first, since
   * each release puts the oldest deferred task at the front of the queue (`pop_deferred_task`).
   */
  next(waiting: readonly Job[]): number {
    const idle = this.#desk.slots.filter((slot) => !slot.busy).length;
    return Math.min(idle, waiting.length) - 1;
  }

  place(job: Job): LlamaServerPlacement | undefined {
    if (this.#moving) return undefined;
    const idle = this.#desk.slots.filter((slot) => !slot.busy);
    const similar = this.#mostSimilar(idle, job);
    if (similar !== undefined) return { slot: similar, source: this.#shared(similar, job) / similar.tokens.length < MINIMUM_KEPT };
    let least: Slot | undefined;
    for (const slot of idle) if (least === undefined || slot.lastUsedMs <= least.lastUsedMs) least = slot;
    return least === undefined ? undefined : { slot: least, source: true };
  }

  async prepare(job: Job, placement: LlamaServerPlacement): Promise<{ reused: number; held: number }> {
    const { slot } = placement;
    await this.#moveStates(job, placement);
    const reused = Math.min(this.#shared(slot, job), job.tokens.length - 1);
    if (slot.tokens.length > reused) await this.#desk.engine.trim(slot.sequence, reused);
    slot.tokens = slot.tokens.slice(0, reused);
    job.notes.push(`slot ${slot.sequence} with ${reused} tokens in common`);
    return { reused, held: reused };
  }

  residentTokens(tokens: Int32Array, tenant: TenantId): number {
    const inSlots = this.#desk.slots.map((slot) => (slot.tenant === tenant ? commonPrefix(slot.tokens, tokens) : 0));
    return Math.max(this.#cache.longest(tokens, tenant), ...inSlots);
  }

  /** llama-server takes no advice. */
  async perform(_intent: Intent): Promise<Outcome> {
    return { status: 'unsupported' };
  }

  counts(): RuleCounts {
    const { usedTokens, saves, restores, evictions } = this.#cache;
    return {
      storeTokens: usedTokens, saves, restores, evictions,
      capacityTokens: this.#options.storeTokens + this.#desk.slots.length * this.#desk.engine.contextTokens,
    };
  }

  reset(): void {
    this.#moving = false;
    this.#cache.reset();
  }

  async close(): Promise<void> {
    const { life } = this.#desk;
    try {
      await this.#cache.clear();
    } catch (error) {
      this.#desk.failed(error, life);
    }
  }

  #mostSimilar(idle: readonly Slot[], job: Job): Slot | undefined {
    let best: Slot | undefined;
    let most = MINIMUM_SIMILARITY;
    for (const slot of idle) {
      const similarity = this.#shared(slot, job) / job.tokens.length;
      if (slot.tokens.length > 0 && similarity > most) {
        most = similarity;
        best = slot;
      }
    }
    return best;
  }

  async #moveStates(job: Job, { slot, source }: LlamaServerPlacement): Promise<void> {
    if (this.#options.storeTokens === 0) return;
    const { life } = this.#desk;
    this.#moving = true;
    try {
      if (source) {
        await this.#cache.save(slot);
        await this.#cache.load(slot, job.tokens, job.tenant);
      }
      if (!this.#options.cacheIdleSlots) return;
      for (const other of this.#desk.slots) if (!other.busy) await this.#cache.save(other);
    } catch (error) {
      if (!(error instanceof EntresolError) || (error.code !== 'ENT_DISK_FULL' && error.code !== 'ENT_STATE_CORRUPT')) throw error;
      this.#desk.log('warn', 'The prompt cache was not updated.', { code: error.code });
    } finally {
      if (life === this.#desk.life) {
        this.#moving = false;
        this.#desk.wake();
      }
    }
  }

  #shared(slot: Slot, job: Job): number {
    return slot.tenant === job.tenant ? commonPrefix(slot.tokens, job.tokens) : 0;
  }
}
