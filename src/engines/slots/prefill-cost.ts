/**
 * What prefill costs on this engine: ms = a + b·n + c·n·(p + n/2) for n tokens after p others, fitted to the calls as
 * they run by recursive least squares with forgetting (Haykin, Adaptive Filter Theory, ch. 10), from a prior that
 * holds until something was measured. Restores: ms per token, exponentially averaged.
 */
const FORGETTING = 0.98;
/** Features are scaled to about 1 at a thousand tokens, so that one step size serves all three. */
const SCALE = [1, 1e-3, 1e-6] as const;
const PRIOR = [1, 330, 200] as const;
/** How little the prior is trusted. */
const PRIOR_VARIANCE = 10;
/** Beyond it old evidence is not discounted further: without new evidence in a direction the filter would wind up. */
const MAXIMUM_VARIANCE = 1e4;

export class PrefillCost {
  readonly #weights = Float64Array.from(PRIOR);
  readonly #variance = Float64Array.from([PRIOR_VARIANCE, 0, 0, 0, PRIOR_VARIANCE, 0, 0, 0, PRIOR_VARIANCE]);
  #restoreMsPerToken = 0.002;

  observePrefill(tokens: number, position: number, ms: number): void {
    if (tokens <= 0 || !Number.isFinite(ms) || ms < 0) return;
    const x = features(tokens, position);
    // Weighted by size: errors grow with the work.
    const noise = 1 + (tokens / 256) ** 2;
    const p = this.#variance;
    const px = [0, 1, 2].map((row) => p[3 * row] * x[0] + p[3 * row + 1] * x[1] + p[3 * row + 2] * x[2]);
    const gain = px.map((value) => value / (FORGETTING * noise + x[0] * px[0] + x[1] * px[1] + x[2] * px[2]));
    const error = ms - this.#raw(x);
    for (let row = 0; row < 3; row++) {
      this.#weights[row] += gain[row] * error;
      for (let column = 0; column < 3; column++) {
        p[3 * row + column] = Math.min(MAXIMUM_VARIANCE, (p[3 * row + column] - gain[row] * px[column]) / FORGETTING);
      }
    }
  }

  observeRestore(tokens: number, ms: number): void {
    if (tokens > 0) this.#restoreMsPerToken += 0.1 * (ms / tokens - this.#restoreMsPerToken);
  }

  /** Of a whole prefill of `tokens` after `position` others. */
  prefillMs(tokens: number, position: number): number {
    return tokens <= 0 ? 0 : Math.max(0, this.#raw(features(tokens, position)));
  }

  /** Of `tokens` more in a prefill that runs anyway: without the fixed part. At least a microsecond per token. */
  marginalMs(tokens: number, position: number): number {
    return Math.max(tokens * 1e-3, this.#raw(features(tokens, position)) - this.#weights[0]);
  }

  restoreMs(tokens: number): number {
    return this.#restoreMsPerToken * tokens;
  }

  #raw(x: readonly number[]): number {
    return this.#weights[0] * x[0] + this.#weights[1] * x[1] + this.#weights[2] * x[2];
  }
}

function features(tokens: number, position: number): readonly [number, number, number] {
  return [SCALE[0], tokens * SCALE[1], tokens * (position + tokens / 2) * SCALE[2]];
}
