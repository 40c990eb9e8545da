/** One call on its way through the engine: its tokens, its blocks, how far it has come. */
import type { EngineCall, UnitId } from '../../../core/index.ts';
import type { BlockPool } from './block-pool.ts';
import { ROOT } from './block-table.ts';

export interface SequenceJob {
  readonly call: EngineCall;
  readonly prompt: Int32Array;
  readonly maxTokens: number;
  /** Teacher forcing: these are decoded in place of invented ones. */
  readonly forced: Int32Array | undefined;
  /** Ahead of its call: nobody is told that it used anything. */
  readonly warmUp?: true;
  onToken(token: number): void;
}

export interface SequenceResult {
  readonly stop: 'stop' | 'length' | 'cancelled';
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly queueMs: number;
  readonly prefillMs: number;
}

export class Sequence {
  readonly job: SequenceJob;
  readonly arrivedAtMs: number;
  /** Prompt, then what was decoded. */
  readonly tokens: number[];
  /** Units of full blocks, root first: in use by this sequence. */
  readonly units: UnitId[] = [];
  cachedTokens = 0;
  /** Tokens whose KV is there. */
  computed = 0;
  admittedAtMs = 0;
  /** What it needs from the tier below has been copied by then. */
  readyAtMs = 0;
  firstTokenAtMs: number | undefined;
  #reserved = 0;

  constructor(job: SequenceJob, arrivedAtMs: number) {
    this.job = job;
    this.arrivedAtMs = arrivedAtMs;
    this.tokens = [...job.prompt];
  }

  get promptTokens(): number { return this.job.prompt.length; }

  get outputTokens(): number { return this.tokens.length - this.promptTokens; }

  get isPrefilling(): boolean { return this.computed < this.promptTokens; }

  get limit(): number { return Math.min(this.job.maxTokens, this.job.forced?.length ?? Infinity); }

  /** Blocks for the prompt and the longest answer. */
  blocksAtMost(blockTokens: number): number {
    return Math.ceil((this.promptTokens + this.limit) / blockTokens);
  }

  /**
   * Takes the resident prefix into use and sets the rest aside, evicting what must go; what lies below after it is brought back.
   * @param onPrompt told the units of the whole prompt before anything is evicted
   */
  admit(pool: BlockPool, blockTokens: number, nowMs: number, onPrompt: (units: readonly UnitId[]) => void): void {
    const { tenant } = this.job.call.request.by;
    const prompt: UnitId[] = [];
    for (let from = 0; from + blockTokens <= this.promptTokens; from += blockTokens) {
      prompt.push(pool.define(tenant, prompt.at(-1) ?? ROOT, this.tokens, from));
    }
    // At least the last prompt token is computed: its logits give the first token.
    const usable = Math.floor((this.promptTokens - 1) / blockTokens);
    while (this.units.length < usable && pool.isResident(prompt[this.units.length])) {
      const unit = prompt[this.units.length];
      pool.use(unit);
      this.units.push(unit);
    }
    const copied = prompt.slice(this.units.length, usable);
    const absent = copied.findIndex((unit) => !pool.isBelow(unit));
    if (absent >= 0) copied.length = absent;
    this.admittedAtMs = nowMs;
    onPrompt(prompt);
    this.#reserved = this.blocksAtMost(blockTokens) - this.units.length;
    this.readyAtMs = pool.awaitCopies(this.units, copied);
    pool.reserve(this.#reserved);
    for (const unit of copied) this.#take(pool, unit);
    this.computed = this.cachedTokens = this.units.length * blockTokens;
  }

  /** KV of tokens up to `computed` is there: full blocks get their identity. */
  advance(pool: BlockPool, blockTokens: number, computed: number): void {
    this.computed = computed;
    while ((this.units.length + 1) * blockTokens <= computed) {
      const unit = pool.define(this.job.call.request.by.tenant, this.units.at(-1) ?? ROOT, this.tokens, this.units.length * blockTokens);
      this.#take(pool, unit);
    }
  }

  /** One of the blocks set aside gets its content. */
  #take(pool: BlockPool, unit: UnitId): void {
    pool.fill(unit);
    this.#reserved--;
    this.units.push(unit);
  }

  release(pool: BlockPool): void {
    pool.unreserve(this.#reserved);
    this.#reserved = 0;
    pool.release(this.units);
  }

  result(stop: SequenceResult['stop']): SequenceResult {
    return {
      stop,
      cachedTokens: this.cachedTokens,
      outputTokens: this.outputTokens,
      queueMs: this.admittedAtMs - this.arrivedAtMs,
      prefillMs: (this.firstTokenAtMs ?? this.admittedAtMs) - this.admittedAtMs,
    };
  }
}
