/**
 * A `TokenEngine` without a model: sequences, batches and state files as llama.cpp has them, on any clock that can
 * sleep. One batch at a time, decodes first, then prompts in the order they came, up to the batch size; saves and
 * loads run between batches. Tokens are a function of what a sequence really holds.
 */
import { EntresolError } from '../../core/index.ts';
import type { GenerateOptions, GenerateResult, SavedState, TokenEngine } from '../slots/token-engine.ts';
import { SequenceContent } from './sequence-content.ts';
import { SharedBlocks } from './shared-blocks.ts';
import { DEFAULT_TOKEN_COST, prefillMs, stateMs, type TokenCost } from './token-cost.ts';
import type { SleepingClock } from './virtual-clock.ts';

export interface SimulatedTokenEngineOptions {
  readonly clock: SleepingClock;
  readonly sequences: number;
  readonly contextTokens: number;
  readonly bytesPerToken?: number;
  readonly batchTokens?: number;
  readonly vocabulary?: number;
  readonly cost?: Partial<TokenCost>;
}

interface Work {
  readonly sequence: number;
  readonly content: SequenceContent;
  /** Prompt tokens still to be computed. */
  prompt: Int32Array;
  readonly options: GenerateOptions | undefined;
  readonly signal: AbortSignal | undefined;
  readonly output: number[];
  /** Decoded, not yet fed back. */
  pending: number | undefined;
  readonly resolve: (result: GenerateResult) => void;
  readonly reject: (error: Error) => void;
}

interface StateWork {
  readonly ms: number;
  readonly run: () => void;
  readonly reject: (error: Error) => void;
}

export class SimulatedTokenEngine implements TokenEngine {
  readonly sequences: number;
  readonly contextTokens: number;
  readonly bytesPerToken: number;
  readonly cost: TokenCost;
  readonly #clock: SleepingClock;
  readonly #batchTokens: number;
  readonly #vocabulary: number;
  readonly #contents: SequenceContent[];
  readonly #states = new Map<number, SequenceContent>();
  readonly #onDisk = new Set<number>();
  readonly #domains = new Map<number, string>();
  readonly #shared = new SharedBlocks();
  readonly #occupied = new Set<number>();
  #work: Work[] = [];
  #stateWork: StateWork[] = [];
  #nextState = 1;
  /** Earlier ones went with a crash. */
  #firstStateOfLife = 1;
  #stepping = false;
  #paused = false;
  #crashed = false;
  /** Counts crashes: work of an earlier life must not touch the sequences of a later one. */
  #life = 0;
  #busyMs = 0;
  #pauseWaiters: (() => void)[] = [];
  #failures = { save: 0, load: 0 };
  /** Tokens really prefilled so far: what a manager's count of cached tokens is checked against. */
  prefilledTokens = 0;
  /** The most tokens that lay in saved states in host memory at a time. */
  peakStoredTokens = 0;

  constructor(options: SimulatedTokenEngineOptions) {
    this.sequences = options.sequences;
    this.contextTokens = options.contextTokens;
    this.bytesPerToken = options.bytesPerToken ?? 3072;
    this.cost = { ...DEFAULT_TOKEN_COST, ...options.cost };
    this.#clock = options.clock;
    this.#batchTokens = options.batchTokens ?? 512;
    this.#vocabulary = options.vocabulary ?? 8192;
    this.#contents = Array.from({ length: options.sequences }, () => new SequenceContent());
  }

  get storedTokens(): number {
    return this.#shared.tokens;
  }

