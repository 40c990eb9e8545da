/**
 * The slots of a llama-server as the sequences of a slot manager. The server compares each prompt with what its slot really
 * holds and goes on from there, so nothing here can make an answer wrong: what is kept in mind is a lower bound, and a
 * slot that was emptied here is emptied there by its next call (`cache_prompt: false`).
 */
import { EntresolError } from '../../core/index.ts';
import type { GenerateOptions, GenerateResult, SavedState, SequenceEngine } from '../slots/token-engine.ts';
import { isOpaque } from './prompt-tokens.ts';
import { RefusedError, type ServerApi, type StateFile } from './server-api.ts';
import type { ServerFacts } from './server-facts.ts';
import type { StateFiles } from './state-files.ts';

export interface SlotEngineParts {
  readonly api: ServerApi;
  readonly facts: ServerFacts;
  readonly files: StateFiles;
  /** What the server did not do as it should; by kind for metrics. */
  trouble(kind: string, detail: string): void;
}

/** After so many in a row saving is left alone until the server is looked at anew. */
const SAVE_FAILURES = 3;

const NOTHING = new Int32Array(0);
const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));

interface Held {
  /** Leading tokens that the slot surely holds. */
  tokens: Int32Array;
  /** It holds more, of the same history, that is not to be saved with them. */
  cut: boolean;
}

export class SlotEngine implements SequenceEngine {
  readonly sequences: number;
  readonly contextTokens: number;
  readonly bytesPerToken: number;
  readonly #parts: SlotEngineParts;
  readonly #held: Held[];
  readonly #saved = new Map<number, { readonly file: StateFile; readonly tokens: Int32Array }>();
  #storedTokens = 0;
  #failures = 0;
  #starts = 0;

  constructor(parts: SlotEngineParts) {
    const { slots, contextTokens, bytesPerToken = 1 } = parts.facts;
    this.#parts = parts;
    this.sequences = slots;
    this.contextTokens = contextTokens;
    this.bytesPerToken = bytesPerToken;
    this.#held = Array.from({ length: slots }, () => ({ tokens: NOTHING, cut: false }));
  }

  get storedTokens(): number { return this.#storedTokens; }

  /** The server was started anew: its slots are empty, its files are there. */
  restarted(): void {
    this.#starts++;
    this.#failures = 0;
    for (const held of this.#held) Object.assign(held, { tokens: NOTHING, cut: false });
  }

  async generate(sequence: number, tokens: Int32Array, { exchange, onToken, signal }: GenerateOptions): Promise<GenerateResult> {
    if (exchange === undefined) throw new EntresolError('ENT_INTERNAL', 'a llama-server decodes clients\' own requests only.');
    const held = this.#held[sequence];
    const before = held.tokens;
    const starts = this.#starts;
    const { completed, prefill } = await exchange({ sequence, held: before.length, signal, began: () => { onToken(0); } });
    if (starts !== this.#starts) throw new EntresolError('ENT_ENGINE_CRASHED', 'The server was started anew meanwhile.');
    if (completed) Object.assign(held, { tokens: joined(before, tokens), cut: false });
    return { length: held.tokens.length, output: NOTHING, stop: 'stop', ...(prefill === undefined ? {} : { prefill }) };
  }

  /** Aborted or refused, it rejects as cancelled: the caller's own call computes what is missing. */
  async prefill(sequence: number, tokens: Int32Array, signal?: AbortSignal): Promise<void> {
    const held = this.#held[sequence];
    const all = joined(held.tokens, tokens);
    if (isOpaque(all)) throw new EntresolError('ENT_CANCELLED', 'What is known of the prompt cannot be computed.');
    const starts = this.#starts;
    try {
      await this.#parts.api.compute(sequence, all, signal);
    } catch (error) {
      if (signal?.aborted !== true) this.#parts.trouble('prefill-failed', words(error));
      throw new EntresolError('ENT_CANCELLED', 'A part of the prompt was not computed ahead.', { cause: error });
    }
    if (starts === this.#starts) Object.assign(held, { tokens: all, cut: false });
  }

  /** Kept in mind: the slot's next call goes on from there. */
  trim(sequence: number, length: number): Promise<void> {
    const held = this.#held[sequence];
    if (length < held.tokens.length) Object.assign(held, { tokens: held.tokens.slice(0, length), cut: true });
    return Promise.resolve();
  }

  /** @throws EntresolError `ENT_DISK_FULL` where the server does not save it, for whatever reason: it is kept nowhere */
  async save(sequence: number): Promise<SavedState> {
    if (this.#failures >= SAVE_FAILURES) throw new EntresolError('ENT_DISK_FULL', 'The server does not save states.');
    const { api, files } = this.#parts;
    const held = this.#held[sequence];
    const expected = isOpaque(held.tokens) ? 1 : held.tokens.length;
    const starts = this.#starts;
    const number = files.take();
    try {
      if (held.cut && !isOpaque(held.tokens)) {
        await api.compute(sequence, held.tokens);
        held.cut = false;
      }
      const file = await api.save(sequence, files.nameOf(number));
      if (starts !== this.#starts || file.tokens < expected) throw new RefusedError(200, `slot ${sequence} holds ${file.tokens} tokens, and should hold ${expected}`);
      this.#failures = 0;
      this.#saved.set(number, { file, tokens: held.tokens });
      this.#storedTokens += file.tokens;
      return { id: number, tokens: file.tokens, bytes: file.bytes };
    } catch (error) {
      await files.give(number);
      this.#failures++;
      this.#parts.trouble('slot-save-failed', words(error));
      throw new EntresolError('ENT_DISK_FULL', `The server did not save slot ${sequence}: ${words(error)}.`, { cause: error });
    }
  }

  async load(sequence: number, state: SavedState): Promise<void> {
    const held = this.#held[sequence];
    Object.assign(held, { tokens: NOTHING, cut: false });
    const starts = this.#starts;
    try {
      const saved = this.#saved.get(state.id);
      if (saved === undefined) throw new RefusedError(404, 'it was dropped');
      const file = await this.#parts.api.restore(sequence, this.#parts.files.nameOf(state.id));
      if (starts !== this.#starts || file.tokens !== state.tokens || file.bytes !== saved.file.bytes) throw new RefusedError(200, `its file holds ${file.tokens} tokens, and should hold ${state.tokens}`);
      held.tokens = saved.tokens;
    } catch (error) {
      this.#parts.trouble('slot-restore-failed', words(error));
      throw new EntresolError('ENT_STATE_CORRUPT', `The server did not restore a state: ${words(error)}.`, { cause: error });
    }
  }

  async drop(state: SavedState): Promise<void> {
    const saved = this.#saved.get(state.id);
    if (saved === undefined) return;
    this.#saved.delete(state.id);
    this.#storedTokens -= saved.file.tokens;
    await this.#parts.files.give(state.id).catch((error: unknown) => { this.#parts.trouble('state-file-left', words(error)); });
  }
}

function joined(first: Int32Array, second: Int32Array): Int32Array {
  const all = new Int32Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
