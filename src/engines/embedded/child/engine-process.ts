import { rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EntresolError } from '../../../core/index.ts';
import { diskError } from '../file-system-errors.ts';
import type { ModelFacts, Operations, SharedTotal, StartOptions } from '../protocol.ts';
import { BatchLoop } from './batch-loop.ts';
import { chatHistory } from './chat-history.ts';
import { Job } from './job.ts';
import { loadLibrary, type ChatWrapper, type LlamaContext, type LlamaLibrary, type LlamaModel, type LlamaSequence } from './llama-library.ts';
import { SharedStates } from './shared-states.ts';
import { StateExchange } from './state-exchange.ts';

/** llama.cpp keeps one cell free and would shift the context when it is full; we stop before. */
const SPARE_CELLS = 2;
/** One call reads or writes no more at a time; a larger state stays a file of its own. */
const LARGEST_SHARED_BYTES = 2 ** 31 - 1;

type Request<Kind extends keyof Operations> = Operations[Kind]['request'];

async function loadModel(library: LlamaLibrary, options: StartOptions): Promise<LlamaModel> {
  const llama = await library.getLlama({ gpu: false, build: 'never', maxThreads: options.threads, logLevel: 'error', skipDownload: true, progressLogs: false });
  try {
    return await llama.loadModel({ modelPath: options.modelPath });
  } catch (error) {
    throw new EntresolError('ENT_MODEL_UNREADABLE', `${options.modelPath} cannot be loaded: ${(error instanceof Error ? error.message : String(error)).replace(/\.?$/, '.')}`, { cause: error });
  }
}

/** Everything that the child process does for its parent, one method per operation. */
export class EngineProcess {
  readonly #model: LlamaModel;
  readonly #sequences: readonly LlamaSequence[];
  readonly #loop: BatchLoop;
  readonly #shared = new SharedStates();
  #exchange: StateExchange | undefined;
  readonly #busy = new Set<number>();
  /** Kept so that it is not collected. */
  readonly context: LlamaContext;
  readonly #endTokens: ReadonlySet<number>;
  readonly #resolveTemplate: () => ChatWrapper;
  /** Resolved on first use: models that are never asked to chat need none. */
  #template: ChatWrapper | undefined;

  private constructor(options: StartOptions, { model, context, template }: { model: LlamaModel; context: LlamaContext; template: () => ChatWrapper }, events: { onTokens(ids: readonly number[], tokens: readonly number[]): void; onBroken(error: unknown): void }) {
    this.#model = model;
    this.#resolveTemplate = template;
    this.context = context;
    this.#sequences = Array.from({ length: options.sequences }, () => context.getSequence());
    this.#endTokens = new Set(this.#allTokens().filter((token) => model.isEogToken(token)));
    this.#loop = new BatchLoop({ ...options, ...events, sequences: this.#sequences });
  }

  /** @throws EntresolError `ENT_MODEL_UNREADABLE` */
  static async start(options: StartOptions, events: { onTokens(ids: readonly number[], tokens: readonly number[]): void; onBroken(error: unknown): void }): Promise<EngineProcess> {
    const library = await loadLibrary(options.library);
    const model = await loadModel(library, options);
    const context = await model.createContext({
      sequences: options.sequences,
      contextSize: options.contextTokens + SPARE_CELLS,
      // A batch holds a piece of one prompt and one token of every other sequence.
      batchSize: options.chunkTokens + options.sequences,
      threads: options.threads,
      // Without it a sliding-window model could not go back to an earlier prefix.
      swaFullCache: true,
    });
    return new EngineProcess(options, { model, context, template: () => library.resolveChatWrapper(model) }, events);
  }

  facts(): ModelFacts {
    const { general, tokenizer } = this.#model.fileInfo.metadata;
    return {
      name: general?.name ?? 'unnamed',
      trainedContextTokens: this.#model.trainContextSize,
      vocabularySize: this.#allTokens().length,
      endOfGenerationTokens: [...this.#endTokens],
      hasChatTemplate: tokenizer?.chat_template !== undefined,
    };
  }

  async generate(id: number, { sequence, tokens, work }: Request<'generate'>): Promise<Operations['generate']['reply']> {
    return this.#alone(sequence, async (state) => {
      const job = new Job(id, sequence, tokens, work, (token) => this.#endTokens.has(token));
      await this.#loop.run(job);
      return job.reply(state.nextTokenIndex);
    });
  }