  /** Tokens in saved states on disk that were not dropped. */
  get diskTokens(): number {
    let sum = 0;
    for (const id of this.#onDisk) sum += this.#states.get(id)?.length ?? 0;
    return sum;
  }

  generate(sequence: number, tokens: Int32Array, options: GenerateOptions): Promise<GenerateResult> {
    return this.#enqueue(sequence, tokens, options, options.signal);
  }

  async prefill(sequence: number, tokens: Int32Array, signal?: AbortSignal): Promise<void> {
    const result = await this.#enqueue(sequence, tokens, undefined, signal);
    if (result.stop === 'cancelled') throw new EntresolError('ENT_CANCELLED', `The prefill of sequence ${sequence} was cancelled.`);
  }

  async trim(sequence: number, length: number): Promise<void> {
    const content = this.#claim(sequence);
    this.#occupied.delete(sequence);
    if (length > content.length) throw new EntresolError('ENT_INTERNAL', `Sequence ${sequence} holds ${content.length} tokens, fewer than the ${length} to keep.`);
    content.trim(length);
  }

  async save(sequence: number, domain?: string): Promise<SavedState> {
    const content = this.#claim(sequence);
    return this.#between(sequence, content.length, (resolve: (state: SavedState) => void) => {
      if (this.#failures.save > 0) {
        this.#failures.save--;
        throw new EntresolError('ENT_DISK_FULL', `No room to save ${content.length} tokens.`);
      }
      const id = this.#nextState++;
      this.#states.set(id, content.copy());
      this.#domains.set(id, domain ?? `${id}`);
      this.#shared.add(content, domain ?? `${id}`);
      this.peakStoredTokens = Math.max(this.peakStoredTokens, this.storedTokens);
      resolve({ id, tokens: content.length, bytes: content.length * this.bytesPerToken });
    });
  }

  async load(sequence: number, state: SavedState): Promise<void> {
    this.#claim(sequence);
    return this.#between(sequence, state.tokens, (resolve: () => void) => {
      const saved = this.#states.get(state.id);
      if (saved === undefined || this.#failures.load > 0) {
        this.#failures.load = Math.max(0, this.#failures.load - 1);
        this.#contents[sequence] = new SequenceContent();
        throw new EntresolError('ENT_STATE_CORRUPT', `State ${state.id} cannot be read.`);
      }
      this.#contents[sequence] = saved.copy();
      resolve();
    });
  }

  async drop(state: SavedState): Promise<void> {
    if (state.id < this.#firstStateOfLife) return;
    const saved = this.#states.get(state.id);
    if (saved === undefined) throw new EntresolError('ENT_INTERNAL', `State ${state.id} was dropped twice.`);
    this.#states.delete(state.id);
    if (!this.#onDisk.delete(state.id)) this.#shared.remove(saved, this.#domainOf(state));
    this.#domains.delete(state.id);
  }

  async move(state: SavedState, tier: 'host' | 'disk'): Promise<void> {
    if (this.#crashed) throw new EntresolError('ENT_ENGINE_CRASHED', 'The engine is down.');
    await this.#spend(stateMs(this.cost, state.tokens));
    const saved = this.#states.get(state.id);
    if (saved === undefined || this.#onDisk.has(state.id) === (tier === 'disk')) return;
    if (tier === 'disk') {
      this.#onDisk.add(state.id);
      this.#shared.remove(saved, this.#domainOf(state));
    } else {
      this.#onDisk.delete(state.id);
      this.#shared.add(saved, this.#domainOf(state));
    }
  }

  async pause(): Promise<void> {
    this.#paused = true;
    if (this.#stepping) await new Promise<void>((resolve) => { this.#pauseWaiters.push(resolve); });
  }

  resume(): void {
    this.#paused = false;
    this.#kick();
  }

  async cpuMs(): Promise<number> {
    return this.#busyMs;
  }

  async close(): Promise<void> {
    this.crash('The engine was closed.');
  }

  /** Everything in work fails with `ENT_ENGINE_CRASHED`, and so does all that comes before `restart`. */
  crash(why = 'The engine process ended.'): void {
    this.#crashed = true;
    this.#life++;
    const error = new EntresolError('ENT_ENGINE_CRASHED', why);
    for (const work of this.#work.splice(0)) work.reject(error);
    for (const work of this.#stateWork.splice(0)) work.reject(error);
    this.#occupied.clear();
    this.#states.clear();
    this.#onDisk.clear();
    this.#domains.clear();
    this.#shared.clear();
    this.#firstStateOfLife = this.#nextState;
  }

  /** Comes back empty. */
  restart(): void {
    this.#crashed = false;
    this.#contents.forEach((_, index) => { this.#contents[index] = new SequenceContent(); });
  }

  /** The next `count` saves fail for want of room, or the next loads find a corrupt state. */
  failNext(operation: 'save' | 'load', count = 1): void {
    this.#failures[operation] += count;
  }

  /** For tests: what a sequence really holds. */
  contentOf(sequence: number): Int32Array {
    return this.#contents[sequence].tokens();
  }

  #domainOf(state: SavedState): string {
    return this.#domains.get(state.id) ?? `${state.id}`;
  }

  #claim(sequence: number): SequenceContent {
    if (this.#crashed) throw new EntresolError('ENT_ENGINE_CRASHED', 'The engine is down.');
    if (sequence < 0 || sequence >= this.sequences) throw new EntresolError('ENT_INTERNAL', `There is no sequence ${sequence}; there are ${this.sequences}.`);
    if (this.#occupied.has(sequence)) throw new EntresolError('ENT_INTERNAL', `Sequence ${sequence} is still in work: one operation at a time.`);
    this.#occupied.add(sequence);
    return this.#contents[sequence];
  }

  async #enqueue(sequence: number, tokens: Int32Array, options: GenerateOptions | undefined, signal: AbortSignal | undefined): Promise<GenerateResult> {
    if (tokens.length === 0) throw new EntresolError('ENT_INTERNAL', 'At least one token must be given.');
    const content = this.#claim(sequence);
    if (content.length + tokens.length > this.contextTokens) {
      this.#occupied.delete(sequence);
      throw new EntresolError('ENT_PROMPT_TOO_LONG', `${content.length + tokens.length} tokens exceed the context of ${this.contextTokens}.`);
    }
    return new Promise((resolve, reject) => {
      const resumes = options?.decodedBefore !== undefined && options.decodedBefore > 0 && tokens.length === 1;
      this.#work.push({
        sequence, content, options, signal, output: [], resolve, reject,
        prompt: resumes ? new Int32Array(0) : tokens, pending: resumes ? tokens[0] : undefined,
      });
      this.#kick();
    });
  }

  #between<Result>(sequence: number, tokens: number, run: (resolve: (result: Result) => void) => void): Promise<Result> {
    return new Promise((resolve, reject) => {
      const life = this.#life;
      const fail = (error: Error): void => {
        if (life === this.#life) this.#occupied.delete(sequence);
        reject(error);
      };
      const runAndFree = (): void => {
        try {
          run((result) => { this.#occupied.delete(sequence); resolve(result); });
        } catch (error) {
          fail(error as Error);
        }
      };
      this.#stateWork.push({ ms: stateMs(this.cost, tokens), run: runAndFree, reject: fail });
      this.#kick();
    });
  }

  #kick(): void {
    if (this.#stepping || this.#paused || this.#crashed || (this.#work.length === 0 && this.#stateWork.length === 0)) return;
    this.#stepping = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    // Work submitted at the same instant joins the first batch.
    await this.#clock.sleep(0);
    const life = this.#life;
    while (!this.#paused && life === this.#life) {
      for (const work of this.#work.filter((candidate) => candidate.signal?.aborted === true)) this.#finish(work, 'cancelled');
      const stateWork = this.#stateWork.shift();
      if (stateWork !== undefined) {
        await this.#spend(stateWork.ms);
        if (life !== this.#life) stateWork.reject(new EntresolError('ENT_ENGINE_CRASHED', 'The engine process ended.'));
        else stateWork.run();
      } else if (this.#work.length > 0) await this.#batch(life);
      else break;
      // Whoever got a result may submit more before the next batch is made up.
      await this.#clock.sleep(0);
    }
    this.#stepping = false;
    for (const waiter of this.#pauseWaiters.splice(0)) waiter();
    this.#kick();
  }

  async #batch(life: number): Promise<void> {
    const decodes = this.#work.filter((work) => work.pending !== undefined);
    let room = Math.max(1, this.#batchTokens - decodes.length);
    let ms = this.cost.batchMs + decodes.length * this.cost.decodeMs;
    const prefills: { work: Work; count: number }[] = [];
    for (const work of this.#work) {
      if (work.pending !== undefined || room === 0) continue;
      const count = Math.min(room, work.prompt.length);
      ms += prefillMs(this.cost, count, work.content.length);
      prefills.push({ work, count });
      room -= count;
    }
    await this.#spend(ms);
    if (life !== this.#life) return;
    for (const work of decodes) {
      work.content.append(work.pending as number);
      work.pending = undefined;
      this.#sample(work);
    }
    for (const { work, count } of prefills) {
      work.content.appendAll(work.prompt.subarray(0, count));
      work.prompt = work.prompt.subarray(count);
      this.prefilledTokens += count;
      if (work.prompt.length === 0) this.#sample(work);
    }
  }

  #sample(work: Work): void {
    const { options, content, output } = work;
    if (options === undefined) { this.#finish(work, 'length'); return; }
    if (output.length >= options.maxTokens) { this.#finish(work, 'length'); return; }
    const { forced } = options;
    if (forced !== undefined && output.length >= forced.length) { this.#finish(work, 'stop'); return; }
    const token = forced === undefined ? content.nextToken(this.#vocabulary, options.temperature > 0 ? (options.seed ?? 1) : 0) : forced[output.length];
    if (forced === undefined && options.stopTokens?.includes(token) === true) { this.#finish(work, 'stop'); return; }
    output.push(token);
    options.onToken(token);
    if (forced !== undefined && output.length === forced.length) this.#finish(work, 'stop');
    else if (output.length >= options.maxTokens || content.length >= this.contextTokens) this.#finish(work, 'length');
    else work.pending = token;
  }

  #finish(work: Work, stop: GenerateResult['stop']): void {
    this.#work = this.#work.filter((candidate) => candidate !== work);
    this.#occupied.delete(work.sequence);
    work.resolve({ length: work.content.length, output: Int32Array.from(work.output), stop });
  }

  async #spend(ms: number): Promise<void> {
    await this.#clock.sleep(ms);
    this.#busyMs += ms;
  }
}
