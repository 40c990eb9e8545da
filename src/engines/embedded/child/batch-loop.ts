import type { LlamaSequence, NextTokenOptions, Token } from './llama-library.ts';
import { planBatch } from './batch-plan.ts';
import type { Job } from './job.ts';

export interface BatchLoopOptions {
  readonly sequences: readonly LlamaSequence[];
  readonly contextTokens: number;
  readonly chunkTokens: number;
  readonly recordTopLogits: boolean;
  onTokens(ids: readonly number[], tokens: readonly number[]): void;
  /** A batch failed in the engine: its memory may be half written, nothing on it can be trusted. */
  onBroken(error: unknown): void;
}

interface Running {
  readonly job: Job;
  finished(): void;
}

/**
 * Runs jobs in batches that it composes itself: all shares of a batch are handed over at once and awaited together,
 * so that what shares a batch never depends on timing within it.
 */
export class BatchLoop {
  readonly #options: BatchLoopOptions;
  readonly #running: Running[] = [];
  #inWork: Promise<void> | undefined;
  #paused = false;
  #resumed: (() => void)[] = [];

  constructor(options: BatchLoopOptions) {
    this.#options = options;
  }

  /** Resolves when the job has ended: look at `job.stop`. While paused, it waits. */
  run(job: Job): Promise<void> {
    return new Promise((resolve) => {
      this.#running.push({ job, finished: resolve });
      this.#wake();
    });
  }

  /** Resolves at once unless paused. */
  async whenOpen(): Promise<void> {
    if (this.#paused) await new Promise<void>((resolve) => { this.#resumed.push(resolve); });
  }

  cancel(id: number): void {
    for (const { job } of this.#running) if (job.id === id) job.cancelled = true;
    // A paused or idle loop must look at it too.
    this.#settleCancelled();
  }

  async pause(): Promise<void> {
    this.#paused = true;
    await this.#inWork;
  }

  resume(): void {
    this.#paused = false;
    const resumed = this.#resumed;
    this.#resumed = [];
    for (const resolve of resumed) resolve();
    this.#wake();
  }

  #wake(): void {
    if (this.#inWork !== undefined || this.#paused || this.#running.length === 0) return;
    this.#inWork = this.#batch()
      .catch((error: unknown) => { this.#options.onBroken(error); })
      .finally(() => {
        this.#inWork = undefined;
        this.#settleCancelled();
        this.#wake();
      });
  }

  /** Ends what is cancelled; jobs in the batch under way are ended after it. */
  #settleCancelled(): void {
    if (this.#inWork !== undefined) return;
    for (const { job } of this.#running.filter((running) => running.job.cancelled)) {
      job.stop = 'cancelled';
      this.#finish(job);
    }
  }

  #finish(job: Job): void {
    const index = this.#running.findIndex((running) => running.job === job);
    const [running] = this.#running.splice(index, 1);
    running.finished();
  }

  async #batch(): Promise<void> {
    const shares = planBatch(this.#running.map(({ job }) => job), this.#options.chunkTokens);
    const ids: number[] = [];
    const tokens: number[] = [];
    const ended: Job[] = [];
    await Promise.all(shares.map(async (share) => {
      const { job } = this.#running.find((running) => running.job.sequence === share.sequence) as Running;
      const decoded = await this.#evaluate(job, share.tokens);
      if (decoded !== undefined) {
        ids.push(job.id);
        tokens.push(decoded);
      }
      if (job.stop !== undefined) ended.push(job);
    }));
    if (ids.length > 0) this.#options.onTokens(ids, tokens);
    for (const job of ended) this.#finish(job);
  }

  async #evaluate(job: Job, count: number): Promise<Token | undefined> {
    const sequence = this.#options.sequences[job.sequence];
    const share = job.take(count);
    const input: (Token | [Token, NextTokenOptions])[] = share.tokens;
    if (share.decodes) input[input.length - 1] = [share.tokens[share.tokens.length - 1], job.choice(this.#options.recordTopLogits)];
    const evaluated = await sequence.controlledEvaluate(input);
    if (!share.decodes) {
      if (job.remaining === 0) job.stop = 'stop';
      return undefined;
    }
    const next = evaluated[input.length - 1]?.next;
    if (next?.token === undefined || next.token === null) throw new Error('no token was chosen');
    return job.accept(next.token, this.#options.contextTokens - sequence.nextTokenIndex, next.logits);
  }
}
