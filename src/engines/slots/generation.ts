/**
 * One call's decoding, in one piece or in several: it may be interrupted between two tokens and goes on later, in any
 * sequence that holds the same tokens, as if nothing had happened.
 */
import type { GenerateOptions, GenerateResult, SequenceEngine } from './token-engine.ts';

export interface DecodedCall {
  /** The whole prompt. */
  readonly tokens: Int32Array;
  readonly generate: GenerateOptions;
  /** Clipped to what the context leaves. */
  readonly maxTokens: number;
  /** Aborts when the call is cancelled, by its caller or by the manager. */
  readonly signal: AbortSignal;
}

export class Generation {
  readonly #call: DecodedCall;
  readonly #onFirst: () => void;
  #output: number[] = [];
  #interruption: AbortController | undefined;
  /** Set when it was interrupted: what the sequence held then. */
  #interrupted: Int32Array | undefined;

  constructor(call: DecodedCall, onFirst: () => void) {
    this.#call = call;
    this.#onFirst = onFirst;
  }

  get decoded(): number { return this.#output.length; }

  /** Decoded so far, over all pieces. */
  get output(): Int32Array { return Int32Array.from(this.#output); }

  /** Whether the engine decodes it now. */
  get running(): boolean { return this.#interruption !== undefined && this.#output.length > 0; }

  /** What a sequence must hold for the next piece, if there was one before. */
  get interrupted(): Int32Array | undefined { return this.#interrupted; }

  /** Between two tokens, soon. Does nothing unless it is `running`. */
  interrupt(): void {
    if (this.running) this.#interruption?.abort();
  }

  /**
   * Runs until the end, or until `interrupt`.
   * @param held leading tokens of prompt and output that the sequence holds
   * @returns undefined if it was interrupted
   */
  async run(engine: SequenceEngine, sequence: number, held: number): Promise<GenerateResult | undefined> {
    const { generate, maxTokens, signal } = this.#call;
    if (signal.aborted) return { length: held, output: Int32Array.from(this.#output), stop: 'cancelled' };
    const before = this.#output.length;
    const tokens = this.#tokens(before);
    const interruption = new AbortController();
    this.#interruption = interruption;
    const onAbort = (): void => { interruption.abort(); };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const result = await engine.generate(sequence, tokens.subarray(held), {
        ...generate,
        maxTokens: maxTokens - before,
        forced: generate.forced?.subarray(before),
        decodedBefore: before,
        signal: interruption.signal,
        onToken: (token) => {
          this.#output.push(token);
          if (this.#output.length === 1) this.#onFirst();
          generate.onToken(token);
        },
      });
      if (result.stop !== 'cancelled' || signal.aborted) return { ...result, output: Int32Array.from(this.#output) };
      this.#interrupted = this.#tokens(this.#output.length).subarray(0, result.length);
      return undefined;
    } finally {
      this.#interruption = undefined;
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** The prompt and the first so many tokens of the output. */
  #tokens(decoded: number): Int32Array {
    const { tokens } = this.#call;
    if (decoded === 0) return tokens;
    const all = new Int32Array(tokens.length + decoded);
    all.set(tokens);
    all.set(this.#output.slice(0, decoded), tokens.length);
    return all;
  }
}
