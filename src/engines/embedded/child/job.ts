import type { GenerateReply, GenerateWork } from '../protocol.ts';
import type { NextTokenOptions } from './llama-library.ts';

/** Mixes the seed with the place of the token, so that a draw depends on nothing else. */
function drawSeed(seed: number, place: number): number {
  let mixed = Math.imul(seed ^ Math.imul(place + 1, 0x9e3779b1), 0x85ebca6b);
  mixed ^= mixed >>> 13;
  return mixed >>> 0;
}

/** Work on one sequence: tokens to evaluate, then tokens to decode one by one. */
export class Job {
  readonly id: number;
  readonly sequence: number;
  readonly #pending: number[];
  readonly #work: GenerateWork | undefined;
  readonly #isEnd: (token: number) => boolean;
  readonly #output: number[] = [];
  readonly #logitGaps: number[] = [];
  #next = 0;
  cancelled = false;
  stop: 'stop' | 'length' | 'cancelled' | undefined;

  /** Without `work` nothing is decoded. */
  constructor(id: number, sequence: number, tokens: Int32Array, work: GenerateWork | undefined, isEnd: (token: number) => boolean) {
    this.id = id;
    this.sequence = sequence;
    this.#pending = Array.from(tokens);
    this.#work = work;
    this.#isEnd = isEnd;
  }

  get remaining(): number { return this.#pending.length - this.#next; }

  /** Takes the next `count` tokens to be evaluated; `decodes` if the next token is to be chosen after the last of them. */
  take(count: number): { tokens: number[]; decodes: boolean } {
    const tokens = this.#pending.slice(this.#next, this.#next + count);
    this.#next += tokens.length;
    return { tokens, decodes: this.remaining === 0 && this.#work !== undefined };
  }

  choice(recordTopLogits: boolean): NextTokenOptions {
    const work = this.#work;
    if (work === undefined) return {};
    // What the model would have drawn counts for nothing where the token is given: the cheapest draw does.
    const temperature = work.forced === undefined ? work.temperature : 0;
    return {
      generateNext: {
        token: true,
        ...(recordTopLogits ? { logits: { filter: { includeTop: 2 } } } : {}),
        options: { temperature, topK: temperature === 0 ? 1 : 0, topP: work.topP, minP: 0, seed: drawSeed(work.seed, work.decodedBefore + this.#output.length) },
      },
    };
  }

  /**
   * Takes the token that the model has chosen and answers with the one that counts (a forced one if there is any).
   * @param room tokens that the sequence can still hold
   */
  accept(chosen: number, room: number, logits: ReadonlyMap<number, number> | undefined): number {
    const work = this.#work as GenerateWork;
    const place = this.#output.length;
    const token = work.forced === undefined ? chosen : work.forced[place];
    this.#output.push(token);
    if (logits !== undefined) {
      const [best = 0, second = 0] = [...logits.values()].sort((a, b) => b - a);
      this.#logitGaps.push(best - second);
    }
    const finished = work.forced === undefined ? work.stopTokens.includes(token) || this.#isEnd(token) : this.#output.length === work.forced.length;
    if (finished) this.stop = 'stop';
    else if (this.#output.length >= work.maxTokens || room < 1) this.stop = 'length';
    else this.#pending.push(token);
    return token;
  }

  reply(length: number): GenerateReply {
    return {
      length,
      output: Int32Array.from(this.#output),
      stop: this.stop ?? 'cancelled',
      ...(this.#logitGaps.length === 0 ? {} : { logitGaps: Float64Array.from(this.#logitGaps) }),
    };
  }
}
