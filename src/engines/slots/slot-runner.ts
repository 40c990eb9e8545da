/**
 * The life of calls in a slot manager: they wait in a bounded queue, run in a slot that the rule chooses, and settle
 * exactly once, whatever is cancelled or crashes in between. At the end of every step a slot's `tokens` are exactly
 * what its sequence holds.
 */
import { EntresolError, type EngineHost, type Intent, type Outcome, type TenantId } from '../../core/index.ts';
import { Generation } from './generation.ts';
import { Job, type Progress } from './job.ts';
import type { SlotJob, SlotManager, SlotResult, SlotStatistics } from './slot-manager.ts';
import type { Placement, SlotDesk, SlotRule } from './slot-rule.ts';
import { emptySlot, type Slot } from './slot.ts';
import type { GenerateResult, SequenceEngine } from './token-engine.ts';

export interface SlotRunnerOptions<P extends Placement> {
  readonly engine: SequenceEngine;
  readonly host: EngineHost;
  /** How many sequences of the engine are slots. */
  readonly slots: number;
  /** Calls that may wait; one more is `ENT_OVERLOADED`. */
  readonly waitingLimit: number;
  /** The manager cannot go on until `reset`: an operation has said that the engine crashed, or a sequence cannot be emptied. */
  onLost?(error: EntresolError): void;
  makeRule(desk: SlotDesk): SlotRule<P>;
}

const isCrash = (error: unknown): boolean => error instanceof EntresolError && error.code === 'ENT_ENGINE_CRASHED';

export class SlotRunner<P extends Placement> implements SlotManager, SlotDesk {
  readonly engine: SequenceEngine;
  readonly slots: readonly Slot[];
  readonly #host: EngineHost;
  readonly #rule: SlotRule<P>;
  readonly #waitingLimit: number;
  readonly #onLost: ((error: EntresolError) => void) | undefined;
  #waiting: Job[] = [];
  readonly #running = new Map<Job, Promise<void>>();
  /** In the order in which they were interrupted. */
  readonly #parked = new Set<Job>();
  /** On its way to being parked. */
  #interrupted: Job | undefined;
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
    this.#onLost = options.onLost?.bind(options);
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
    return { running: this.#running.size + this.#parked.size, waiting: this.#waiting.length, slotTokens, ...this.#rule.counts() };
  }

