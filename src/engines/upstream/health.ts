/** Whether an upstream should get calls: what calls found, what its `Retry-After` asked for, what looking at it shows. */
import type { Clock } from '../../core/index.ts';
import { CircuitBreaker, type BreakerSettings, type BreakerState, type Permit } from './circuit-breaker.ts';

export interface HealthOptions {
  readonly clock: Clock;
  readonly breaker: BreakerSettings;
  /** How often an upstream that is down is looked at. */
  readonly retryMs: number;
  /** How often one that is up is; absent: never, calls tell. */
  readonly checkMs?: number;
  /** Checks in a row that must fail before it counts as down. */
  readonly checkFailures: number;
  /** Resolves to whether it answers; never rejects. */
  look(): Promise<boolean>;
  changed(healthy: boolean, why: string): void;
}

/** A `Retry-After` beyond this is not believed: one wrong answer shall not idle a replica for hours. */
const LONGEST_REST_MS = 60_000;

export class UpstreamHealth {
  readonly #options: HealthOptions;
  readonly #breaker: CircuitBreaker;
  #reachable = true;
  #restUntilMs = -Infinity;
  #failedChecks = 0;
  #told = true;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#breaker = new CircuitBreaker(options.breaker);
  }

  /** Begins to look at it, where it is to be looked at. */
  start(): void { this.#schedule(); }

  /** Others are to be preferred while it is not. */
  get healthy(): boolean {
    const nowMs = this.#options.clock.nowMs();
    return this.#reachable && nowMs >= this.#restUntilMs && this.#breaker.ready(nowMs);
  }

  get breaker(): BreakerState { return this.#breaker.state(this.#options.clock.nowMs()); }

  /** Undefined: the breaker is open, and the call must not go. */
  admit(): Permit | undefined { return this.#breaker.admit(this.#options.clock.nowMs()); }
  get retryAfterMs(): number { return this.#breaker.retryAfterMs(this.#options.clock.nowMs()); }

  /** A call could not connect, or got through. */
  reached(reachable: boolean): void {
    if (this.#stopped) return;
    if (reachable) this.#failedChecks = 0;
    if (reachable !== this.#reachable) {
      this.#reachable = reachable;
      this.#schedule();
    }
    this.#tell(reachable ? 'it answers' : 'it cannot be reached');
  }

  /** It asked to be left alone. */
  rest(retryAfterMs: number): void {
    this.#restUntilMs = Math.max(this.#restUntilMs, this.#options.clock.nowMs() + Math.min(retryAfterMs, LONGEST_REST_MS));
  }

  settle(permit: Permit, verdict: Parameters<Permit>[0]): void {
    permit(verdict, this.#options.clock.nowMs());
    this.#tell(verdict === 'failed' ? 'calls to it fail' : 'it answers');
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #tell(why: string): void {
    const up = this.#reachable && this.breaker !== 'open';
    if (up === this.#told || this.#stopped) return;
    this.#told = up;
    this.#options.changed(up, why);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const delayMs = this.#reachable ? this.#options.checkMs : this.#options.retryMs;
    if (this.#stopped || delayMs === undefined) return;
    this.#timer = setTimeout(() => {
      void this.#options.look().then((answers) => this.#looked(answers));
    }, delayMs).unref();
  }

  #looked(answers: boolean): void {
    if (this.#stopped) return;
    if (answers) {
      this.#breaker.close();
      this.#reachable = true;
      this.#failedChecks = 0;
    } else {
      this.#failedChecks += 1;
      if (this.#failedChecks >= this.#options.checkFailures) this.#reachable = false;
    }
    this.#tell(answers ? 'it answers its check' : 'it fails its checks');
    this.#schedule();
  }
}
