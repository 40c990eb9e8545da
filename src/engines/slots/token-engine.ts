/**
 * The lowest cut of an engine that keeps its KV in sequences and can save and load whole sequence states:
 * llama.cpp in a child process (`engines/embedded`), a llama-server (`engines/llama-server`), or a simulated one on a
 * virtual clock (`engines/simulated`). The slot manager above it decides what runs where and what is kept.
 *
 * One operation at a time per sequence. A sequence holds `length` tokens.
 *
 * When the engine crashes, what is in flight rejects with `ENT_ENGINE_CRASHED` and every sequence is empty. One that
 * held tokens rejects every operation with that code until it is emptied by `trim(sequence, 0)` or replaced by `load`,
 * so that no call goes on without its beginning. States saved without a domain outlive the crash; the others are gone,
 * and `load` says `ENT_STATE_CORRUPT`.
 */
export interface SequenceEngine {
  readonly sequences: number;
  readonly contextTokens: number;
  /** Bytes of KV per token, for sizing the store. */
  readonly bytesPerToken: number;
  /**
   * Tokens of host memory that saved states take now: equal leading blocks of SHARED_BLOCK_TOKENS of one domain count
   * once, if their KV is equal to the bit.
   */
  readonly storedTokens: number;

  /**
   * Appends `tokens` to the sequence and decodes up to `maxTokens`: at least one token must be given. The first
   * decoded token comes when the prefill is done. In batches with other sequences' work, decodes first.
   */
  generate(sequence: number, tokens: Int32Array, options: GenerateOptions): Promise<GenerateResult>;
  /**
   * Appends tokens without decoding (warm-up, prefetch). If it is aborted it rejects with `ENT_CANCELLED` and the
   * sequence holds some of the tokens: `trim` it.
   */
  prefill(sequence: number, tokens: Int32Array, signal?: AbortSignal): Promise<void>;
  /** Keeps the first `length` tokens. */
  trim(sequence: number, length: number): Promise<void>;
  /**
   * Copies the sequence's state out. The state stays valid until `drop`.
   * @param domain states of one domain (a tenant) share their equal beginnings; without one the state is kept whole
   * @throws EntresolError `ENT_DISK_FULL`
   */
  save(sequence: number, domain?: string): Promise<SavedState>;
  /** Replaces the sequence by a saved state. @throws EntresolError `ENT_STATE_CORRUPT`, `ENT_DISK_FULL` (the state is whole); the sequence is then empty. */
  load(sequence: number, state: SavedState): Promise<void>;
  drop(state: SavedState): Promise<void>;
  /** Moves a saved state between host memory (where `save` puts it) and disk. Absent: there is one tier. @throws EntresolError `ENT_DISK_FULL` */
  move?(state: SavedState, tier: 'host' | 'disk'): Promise<void>;
}

/** One that runs within Entresol. */
export interface TokenEngine extends SequenceEngine {
  /** Finishes the batch in work and starts no other until `resume`: benches alternate sides with it. */
  pause(): Promise<void>;
  resume(): void;
  /** CPU milliseconds (user + system) that the engine has used. */
  cpuMs(): Promise<number>;
  close(): Promise<void>;
}

/** Saved states share equal beginnings in whole blocks of so many tokens. */
export const SHARED_BLOCK_TOKENS = 32;

export interface GenerateOptions {
  readonly maxTokens: number;
  /** 0: greedy. */
  readonly temperature: number;
  /** Without one, every call draws its own. */
  readonly seed?: number;
  /** Nucleus sampling; 1 (the default) keeps all tokens. */
  readonly topP?: number;
  /** Tokens that this call has decoded in an earlier piece: draws go on from there. Default 0. */
  readonly decodedBefore?: number;
  /** Teacher forcing: these are decoded at real cost and returned in place of what is sampled. */
  readonly forced?: Int32Array;
  /** Ends generation; an end-of-generation token of the model does too unless forced. */
  readonly stopTokens?: readonly number[];
  readonly signal?: AbortSignal;
  /** The client's own request to an engine that decodes by itself: it takes the place of sampling, and cannot be interrupted. */
  readonly exchange?: (run: ExchangeRun) => Promise<Exchanged>;
  onToken(token: number): void;
}

/** Where and how a client's own request is to run. */
export interface ExchangeRun {
  readonly sequence: number;
  /** Leading tokens that the sequence holds and the request goes on from. */
  readonly held: number;
  /** Nobody wants the answer any more. */
  readonly signal: AbortSignal | undefined;
  /** The answer begins. */
  began(): void;
}
/** What became of it, by the engine's own counts where it told them. */
export interface Exchanged {
  /** The sequence now holds the whole prompt. */
  readonly completed: boolean;
  readonly prefill?: MeasuredPrefill;
  /** Tokens that the sequence holds now. */
  readonly length?: number;
}
/** What computing a part of a prompt took, as the engine itself measured it. */
export interface MeasuredPrefill {
  readonly tokens: number;
  /** Tokens before it. */
  readonly position: number;
  readonly ms: number;
}

export interface GenerateResult {
  /** Tokens now in the sequence: what was there, what was given, and what was decoded and fed back. */
  readonly length: number;
  /** With the token that ended it, if one did. The last token has not been fed back. */
  readonly output: Int32Array;
  /** `stop`: a stop token, an end-of-generation token, or the last forced one. `length`: `maxTokens` or a full context. */
  readonly stop: 'stop' | 'length' | 'cancelled';
  /** Absent: the time to the first token is what there is to go by. */
  readonly prefill?: MeasuredPrefill;
}
export interface SavedState {
  readonly id: number;
  readonly tokens: number;
  readonly bytes: number;
}
