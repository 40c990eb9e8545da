/**
 * For tests: stands before a `TokenEngine` and writes down how the content of every sequence came about, batch by
 * batch, through trims, saves and loads. An oracle then evaluates the same batches from nothing and must decode the
 * same tokens.
 */
import type { LlamaTokenEngine } from '../llama-token-engine.ts';
import type { GenerateOptions, GenerateResult, SavedState, TokenEngine } from '../../slots/token-engine.ts';

/** Tokens evaluated together, of which the first `kept` are still there. */
interface Batch {
  readonly tokens: Int32Array;
  readonly kept: number;
}
type Origin = readonly Batch[];

/** One answer and where it came from. */
export interface Testimony {
  readonly origin: Origin;
  readonly tokens: Int32Array;
  readonly forced: Int32Array | undefined;
  readonly result: GenerateResult;
}

export interface Disagreement {
  readonly testimony: Testimony;
  /** First token that differs. */
  readonly place: number;
  /** How far apart the two best logits were there, on either engine: the larger. */
  readonly logitGap: number;
}

function lengthOf(origin: Origin): number {
  return origin.reduce((sum, batch) => sum + batch.kept, 0);
}

function trimmed(origin: Origin, length: number): Origin {
  const kept: Batch[] = [];
  let left = length;
  for (const batch of origin) {
    if (left <= 0) break;
    kept.push({ tokens: batch.tokens, kept: Math.min(batch.kept, left) });
    left -= batch.kept;
  }
  return kept;
}

export class Witness implements TokenEngine {
  readonly sequences: number;
  readonly contextTokens: number;
  readonly bytesPerToken: number;
  readonly testimonies: Testimony[] = [];
  readonly #engine: LlamaTokenEngine;
  readonly #chunkTokens: number;
  readonly #origins: Origin[];
  readonly #saved = new Map<number, Origin>();

  constructor(engine: LlamaTokenEngine, chunkTokens: number) {
    this.sequences = engine.sequences;
    this.contextTokens = engine.contextTokens;
    this.bytesPerToken = engine.bytesPerToken;
    this.#engine = engine;
    this.#chunkTokens = chunkTokens;
    this.#origins = Array.from({ length: engine.sequences }, () => []);
  }

  get storedTokens(): number { return this.#engine.storedTokens; }

  length(sequence: number): number { return lengthOf(this.#origins[sequence]); }

  async generate(sequence: number, tokens: Int32Array, options: GenerateOptions): Promise<GenerateResult> {
    const origin = this.#origins[sequence];
    const result = await this.#engine.generate(sequence, tokens, options);
    const evaluated = result.length - lengthOf(origin);
    this.#origins[sequence] = [...origin, ...this.#batches(tokens, evaluated), ...Array.from(result.output.subarray(0, Math.max(0, evaluated - tokens.length)), (token) => ({ tokens: Int32Array.of(token), kept: 1 }))];
    this.testimonies.push({ origin, tokens, forced: options.forced, result });
    return result;
  }

  async prefill(sequence: number, tokens: Int32Array, signal?: AbortSignal): Promise<void> {
    await this.#engine.prefill(sequence, tokens, signal);
    this.#origins[sequence] = [...this.#origins[sequence], ...this.#batches(tokens, tokens.length)];
  }

  async trim(sequence: number, length: number): Promise<void> {
    await this.#engine.trim(sequence, length);
    this.#origins[sequence] = trimmed(this.#origins[sequence], length);
  }

  async save(sequence: number, domain?: string): Promise<SavedState> {
    const state = await this.#engine.save(sequence, domain);
    this.#saved.set(state.id, this.#origins[sequence]);
    return state;
  }

  async load(sequence: number, state: SavedState): Promise<void> {
    await this.#engine.load(sequence, state);
    this.#origins[sequence] = this.#saved.get(state.id) ?? [];
  }

  async drop(state: SavedState): Promise<void> {
    this.#saved.delete(state.id);
    await this.#engine.drop(state);
  }

  async pause(): Promise<void> { await this.#engine.pause(); }
  resume(): void { this.#engine.resume(); }
  async cpuMs(): Promise<number> { return this.#engine.cpuMs(); }
  async close(): Promise<void> { await this.#engine.close(); }

  /** What the sequence held before an answer, and what was given: its whole prompt. */
  static prompt(testimony: Testimony): Int32Array {
    return Int32Array.from([...testimony.origin.flatMap((batch) => Array.from(batch.tokens.subarray(0, batch.kept))), ...testimony.tokens]);
  }

  /** Batches as the engine makes them up, of which `evaluated` tokens were reached. */
  #batches(tokens: Int32Array, evaluated: number): Batch[] {
    const batches: Batch[] = [];
    for (let start = 0; start < Math.min(tokens.length, evaluated); start += this.#chunkTokens) {
      const piece = tokens.subarray(start, start + this.#chunkTokens);
      batches.push({ tokens: piece, kept: piece.length });
    }
    return batches;
  }
}

/** Decodes the answer again on an engine that holds nothing; undefined if every token is the same. */
export async function examine(oracle: LlamaTokenEngine, engine: LlamaTokenEngine, testimony: Testimony): Promise<Disagreement | undefined> {
  const { origin, tokens, forced, result } = testimony;
  if (result.output.length === 0) return undefined;
  await oracle.trim(0, 0);
  let length = 0;
  for (const batch of origin) {
    await oracle.prefill(0, batch.tokens);
    length += batch.kept;
    if (batch.kept < batch.tokens.length) await oracle.trim(0, length);
  }
  const again = await oracle.generate(0, tokens, { maxTokens: result.output.length, temperature: 0, forced, onToken: () => undefined });
  const place = result.output.findIndex((token, index) => token !== again.output[index]);
  if (place < 0) return undefined;
  return { testimony, place, logitGap: Math.max(engine.logitGaps.get(result)?.[place] ?? Infinity, oracle.logitGaps.get(again)?.[place] ?? Infinity) };
}
