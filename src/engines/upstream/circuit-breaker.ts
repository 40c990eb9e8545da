/**
 * Stops asking an upstream that does not answer. Closed: calls go. After `failures` in a row it opens: calls are
 * refused at once, for a time that doubles with each failed trial. Then one call at a time goes as a trial (half open);
 * its success closes, its failure opens again. Pure: time is an argument.
 */
export interface BreakerSettings {
  /** In a row. */
  readonly failures: number;
  readonly openMs: number;
  readonly maximumOpenMs: number;
}

export const DEFAULT_BREAKER: BreakerSettings = { failures: 5, openMs: 1000, maximumOpenMs: 30_000 };

export type BreakerState = 'closed' | 'open' | 'half-open';
/** What became of a call: `unknown` for one that the client gave up. */
export type Verdict = 'answered' | 'failed' | 'unknown';
/** One call that may go; it is settled once. */
export type Permit = (verdict: Verdict, nowMs: number) => void;

export class CircuitBreaker {
  readonly #settings: BreakerSettings;
  #failures = 0;
  #openings = 0;
  #openUntilMs: number | undefined;
  #trialRuns = false;

  constructor(settings: BreakerSettings = DEFAULT_BREAKER) {
    this.#settings = settings;
  }

  state(nowMs: number): BreakerState {
    if (this.#openUntilMs === undefined) return 'closed';
    return nowMs < this.#openUntilMs ? 'open' : 'half-open';
  }

  /** Whether a call would go. */
  ready(nowMs: number): boolean {
    const state = this.state(nowMs);
    return state === 'closed' || (state === 'half-open' && !this.#trialRuns);
  }

  /** How long a refused call should wait. */
  retryAfterMs(nowMs: number): number {
    return Math.max(this.#settings.openMs / 10, (this.#openUntilMs ?? nowMs) - nowMs);
  }

  /** Undefined: refused. */
  admit(nowMs: number): Permit | undefined {
    if (!this.ready(nowMs)) return undefined;
    const trial = this.state(nowMs) === 'half-open';
    if (trial) this.#trialRuns = true;
    let settled = false;
    return (verdict, atMs) => {
      if (settled) return;
      settled = true;
      if (trial) this.#trialRuns = false;
      if (verdict === 'answered') this.close();
      else if (verdict === 'failed') this.#fail(trial, atMs);
    };
  }

  /** The upstream has been seen to answer. */
  close(): void {
    this.#failures = 0;
    this.#openings = 0;
    this.#openUntilMs = undefined;
  }

  #fail(trial: boolean, nowMs: number): void {
    this.#failures += 1;
    // Calls that were under way when it opened fail late and tell nothing new.
    if (!trial && (this.#openUntilMs !== undefined || this.#failures < this.#settings.failures)) return;
    const openMs = Math.min(this.#settings.maximumOpenMs, this.#settings.openMs * 2 ** Math.min(30, this.#openings));
    this.#openings += 1;
    this.#openUntilMs = nowMs + openMs;
  }
}
