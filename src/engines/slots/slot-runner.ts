/**
 * The life of calls in a slot manager: they wait in a bounded queue, run in a slot that the rule chooses, and settle
 * exactly once, whatever is cancelled or crashes in between. At the end of every step a slot's `tokens` are exactly
 * what its sequence holds.
 */
import { EntresolError, type EngineHost, type Intent, type Outcome, type TenantId } from '../../core/index.ts';
import { Job } from './job.ts';
import type { SlotJob, SlotManager, SlotResult, SlotStatistics } from './slot-manager.ts';
import type { Placement, SlotDesk, SlotRule } from './slot-rule.ts';
import { emptySlot, type Slot } from './slot.ts';
import type { GenerateResult, TokenEngine } from './token-engine.ts';

export interface SlotRunnerOptions<P extends Placement> {
  readonly engine: TokenEngine;
  readonly host: EngineHost;
  /** How many sequences of the engine are slots. */
  readonly slots: number;
  /** Calls that may wait; one more is `ENT_OVERLOADED`. */
  readonly waitingLimit: number;
  makeRule(desk: SlotDesk): SlotRule<P>;
}

const isCrash = (error: unknown): boolean => error instanceof EntresolError && error.code === 'ENT_ENGINE_CRASHED';

export class SlotRunner<P extends Placement> implements SlotManager, SlotDesk {
  readonly engine: TokenEngine;
  readonly slots: readonly Slot[];
  readonly #host: EngineHost;
  readonly #rule: SlotRule<P>;
  readonly #waitingLimit: number;
  #waiting: Job[] = [];
  readonly #running = new Map<Job, Promise<void>>();
  #prefilling = 0;
  /** Slots that were not used since the engine came back: the engine may wait to be told that nobody counts on their old content. */
  readonly #unclean = new Set<Slot>();
  #waking = false;
  #life = 0;
  #down = false;
  #closed = false;

  constructor(options: SlotRunnerOptions<P>) {
    this.engine = options.engine;
    this.#host = options.host;
    this.#waitingLimit = options.waitingLimit;
    if (options.slots < 1 || options.slots > options.engine.sequences) {
      throw new EntresolError('ENT_CONFIG_INVALID', `${options.slots} slots are asked for, but the engine has ${options.engine.sequences} sequences.`, { at: 'slots' });
    }
    this.slots = Array.from({ length: options.slots }, (_, sequence) => emptySlot(sequence));
    this.#rule = options.makeRule(this);
  }

