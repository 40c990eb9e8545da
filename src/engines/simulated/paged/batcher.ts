/**
 * Continuous batching on a clock: each step decodes one token of every sequence that is past its prompt and prefills
 * the others in chunks. A call is admitted whole (blocks for its longest answer are set aside), so none is preempted.
 */
import { EntresolError, type EngineHost, type RequestView, type UnitId } from '../../../core/index.ts';
import type { SleepingClock } from '../virtual-clock.ts';
import type { BlockPool } from './block-pool.ts';
import type { Lineages } from './lineages.ts';
import { Sequence, type SequenceJob, type SequenceResult } from './sequence.ts';
import { prefillCostMs, type StepCost } from './step-cost.ts';

export interface BatcherOptions {
  readonly clock: SleepingClock;
  readonly host: EngineHost;
  readonly pool: BlockPool;
  readonly blockTokens: number;
  readonly batchTokens: number;
  readonly maximumRunning: number;
  readonly vocabularySize: number;
  readonly cost: StepCost;
  readonly lineages: Lineages;
  /** It has something to do, or has nothing more. */
  turned?(idle: boolean): void;
}

interface Entry {
  readonly sequence: Sequence;
  readonly resolve: (result: SequenceResult) => void;
  readonly reject: (error: unknown) => void;
}

const isAborted = ({ sequence }: Entry): boolean => sequence.job.call.signal.aborted;

/** How soon the policies are asked again when they let nothing run and nothing runs. */
const HELD_MS = 10;

