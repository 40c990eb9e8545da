import { copyFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { EntresolError } from '../../core/index.ts';
import type { GenerateOptions, GenerateResult, SavedState, TokenEngine } from '../slots/token-engine.ts';
import { diskError } from './file-system-errors.ts';
import { checkModelFile } from './model-check.ts';
import { ChildSupervisor, type SupervisorEvents } from './child-supervisor.ts';
import type { ModelFacts, StartOptions, TemplateMessage, TemplateTool } from './protocol.ts';
import { removeExchangeFiles } from './child/state-exchange.ts';
import { StateFolder, stateParent, sweepStaleFolders } from './state-folder.ts';

export interface LlamaOptions {
  /** URL of node-llama-cpp: `locateEngine()`. */
  readonly library: string;
  readonly modelPath: string;
  readonly sequences: number;
  readonly contextTokens: number;
  readonly threads?: number;
  readonly chunkTokens?: number;
  /** Keeps, for tests, how far apart the two best logits of each decoded token were: see `logitGaps`. */
  readonly recordTopLogits?: boolean;
  readonly stateParent?: string;
  /** Where states go that `move` puts on disk. Default: the folder for temporary files. */
  readonly diskParent?: string;
  readonly events?: SupervisorEvents;
}

const DEFAULT_CHUNK_TOKENS = 256;
/** Lengths whose saved sizes give the bytes per token. */
const PROBE_TOKENS = [64, 192] as const;

/** What the parent knows of a sequence. `lost`: it held tokens when the engine crashed, and nobody has emptied it since. */
interface SequenceRecord { length: number; lost: boolean; busy: boolean }

/** A `TokenEngine` on llama.cpp in a process of its own. */
export class LlamaTokenEngine implements TokenEngine {
  readonly sequences: number;
  readonly contextTokens: number;
  readonly facts: ModelFacts;
  /** Per result of `generate`, if `recordTopLogits`: distance of the two best logits for each token of the output. */
  readonly logitGaps = new WeakMap<GenerateResult, Float64Array>();
  #bytesPerToken = 0;
  /** Where each saved state lies: a file in memory, in the child among those that share blocks, or a file on disk. */
  readonly #places = new Map<number, 'file' | 'shared' | 'disk'>();
  #fileTokens = 0;
  #sharedTokens = 0;
  readonly #supervisor: ChildSupervisor;
  readonly #folder: StateFolder;
  readonly #diskParent: string;
  #diskFolder: StateFolder | undefined;
  readonly #records: SequenceRecord[];

  private constructor(options: LlamaOptions, supervisor: ChildSupervisor, facts: ModelFacts, records: SequenceRecord[]) {
    this.sequences = options.sequences;
    this.contextTokens = options.contextTokens;
    this.facts = facts;
    this.#supervisor = supervisor;
    this.#records = records;
    this.#folder = new StateFolder(options.stateParent ?? stateParent());
    this.#diskParent = options.diskParent ?? tmpdir();
    // Our own folder there is made on first use; what others left behind when they were killed goes at once.
    sweepStaleFolders(this.#diskParent);
  }

  /** @throws EntresolError `ENT_MODEL_UNREADABLE`, `ENT_ENGINE_CRASHED`, ... */
  static async start(options: LlamaOptions): Promise<LlamaTokenEngine> {
    await checkModelFile(options.modelPath);
    const records = Array.from({ length: options.sequences }, (): SequenceRecord => ({ length: 0, lost: false, busy: false }));
    const startOptions: StartOptions = {
      library: options.library, modelPath: options.modelPath, sequences: options.sequences, contextTokens: options.contextTokens,
      chunkTokens: options.chunkTokens ?? DEFAULT_CHUNK_TOKENS, threads: options.threads ?? 1, recordTopLogits: options.recordTopLogits ?? false,
    };
    let engine: LlamaTokenEngine | undefined;
    const supervisor = new ChildSupervisor(startOptions, {
      ...options.events,
      onDown: (error, final) => {
        for (const record of records) {
          record.lost ||= record.length > 0 || record.busy;
          record.length = 0;
        }
        if (engine !== undefined) engine.#forgetShared();
        options.events?.onDown?.(error, final);
      },
    });
    try {
      engine = new LlamaTokenEngine(options, supervisor, await supervisor.start(), records);
      await engine.#measureBytesPerToken();
      return engine;
    } catch (error) {
      await (engine ?? supervisor).close();
      throw error;
    }
  }

  get bytesPerToken(): number { return this.#bytesPerToken; }
  get storedTokens(): number { return this.#fileTokens + this.#sharedTokens; }
  get processId(): number | undefined { return this.#supervisor.processId; }
  get healthy(): boolean { return this.#supervisor.healthy; }

  async generate(sequence: number, tokens: Int32Array, options: GenerateOptions): Promise<GenerateResult> {
    this.#checkRoom(sequence, tokens.length);
    if (tokens.length === 0) throw new EntresolError('ENT_INTERNAL', 'generate needs at least one token.');
    return this.#use(sequence, async (record) => {
      const { logitGaps, ...result } = await this.#supervisor.request('generate', {
        sequence, tokens,
        work: {
          maxTokens: options.maxTokens, temperature: options.temperature, topP: options.topP ?? 1,
          seed: options.seed ?? Math.floor(Math.random() * 2 ** 31), forced: options.forced, stopTokens: options.stopTokens ?? [], decodedBefore: options.decodedBefore ?? 0,
        },
      }, { signal: options.signal, onToken: options.onToken });
      record.length = result.length;
      if (logitGaps !== undefined) this.logitGaps.set(result, logitGaps);
      return result;
    });
  }

  async prefill(sequence: number, tokens: Int32Array, signal?: AbortSignal): Promise<void> {
    this.#checkRoom(sequence, tokens.length);
    if (tokens.length === 0) return;
    await this.#use(sequence, async (record) => {
      const { length, cancelled } = await this.#supervisor.request('prefill', { sequence, tokens }, { signal });
      record.length = length;
      if (cancelled) throw new EntresolError('ENT_CANCELLED', `prefill of sequence ${sequence} was cancelled at ${length} tokens.`);
    });
  }

  async trim(sequence: number, length: number): Promise<void> {
    const record = this.#records[sequence];
    // Where it was lost, what may still seem busy went down with the process.
    if (length === 0 && record !== undefined) record.lost = false;
    await this.#use(sequence, async () => {
      await this.#supervisor.request('trim', { sequence, length });
      this.#records[sequence].length = Math.min(length, this.#records[sequence].length);
    });
  }

  async save(sequence: number, domain?: string): Promise<SavedState> {
    return this.#use(sequence, async () => {
      const { id, path } = this.#folder.nextFile();
      try {
        const { tokens, bytes, shared, sharedTokens } = await this.#supervisor.request('save', { sequence, path, state: id, ...(domain === undefined ? {} : { domain }) });
        this.#places.set(id, shared ? 'shared' : 'file');
        this.#sharedTokens = sharedTokens;
        if (!shared) this.#fileTokens += tokens;
        return { id, tokens, bytes };
      } catch (error) {
        await rm(path, { force: true });
        throw error;
      }
    });
  }

  async load(sequence: number, state: SavedState): Promise<void> {
    const record = this.#records[sequence];
    if (record !== undefined) record.lost = false;
    await this.#use(sequence, async () => {
      this.#records[sequence].length = 0;
      const shared = this.#places.get(state.id) === 'shared';
      await this.#supervisor.request('load', { sequence, path: this.#fileOf(state), state: state.id, shared, tokens: state.tokens, bytes: state.bytes });
      this.#records[sequence].length = state.tokens;
    });
  }

  async drop(state: SavedState): Promise<void> {
    const place = this.#places.get(state.id);
    const path = this.#fileOf(state);
    this.#places.delete(state.id);
    if (place === 'file') this.#fileTokens -= state.tokens;
    if (place === 'shared') this.#sharedTokens = (await this.#supervisor.request('dropShared', { state: state.id })).sharedTokens;
    else await rm(path, { force: true });
  }

  async move(state: SavedState, tier: 'host' | 'disk'): Promise<void> {
    const place = this.#places.get(state.id);
    if (place === undefined || (place === 'disk') === (tier === 'disk')) return;
    const from = this.#fileOf(state);
    this.#diskFolder ??= new StateFolder(this.#diskParent);
    const to = (tier === 'disk' ? this.#diskFolder : this.#folder).fileOf(state.id);
    if (place === 'shared') this.#sharedTokens = (await this.#supervisor.request('exportShared', { state: state.id, path: to })).sharedTokens;
    else {
      try {
        await copyFile(from, to);
      } catch (error) {
        await rm(to, { force: true });
        throw diskError(error, to);
      }
      this.#fileTokens += tier === 'disk' ? -state.tokens : state.tokens;
      await rm(from, { force: true });
    }
    this.#places.set(state.id, tier === 'disk' ? 'disk' : 'file');
  }

  /** Starts the process anew, as after a crash. */
  restart(): void { this.#supervisor.restart(); }
  async pause(): Promise<void> { await this.#supervisor.pause(); }
  resume(): void { this.#supervisor.resume(); }
  async cpuMs(): Promise<number> { return this.#supervisor.cpuMs(); }

  /** A conversation by the model's own chat template. */
  async render(messages: readonly TemplateMessage[], tools: readonly TemplateTool[]): Promise<{ readonly tokens: Int32Array; readonly stop: readonly string[] }> {
    return this.#supervisor.request('render', { messages, tools });
  }
  /** Tokens of plain text; marks in it do not count as such. */
  async tokenise(text: string): Promise<Int32Array> {
    return this.#supervisor.request('tokenise', { runs: [{ text, special: false }] });
  }
  /** Tokens of the names of marks, e.g. `<|end|>`. */
  async tokeniseMarks(text: string): Promise<Int32Array> {
    return this.#supervisor.request('tokenise', { runs: [{ text, special: true }] });
  }
  async detokenise(tokens: Int32Array, before: Int32Array = new Int32Array()): Promise<string> {
    return this.#supervisor.request('detokenise', { tokens, before, special: false });
  }

  async close(): Promise<void> {
    await this.#supervisor.close();
    this.#folder.remove();
    this.#diskFolder?.remove();
  }

  #fileOf(state: SavedState): string {
    return (this.#places.get(state.id) === 'disk' && this.#diskFolder !== undefined ? this.#diskFolder : this.#folder).fileOf(state.id);
  }

  /** What the child kept went with it. */
  #forgetShared(): void {
    this.#sharedTokens = 0;
    for (const [id, place] of this.#places) if (place === 'shared') this.#places.delete(id);
    removeExchangeFiles(this.#folder.path);
  }

  #checkRoom(sequence: number, added: number): void {
    const length = (this.#records[sequence]?.length ?? 0) + added;
    if (length > this.contextTokens) throw new EntresolError('ENT_PROMPT_TOO_LONG', `${length} tokens do not fit the context of ${this.contextTokens}.`);
  }

  /**
   * After a crash the manager above may still believe that a sequence holds tokens. To go on there would answer
   * from a prompt without its beginning; so every operation is refused until the sequence is emptied or loaded.
   */
  async #use<Result>(sequence: number, operate: (record: SequenceRecord) => Promise<Result>): Promise<Result> {
    const record = this.#records[sequence];
    if (record === undefined) throw new EntresolError('ENT_INTERNAL', `there is no sequence ${sequence}; there are ${this.sequences}.`);
    if (record.lost) throw new EntresolError('ENT_ENGINE_CRASHED', `the tokens of sequence ${sequence} were lost when the engine crashed.`);
    await this.#supervisor.whenUp();
    record.busy = true;
    try {
      return await operate(record);
    } finally {
      record.busy = false;
    }
  }

  async #measureBytesPerToken(): Promise<void> {
    const [few, many] = PROBE_TOKENS;
    const bytes: number[] = [];
    const token = (await this.tokenise('a'))[0];
    for (const length of [few, many]) {
      await this.prefill(0, new Int32Array(length).fill(token));
      const state = await this.save(0);
      bytes.push(state.bytes);
      await this.drop(state);
      await this.trim(0, 0);
    }
    this.#bytesPerToken = (bytes[1] - bytes[0]) / (many - few);
  }
}
