/** A slot of the stand-in: what it holds, what a prompt reuses of it, and an answer that depends on all of it. */
const VOCABULARY = 50_000;

/** A word is a token, the same for the same word. */
export function tokensOf(text: string): Int32Array {
  return Int32Array.from(text.split(/\s+/).filter((word) => word !== '').map((word) => {
    let hash = 7;
    for (let at = 0; at < word.length; at++) hash = (Math.imul(hash, 31) + word.charCodeAt(at)) >>> 0;
    return hash % VOCABULARY;
  }));
}

export interface SlotRun {
  readonly pieces: readonly string[];
  readonly timings: { readonly cache_n: number; readonly prompt_n: number; readonly prompt_ms: number; readonly predicted_n: number; readonly predicted_ms: number };
}

export class StandInSlot {
  tokens: Int32Array<ArrayBuffer> = new Int32Array(0);
  processing = false;
  decoded = 0;
  #task: number | undefined;
  #waiting: (() => void)[] = [];
  #promptTokens = 0;

  /** Whoever comes while it is taken is deferred, first come first served. */
  async take(): Promise<void> {
    if (this.processing) await new Promise<void>((resolve) => { this.#waiting.push(resolve); });
    this.processing = true;
  }

  give(): void {
    this.processing = false;
    this.#waiting.shift()?.();
  }

  run(prompt: Int32Array, { task, reuses, output, weights }: { task: number; reuses: boolean; output: number; weights: number }): SlotRun {
    let common = 0;
    while (reuses && common < Math.min(this.tokens.length, prompt.length) && this.tokens[common] === prompt[common]) common++;
    // The last token of a prompt is always computed.
    const cached = Math.min(common, prompt.length - 1);
    // What it goes on from is what it holds, right or wrong.
    const held = new Int32Array(prompt.length);
    held.set(this.tokens.subarray(0, cached));
    held.set(prompt.subarray(cached), cached);
    const decoded = decode(held, output, weights);
    this.#task = task;
    this.#promptTokens = prompt.length;
    this.decoded = 0;
    this.tokens = Int32Array.from([...held, ...decoded.slice(0, -1)]);
    return {
      pieces: decoded.map((token) => `w${token} `),
      timings: { cache_n: cached, prompt_n: prompt.length - cached, prompt_ms: 0.5 * (prompt.length - cached), predicted_n: decoded.length, predicted_ms: decoded.length },
    };
  }

  /** The client left: what was decoded is not kept. */
  cut(): void {
    this.tokens = this.tokens.slice(0, this.#promptTokens);
  }

  shown(id: number, contextTokens: number): Record<string, unknown> {
    const base = { id, n_ctx: contextTokens, speculative: false, is_processing: this.processing };
    return this.#task === undefined ? base : { ...base, id_task: this.#task, n_prompt_tokens: this.tokens.length, params: {}, next_token: [{ has_next_token: this.processing, n_decoded: this.decoded }] };
  }
}

function decode(held: Int32Array, count: number, weights: number): number[] {
  let hash = weights >>> 0;
  for (const token of held) hash = (Math.imul(hash, 0x01000193) ^ token) >>> 0;
  return Array.from({ length: count }, () => {
    hash = (Math.imul(hash, 0x85ebca6b) + 1) >>> 0;
    return hash % VOCABULARY;
  });
}