  async submit(input: SlotJob): Promise<SlotResult> {
    const job = this.#accept(input);
    if (job.cancelled) {
      job.rejectCancelled();
      return job.settled;
    }
    job.abort.signal.addEventListener('abort', () => { this.#withdraw(job); }, { once: true });
    this.#rule.arrived(job);
    this.#waiting.push(job);
    this.#dispatch();
    return job.settled;
  }

  residentTokens(tokens: Int32Array, tenant: TenantId): number {
    return this.#down ? 0 : this.#rule.residentTokens(tokens, tenant);
  }

  async perform(intent: Intent): Promise<Outcome> {
    if (this.#down || this.#closed) return { status: 'rejected', why: 'the engine is down' };
    if (intent.kind === 'cancel') return this.#cancel(intent.request);
    return this.#rule.perform(intent);
  }

  statistics(): SlotStatistics {
    const slotTokens = this.slots.reduce((sum, slot) => sum + slot.tokens.length, 0);
    return { running: this.#running.size, waiting: this.#waiting.length, slotTokens, ...this.#rule.counts() };
  }

  reset(): void {
    if (!this.#down) this.#crashed(new EntresolError('ENT_ENGINE_CRASHED', 'The engine was restarted.'));
    for (const slot of this.slots) {
      Object.assign(slot, emptySlot(slot.sequence));
      this.#unclean.add(slot);
    }
    this.#rule.reset();
    this.#down = false;
    this.wake();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const job of this.#waiting.splice(0)) {
      this.#rule.withdrawn(job);
      job.reject(new EntresolError('ENT_DRAINING', `Request ${job.id} was still waiting.`));
    }
    for (const job of this.#running.keys()) job.abort.abort();
    await Promise.all(this.#running.values());
    await this.#rule.close();
  }

  // What rules use.

  get life(): number { return this.#life; }

  nowMs(): number { return this.#host.clock.nowMs(); }

  checkLife(life: number): void {
    if (life !== this.#life) throw new EntresolError('ENT_ENGINE_CRASHED', 'The engine went down meanwhile.');
  }

  failed(error: unknown, life: number): void {
    if (isCrash(error)) this.#lost(error as EntresolError, life);
    else this.log('error', 'An engine operation failed.', { error: error instanceof Error ? error.message : String(error) });
  }

  log(level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>): void {
    this.#host.log(level, message, fields);
  }

  /** Soon: slots that come free at the same instant are looked at together. */
  wake(): void {
    if (this.#waking) return;
    this.#waking = true;
    queueMicrotask(() => {
      this.#waking = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    while (!this.#down && !this.#closed && this.#waiting.length > 0
      && this.#running.size < this.#rule.runningLimit && this.#prefilling < this.#rule.prefillLimit
      && this.slots.some((slot) => !slot.busy)) {
      const job = this.#waiting[this.#next()];
      const placement = this.#place(job);
      if (placement === undefined) return;
      if (placement === 'failed') continue;
      this.#waiting.splice(this.#waiting.indexOf(job), 1);
      placement.slot.busy = true;
      placement.slot.job = job;
      this.#prefilling++;
      this.#running.set(job, this.#run(job, placement));
    }
  }

  /** The rule asks policies: a fault of theirs must not stop the queue. */
  #next(): number {
    try {
      return this.#rule.next(this.#waiting);
    } catch (error) {
      this.failed(error, this.#life);
      return 0;
    }
  }

  #place(job: Job): P | 'failed' | undefined {
    try {
      return this.#rule.place(job);
    } catch (error) {
      this.failed(error, this.#life);
      this.#waiting.splice(this.#waiting.indexOf(job), 1);
      this.#rule.withdrawn(job);
      job.reject(new EntresolError('ENT_INTERNAL', `Request ${job.id} could not be placed.`, { cause: error }));
      return 'failed';
    }
  }

  #accept(input: SlotJob): Job {
    const { contextTokens } = this.engine;
    const { length } = input.tokens;
    if (this.#closed) throw new EntresolError('ENT_DRAINING', 'The engine takes no more calls.');
    if (this.#down) throw new EntresolError('ENT_ENGINE_CRASHED', 'The engine is down.');
    if (length === 0) throw new EntresolError('ENT_BAD_REQUEST', 'The prompt has no token.', { at: 'prompt' });
    if (length >= contextTokens) {
      throw new EntresolError('ENT_PROMPT_TOO_LONG', `The prompt has ${length} tokens; the context holds ${contextTokens}, and the answer needs room.`, { at: 'prompt' });
    }
    if (this.#waiting.length >= this.#waitingLimit) throw new EntresolError('ENT_OVERLOADED', `${this.#waiting.length} calls are waiting already.`);
    return new Job(input, this.nowMs(), Math.min(input.generate.maxTokens, contextTokens - length));
  }

  #withdraw(job: Job): void {
    const index = this.#waiting.indexOf(job);
    if (index < 0) return;
    this.#waiting.splice(index, 1);
    this.#rule.withdrawn(job);
    job.rejectCancelled();
  }

  #cancel(request: string): Outcome {
    const job = [...this.#waiting, ...this.#running.keys()].find((candidate) => candidate.id === request);
    if (job === undefined) return { status: 'rejected', why: 'no such call waits or runs here' };
    job.abort.abort();
    return { status: 'accepted' };
  }

  async #run(job: Job, placement: P): Promise<void> {
    const life = this.#life;
    const { slot } = placement;
    const dispatchedMs = this.nowMs();
    let prefilledMs: number | undefined;
    const prefilled = (): void => {
      if (prefilledMs !== undefined || life !== this.#life) return;
      prefilledMs = this.nowMs();
      this.#prefilling--;
    };
    try {
      if (this.#unclean.delete(slot)) await this.engine.trim(slot.sequence, 0);
      this.checkLife(life);
      const { reused, held } = await this.#rule.prepare(job, placement);
      this.checkLife(life);
      const result = await this.#generate(job, placement, held, prefilled);
      this.checkLife(life);
      prefilled();
      slot.tokens = sequenceTokens(job.tokens, result);
      slot.tenant = job.tenant;
      slot.by = job.input.request.by;
      slot.lastUsedMs = this.nowMs();
      this.#rule.finished(job, placement);
      this.#leave(job, slot);
      job.resolve({
        promptTokens: job.tokens.length, cachedTokens: reused, output: result.output, stop: result.stop,
        queueMs: dispatchedMs - job.arrivedMs, prefillMs: (prefilledMs ?? dispatchedMs) - dispatchedMs, notes: job.notes,
      });
    } catch (error) {
      if (isCrash(error)) this.#lost(error as EntresolError, life);
      if (life !== this.#life) {
        job.reject(error as Error);
        return;
      }
      prefilled();
      await this.#clear(job, placement);
      job.reject(error instanceof EntresolError ? error : new EntresolError('ENT_INTERNAL', `Request ${job.id} failed in the engine.`, { cause: error }));
    }
    this.wake();
  }

  async #generate(job: Job, placement: P, held: number, prefilled: () => void): Promise<GenerateResult> {
    if (job.cancelled) return { length: held, output: new Int32Array(0), stop: 'cancelled' };
    const { generate } = job.input;
    const startedMs = this.nowMs();
    let first = true;
    return this.engine.generate(placement.slot.sequence, job.tokens.subarray(held), {
      ...generate,
      maxTokens: job.maxTokens,
      signal: job.abort.signal,
      onToken: (token) => {
        if (first) {
          first = false;
          this.#rule.prefilled(job, placement, this.nowMs() - startedMs);
          prefilled();
          this.wake();
        }
        generate.onToken(token);
      },
    });
  }

  #leave(job: Job, slot: Slot): void {
    slot.busy = false;
    slot.job = undefined;
    this.#running.delete(job);
  }

  /** After an error other than a crash nothing is known of the sequence: it is emptied. */
  async #clear(job: Job, placement: P): Promise<void> {
    const life = this.#life;
    const { slot } = placement;
    this.#rule.failed(job, placement);
    try {
      await this.engine.trim(slot.sequence, 0);
    } catch (error) {
      // A sequence that cannot even be emptied is lost, and with it the engine.
      this.#lost(isCrash(error) ? error as EntresolError : new EntresolError('ENT_ENGINE_CRASHED', `Sequence ${slot.sequence} cannot be emptied.`, { cause: error }), life);
    }
    if (life !== this.#life) return;
    Object.assign(slot, emptySlot(slot.sequence));
    this.#running.delete(job);
  }

  /** A crash that is heard of after the reset is over and done with. */
  #lost(error: EntresolError, life: number): void {
    if (life === this.#life) this.#crashed(error);
  }

  #crashed(error: EntresolError): void {
    if (this.#down) return;
    this.#down = true;
    this.#life++;
    this.#prefilling = 0;
    const jobs = [...this.#waiting.splice(0), ...this.#running.keys()];
    this.#running.clear();
    for (const job of jobs) job.reject(new EntresolError('ENT_ENGINE_CRASHED', `The engine went down while request ${job.id} was in it.`, { cause: error }));
  }
}

/** What the sequence holds: the prompt, or its computed part, then what was decoded and fed back. */
function sequenceTokens(prompt: Int32Array, result: GenerateResult): Int32Array {
  const tokens = new Int32Array(result.length);
  tokens.set(prompt.subarray(0, Math.min(prompt.length, result.length)));
  if (result.length > prompt.length) tokens.set(result.output.subarray(0, result.length - prompt.length), prompt.length);
  return tokens;
}
