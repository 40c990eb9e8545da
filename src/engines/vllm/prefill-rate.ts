/** How long an engine takes over a token of a prompt, by the calls that it has served. */

/** Of a prompt so short the rest of a step is most. */
const LEAST_TOKENS = 64;
/** Such calls before what they say is believed. */
const LEAST_CALLS = 8;
const MEMORY = 0.95;

export class PrefillRate {
  #tokens = 0;
  #ms = 0;
  #calls = 0;

  /**
   * @param computedTokens of the prompt, not found in the cache
   * @param prefillMs without time in a queue
   */
  learn(computedTokens: number, prefillMs: number): void {
    if (computedTokens < LEAST_TOKENS || !(prefillMs > 0)) return;
    this.#tokens = this.#tokens * MEMORY + computedTokens;
    this.#ms = this.#ms * MEMORY + prefillMs;
    this.#calls += 1;
  }

  /** Undefined until enough calls have told. */
  get msPerToken(): number | undefined { return this.#calls < LEAST_CALLS ? undefined : this.#ms / this.#tokens; }
}