  reset({ statesOutlive = false }: { readonly statesOutlive?: boolean } = {}): void {
    if (!this.#down) this.#crashed(new EntresolError('ENT_ENGINE_CRASHED', 'The engine was restarted.'));
    for (const slot of this.slots) {
      Object.assign(slot, emptySlot(slot.sequence));
      this.#unclean.add(slot);
    }
    this.#rule.reset(statesOutlive);
    this.#down = false;
    this.wake();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const job of this.#waiting.splice(0)) {
      this.#rule.withdrawn(job);
      job.reject(new EntresolError('ENT_DRAINING', `Request ${job.id} was still waiting.`));
    }
    for (const job of [...this.#running.keys(), ...this.#parked]) job.abort.abort();
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
    while (!this.#down && !this.#closed && this.#running.size < this.#rule.runningLimit && this.slots.some((slot) => !slot.busy)) {
      const parked = this.#nextParked();
      if (parked !== undefined) {
        const placement = this.#place(parked);
        if (placement === undefined) return;
        this.#parked.delete(parked);
        if (placement !== 'failed') this.#start(parked, placement);
        continue;
      }
      if (this.#waiting.length === 0 || this.#prefilling >= this.#rule.prefillLimit) return;
      const job = this.#waiting[this.#next()];
      const placement = this.#place(job);
      if (placement === undefined) return;
      if (placement === 'failed') continue;
      this.#waiting.splice(this.#waiting.indexOf(job), 1);
      this.#prefilling++;
      this.#start(job, placement);
    }
    this.#makeWay();
  }

  #start(job: Job, placement: P): void {
    placement.slot.busy = true;
    placement.slot.job = job;
    this.#running.set(job, this.#run(job, placement));
  }

  /** The longest parked call, if it should go on now: it is overdue, or no waiting call can begin. */
  #nextParked(): Job | undefined {
    const [oldest] = this.#parked;
    if (oldest?.progress === undefined) return undefined;
    const canBegin = this.#waiting.length > 0 && this.#prefilling < this.#rule.prefillLimit;
    const patienceMs = this.#rule.parking?.patienceMs ?? 0;
    return !canBegin || this.nowMs() - (oldest.progress.parkedMs ?? 0) >= patienceMs ? oldest : undefined;
  }

  /** A call waits that could begin at once if one that decodes made way. */
  #makeWay(): void {
    const { parking, prefillLimit } = this.#rule;
    if (parking === undefined || this.#down || this.#closed || this.#interrupted !== undefined) return;
    if (this.#waiting.length === 0 || this.#prefilling >= prefillLimit) return;
    const decoding = [...this.#running.keys()].filter((job) => job.progress?.generation.running === true);
    this.#interrupted = parking.choose(decoding);
    this.#interrupted?.progress?.generation.interrupt();
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
    const { parking } = this.#rule;
    try {
      return this.#parked.has(job) ? parking?.place(job) : this.#rule.place(job);
    } catch (error) {
      this.failed(error, this.#life);
      if (this.#parked.has(job)) parking?.cancelled(job);
      else {
        this.#waiting.splice(this.#waiting.indexOf(job), 1);
        this.#rule.withdrawn(job);
      }
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
    if (this.#parked.delete(job)) this.#endParked(job);
    const index = this.#waiting.indexOf(job);
    if (index < 0) return;
    this.#waiting.splice(index, 1);
    this.#rule.withdrawn(job);
    job.rejectCancelled();
  }

  /** Cancelled while it lay parked: it ends with what there is. */
  #endParked(job: Job): void {
    this.#rule.parking?.cancelled(job);
    const { progress } = job;
    if (progress === undefined) return;
    const { generation } = progress;
    job.resolve(this.#resultOf(job, progress, { length: generation.interrupted?.length ?? 0, output: generation.output, stop: 'cancelled' }));
  }

  #cancel(request: string): Outcome {
    const job = [...this.#waiting, ...this.#running.keys(), ...this.#parked].find((candidate) => candidate.id === request);
    if (job === undefined) return { status: 'rejected', why: 'no such call waits or runs here' };
    job.abort.abort();
    return { status: 'accepted' };
  }

  async #run(job: Job, placement: P): Promise<void> {
    const life = this.#life;
    const { slot } = placement;
    const begins = job.progress === undefined;
    const progress = job.progress ??= this.#begin(job, placement);
    try {
      if (this.#unclean.delete(slot)) await this.engine.trim(slot.sequence, 0);
      this.checkLife(life);
      let held = begins ? await this.#prepare(job, placement, progress) : await this.#rule.parking?.resume(job, placement) ?? 0;
      this.checkLife(life);
      let result: GenerateResult | undefined;
      while ((result = await progress.generation.run(this.engine, slot.sequence, held)) === undefined) {
        this.checkLife(life);
        if (await this.#park(job, placement, progress, life)) return;
        held = slot.tokens.length;
      }
      this.checkLife(life);
      this.#prefilled(progress, life);
      if (result.prefill !== undefined) this.#rule.measured?.(result.prefill);
      this.#hold(job, slot, sequenceTokens(job.tokens, result));
      this.#rule.finished(job, placement);
      this.#leave(job, slot);
      job.resolve(this.#resultOf(job, progress, result));
    } catch (error) {
      if (isCrash(error)) this.#lost(error as EntresolError, life);
      if (life !== this.#life) {
        job.reject(error as Error);
        return;
      }
      this.#prefilled(progress, life);
      await this.#clear(job, placement);
      job.reject(error instanceof EntresolError ? error : new EntresolError('ENT_INTERNAL', `Request ${job.id} failed in the engine.`, { cause: error }));
    } finally {
      if (this.#interrupted === job) this.#interrupted = undefined;
    }
    this.wake();
  }

  #begin(job: Job, placement: P): Progress {
    const life = this.#life;
    const progress: Progress = {
      dispatchedMs: this.nowMs(), startedMs: undefined, prefilledMs: undefined, parkedMs: undefined, wasInterrupted: false, reusedTokens: 0,
      generation: new Generation({ tokens: job.tokens, generate: job.input.generate, maxTokens: job.maxTokens, signal: job.abort.signal }, () => {
        this.#rule.prefilled(job, placement, this.nowMs() - (progress.startedMs ?? progress.dispatchedMs));
        this.#prefilled(progress, life);
        this.wake();
      }),
    };
    return progress;
  }

  async #prepare(job: Job, placement: P, progress: Progress): Promise<number> {
    const { reused, held } = await this.#rule.prepare(job, placement);
    progress.reusedTokens = reused;
    progress.startedMs = this.nowMs();
    return held;
  }

  #prefilled(progress: Progress, life: number): void {
    if (progress.prefilledMs !== undefined || life !== this.#life) return;
    progress.prefilledMs = this.nowMs();
    this.#prefilling--;
  }

  /** False: there was no room to put it aside, and it goes on at once. */
  async #park(job: Job, placement: P, progress: Progress, life: number): Promise<boolean> {
    const { slot } = placement;
    this.#interrupted = undefined;
    this.#hold(job, slot, progress.generation.interrupted ?? slot.tokens);
    progress.wasInterrupted = true;
    if (await this.#rule.parking?.park(job, placement) !== true) return false;
    this.checkLife(life);
    progress.parkedMs = this.nowMs();
    this.#leave(job, slot);
    // Nobody hears of it any more if it was cancelled on its way here.
    if (job.cancelled) this.#endParked(job);
    else this.#parked.add(job);
    this.wake();
    return true;
  }

  #hold(job: Job, slot: Slot, tokens: Int32Array): void {
    slot.tokens = tokens;
    slot.tenant = job.tenant;
    slot.by = job.input.request.by;
    slot.lastUsedMs = this.nowMs();
  }

  #resultOf(job: Job, { dispatchedMs, prefilledMs, reusedTokens, parkedMs }: Progress, result: GenerateResult): SlotResult {
    if (parkedMs !== undefined) job.notes.push('made way for another prompt while it decoded');
    return {
      promptTokens: job.tokens.length, cachedTokens: reusedTokens, output: result.output, stop: result.stop,
      queueMs: dispatchedMs - job.arrivedMs, prefillMs: (prefilledMs ?? dispatchedMs) - dispatchedMs, notes: job.notes,
    };
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
    if (life !== this.#life || this.#down) return;
    this.#crashed(error);
    this.#onLost?.(error);
  }

  #crashed(error: EntresolError): void {
    if (this.#down) return;
    this.#down = true;
    this.#life++;
    this.#prefilling = 0;
    const jobs = [...this.#waiting.splice(0), ...this.#running.keys(), ...this.#parked];
    this.#running.clear();
    this.#parked.clear();
    this.#interrupted = undefined;
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
