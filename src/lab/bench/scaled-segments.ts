/**
 * Traces hold hashes and lengths, no text. A segment becomes a run of token ids that is a function of its hash; its
 * length is scaled by one constant, rounded up or down as its hash says. So equal segments stay equal, what shared a
 * prefix shares it still, and lengths are right on average.
 */
import type { Segment } from '../trace/trace-line.ts';

/** Ordinary tokens of any vocabulary: above control marks and single bytes, below the smallest vocabulary's end. */
const LOWEST_TOKEN = 300;
const TOKEN_RANGE = 1_000;
/** Scaled segments are kept, so that shared ones are made once; this bounds their tokens. */
const KEPT_TOKENS = 4_000_000;

/** FNV-1a with a final mix (MurmurHash3). */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

export class ScaledSegments {
  readonly #scale: number;
  readonly #made = new Map<string, Int32Array>();
  #keptTokens = 0;

  constructor(scale: number) { this.#scale = scale; }

  /** The tokens of these segments one after another. */
  tokens(segments: readonly Segment[]): Int32Array {
    const runs = segments.map((segment) => this.#run(segment));
    const all = new Int32Array(runs.reduce((sum, run) => sum + run.length, 0));
    let at = 0;
    for (const run of runs) {
      all.set(run, at);
      at += run.length;
    }
    return all;
  }

  #run([hash, length]: Segment): Int32Array {
    const key = `${hash}:${length}`;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const seed = hash32(key);
    const run = new Int32Array(Math.floor(length * this.#scale + seed / 2 ** 32));
    let state = seed | 1;
    for (let index = 0; index < run.length; index++) {
      // xorshift32 (Marsaglia 2003)
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      run[index] = LOWEST_TOKEN + ((state >>> 0) % TOKEN_RANGE);
    }
    if (this.#keptTokens + run.length <= KEPT_TOKENS) {
      this.#keptTokens += run.length;
      this.#made.set(key, run);
    }
    return run;
  }
}