  async prefill(id: number, { sequence, tokens }: Request<'prefill'>): Promise<Operations['prefill']['reply']> {
    return this.#alone(sequence, async (state) => {
      const job = new Job(id, sequence, tokens, undefined, () => false);
      await this.#loop.run(job);
      return { length: state.nextTokenIndex, cancelled: job.stop === 'cancelled' };
    });
  }

  cancel(id: number): void {
    this.#loop.cancel(id);
  }

  async trim({ sequence, length }: Request<'trim'>): Promise<null> {
    return this.#alone(sequence, async (state) => {
      await this.#loop.whenOpen();
      if (length === 0) await state.clearHistory();
      else if (length < state.nextTokenIndex) await state.eraseContextTokenRanges([{ start: length, end: state.nextTokenIndex }]);
      return null;
    });
  }

  async save({ sequence, path, state: id, domain }: Request<'save'>): Promise<Operations['save']['reply']> {
    return this.#alone(sequence, async (state) => {
      const exchange = this.#exchangeIn(dirname(path));
      return exchange.use(async () => {
        await this.#loop.whenOpen();
        const { fileSize } = await state.saveStateToFile(exchange.outPath);
        const shared = domain !== undefined && fileSize <= LARGEST_SHARED_BYTES && this.#shared.add(id, domain, exchange.read());
        if (!shared) exchange.moveOutTo(path);
        return { tokens: state.nextTokenIndex, bytes: fileSize, shared, sharedTokens: this.#shared.tokens };
      });
    });
  }

  async load({ sequence, path, state: id, shared, tokens, bytes }: Request<'load'>): Promise<null> {
    return this.#alone(sequence, async (state) => {
      await this.#loop.whenOpen();
      // Emptied first: a load that fails half-way must not leave another session's cells behind.
      await state.clearHistory();
      const loadFrom = async (file: string): Promise<null> => {
        await state.loadStateFromFile(file, { acceptRisk: true });
        if (state.nextTokenIndex !== tokens) throw new Error(`it holds ${state.nextTokenIndex} tokens, not ${tokens}`);
        return null;
      };
      try {
        if (!shared) {
          const { size } = await stat(path);
          if (size !== bytes) throw new Error(`the file has ${size} bytes, not ${bytes}`);
          return await loadFrom(path);
        }
        const exchange = this.#exchangeIn(dirname(path));
        return await exchange.use(async () => {
          await this.#loop.whenOpen();
          exchange.offer(this.#bytesOf(id), (target) => { this.#shared.write(id, target); });
          return loadFrom(exchange.inPath);
        });
      } catch (error) {
        await state.clearHistory();
        // The state itself is whole.
        if (error instanceof EntresolError && error.code === 'ENT_DISK_FULL') throw error;
        throw new EntresolError('ENT_STATE_CORRUPT', `the saved state ${path} cannot be loaded: ${error instanceof Error ? error.message : String(error)}.`, { at: path, cause: error });
      }
    });
  }

  dropShared({ state }: Pick<Request<'dropShared'>, 'state'>): SharedTotal {
    this.#shared.drop(state);
    return { sharedTokens: this.#shared.tokens };
  }

  async exportShared({ state, path }: Request<'exportShared'>): Promise<SharedTotal> {
    const file = Buffer.allocUnsafeSlow(this.#bytesOf(state));
    this.#shared.write(state, file);
    try {
      await writeFile(path, file, { mode: 0o600 });
    } catch (error) {
      await rm(path, { force: true });
      throw diskError(error, path);
    }
    return this.dropShared({ state });
  }

  #bytesOf(id: number): number {
    const bytes = this.#shared.fileBytes(id);
    if (bytes === undefined) throw new EntresolError('ENT_STATE_CORRUPT', `there is no saved state ${id}.`);
    return bytes;
  }

  #exchangeIn(folder: string): StateExchange {
    if (this.#exchange?.folder !== folder) this.#exchange = new StateExchange(folder);
    return this.#exchange;
  }

  async pause(): Promise<null> {
    await this.#loop.pause();
    return null;
  }

  resume(): null {
    this.#loop.resume();
    return null;
  }

  cpu(): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  }

  render({ messages, tools }: Request<'render'>): Operations['render']['reply'] {
    this.#template ??= this.#resolveTemplate();
    const functions = Object.fromEntries(tools.map((tool) => [tool.name, { description: tool.description, params: tool.parameters }]));
    const { contextText, stopGenerationTriggers } = this.#template.generateContextState({
      chatHistory: chatHistory(messages),
      ...(tools.length === 0 ? {} : { availableFunctions: functions, documentFunctionParams: true }),
    });
    return {
      tokens: Int32Array.from(contextText.tokenize(this.#model.tokenizer)),
      stop: stopGenerationTriggers.map((trigger) => trigger.toString()).filter((text) => text !== ''),
    };
  }

  tokenise({ runs }: Request<'tokenise'>): Int32Array {
    return Int32Array.from(runs.flatMap((run) => this.#model.tokenize(run.text, run.special)));
  }

  detokenise({ tokens, before, special }: Request<'detokenise'>): string {
    return this.#model.detokenize(Array.from(tokens), special, Array.from(before));
  }

  #allTokens(): number[] {
    return [...this.#model.iterateAllTokens()];
  }

  /** One operation at a time per sequence: anything else is a fault of the caller. */
  async #alone<Result>(sequence: number, operate: (state: LlamaSequence) => Promise<Result>): Promise<Result> {
    const state = this.#sequences[sequence];
    if (state === undefined) throw new EntresolError('ENT_INTERNAL', `there is no sequence ${sequence}; there are ${this.#sequences.length}.`);
    if (this.#busy.has(sequence)) throw new EntresolError('ENT_INTERNAL', `sequence ${sequence} is busy.`);
    this.#busy.add(sequence);
    try {
      return await operate(state);
    } finally {
      this.#busy.delete(sequence);
    }
  }
}