export class Batcher {
  readonly #options: BatcherOptions;
  #waiting: Entry[] = [];
  #running: Entry[] = [];
  #stepping = false;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  get waitingCount(): number { return this.#waiting.length; }
  get runningCount(): number { return this.#running.length; }

  submit(job: SequenceJob): Promise<SequenceResult> {
    const sequence = new Sequence(job, this.#options.clock.nowMs());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ sequence, resolve, reject });
      if (!this.#stepping) void this.#run();
    });
  }

  /** Steps until nothing is left. A fault in a step is the simulator's own and fails every call at hand. */
  async #run(): Promise<void> {
    this.#stepping = true;
    this.#options.turned?.(false);
    try {
      // Let calls of the same moment come in before the first step.
      await this.#options.clock.sleep(0);
      while (this.#waiting.length + this.#running.length > 0) {
        this.#dropAborted();
        this.#admit();
        if (this.#running.some(({ sequence }) => this.#isReady(sequence))) await this.#step();
        else if (this.#running.length > 0) await this.#options.clock.sleep(this.#firstReadyMs());
        else if (this.#waiting.length > 0) await this.#options.clock.sleep(HELD_MS);
      }
    } catch (error) {
      for (const entry of [...this.#waiting, ...this.#running]) entry.reject(error);
      this.#waiting = [];
      this.#running = [];
    } finally {
      this.#stepping = false;
      this.#options.turned?.(true);
    }
  }

  #isReady({ readyAtMs }: Sequence): boolean { return readyAtMs <= this.#options.clock.nowMs(); }

  /** Until the first of those that wait for copies has all of them. */
  #firstReadyMs(): number {
    return Math.min(...this.#running.map(({ sequence }) => sequence.readyAtMs)) - this.#options.clock.nowMs();
  }

  #dropAborted(): void {
    for (const entry of this.#waiting.filter(isAborted)) entry.resolve(entry.sequence.result('cancelled'));
    this.#waiting = this.#waiting.filter((entry) => !isAborted(entry));
    for (const entry of this.#running.filter(isAborted)) this.#finish(entry, 'cancelled');
  }

  /** In the policies' order, else as they came; the first that does not fit waits, and all behind it. */
  #admit(): void {
    const { host, pool, blockTokens, clock } = this.#options;
    if (this.#waiting.length === 0 || this.#running.length >= this.#options.maximumRunning) return;
    const views: RequestView[] = this.#waiting.map(({ sequence }) => sequence.job.call.request);
    const order = host.order(views) ?? views.map((_, index) => index);
    const admitted = new Set<Entry>();
    for (const index of order) {
      const entry = this.#waiting[index];
      if (this.#running.length >= this.#options.maximumRunning || entry.sequence.blocksAtMost(blockTokens) > pool.availableBlocks) break;
      entry.sequence.admit(pool, blockTokens, clock.nowMs(), (units) => this.#touch(entry.sequence, units, 'prompt'));
      admitted.add(entry);
      this.#running.push(entry);
    }
    this.#waiting = this.#waiting.filter((entry) => !admitted.has(entry));
  }

  async #step(): Promise<void> {
    const { clock, cost, batchTokens, pool, blockTokens } = this.#options;
    const ready = this.#running.filter(({ sequence }) => this.#isReady(sequence));
    const decoding = ready.filter(({ sequence }) => !sequence.isPrefilling);
    let budget = Math.max(1, batchTokens - decoding.length);
    let durationMs = cost.stepMs + decoding.length * cost.decodeMsPerSequence;
    const chunks: { entry: Entry; to: number }[] = [];
    for (const entry of ready) {
      const { sequence } = entry;
      if (!sequence.isPrefilling || budget === 0) continue;
      const to = Math.min(sequence.promptTokens, sequence.computed + budget);
      budget -= to - sequence.computed;
      durationMs += prefillCostMs(cost, sequence.computed, to);
      chunks.push({ entry, to });
    }
    await clock.sleep(durationMs);
    for (const { entry, to } of chunks) {
      entry.sequence.advance(pool, blockTokens, to);
      if (!entry.sequence.isPrefilling) this.#decode(entry);
    }
    for (const entry of decoding) {
      entry.sequence.advance(pool, blockTokens, entry.sequence.tokens.length);
      this.#decode(entry);
    }
  }

  #decode(entry: Entry): void {
    const { sequence } = entry;
    sequence.firstTokenAtMs ??= this.#options.clock.nowMs();
    const { forced } = sequence.job;
    if (sequence.outputTokens < sequence.limit) {
      const token = forced?.[sequence.outputTokens] ?? this.#invent(sequence.tokens);
      sequence.tokens.push(token);
      sequence.job.onToken(token);
    }
    if (sequence.outputTokens >= sequence.limit) this.#finish(entry, forced !== undefined && sequence.limit === forced.length ? 'stop' : 'length');
  }

  /** A token as a function of what the sequence holds. */
  #invent(tokens: readonly number[]): number {
    let hash = tokens.length;
    for (const token of tokens.slice(-16)) hash = (Math.imul(hash ^ token, 0x01000193) + 0x9e3779b9) >>> 0;
    return hash % this.#options.vocabularySize;
  }

  #finish(entry: Entry, stop: SequenceResult['stop']): void {
    const { sequence } = entry;
    this.#running = this.#running.filter((other) => other !== entry);
    this.#touch(sequence, sequence.units, 'output');
    if (sequence.job.warmUp !== true) this.#options.lineages.used(sequence.job.call.request.by, sequence.units);
    sequence.release(this.#options.pool);
    entry.resolve(sequence.result(stop));
  }

  #touch(sequence: Sequence, units: readonly UnitId[], origin: 'prompt' | 'output'): void {
    const { host, blockTokens, clock } = this.#options;
    if (sequence.job.warmUp === true) return;
    const { by } = sequence.job.call.request;
    const first = origin === 'prompt' ? 0 : Math.min(units.length, Math.floor(sequence.promptTokens / blockTokens));
    host.retention(by.tenant)?.touch({ by, units: Int32Array.from(units), first, origin }, clock.nowMs());
  }
}

/** @throws EntresolError `ENT_PROMPT_TOO_LONG` if the call could never be admitted */
export function checkFits(promptTokens: number, maxTokens: number, blockTokens: number, capacityBlocks: number): void {
  const blocks = Math.ceil((promptTokens + maxTokens) / blockTokens);
  if (blocks > capacityBlocks) {
    throw new EntresolError('ENT_PROMPT_TOO_LONG', `prompt (${promptTokens}) and answer (up to ${maxTokens}) need ${blocks} blocks of ${blockTokens} tokens; the engine has ${capacityBlocks}.`);
  }
}
