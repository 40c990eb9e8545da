/**
 * The clock of one side of a bench: it runs only in that side's slices. Clients think, engines wait and policies
 * learn on it, so that a side does not notice that it was stopped.
 */
import { EntresolError } from '../../core/index.ts';
import type { SleepingClock } from '../../engines/simulated/virtual-clock.ts';

interface Sleeper {
  readonly wakeAtMs: number;
  readonly wake: () => void;
}

/** `setTimeout` takes at most this many milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class SideClock implements SleepingClock {
  readonly #wallMs: () => number;
  readonly #sleepers = new Set<Sleeper>();
  #elapsedMs = 0;
  #startedAtMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param wallMs the running time behind it */
  constructor(wallMs: () => number = () => performance.now()) { this.#wallMs = wallMs; }

  get running(): boolean { return this.#startedAtMs !== undefined; }

  nowMs(): number {
    return this.#elapsedMs + (this.#startedAtMs === undefined ? 0 : this.#wallMs() - this.#startedAtMs);
  }

  start(): void {
    this.#startedAtMs ??= this.#wallMs();
    this.#setTimer();
  }

  stop(): void {
    if (this.#startedAtMs === undefined) return;
    this.#elapsedMs = this.nowMs();
    this.#startedAtMs = undefined;
    clearTimeout(this.#timer);
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancelled = (): EntresolError => new EntresolError('ENT_CANCELLED', 'The wait was aborted.', { cause: signal?.reason });
      if (signal?.aborted === true) { reject(cancelled()); return; }
      const onAbort = (): void => {
        this.#sleepers.delete(sleeper);
        reject(cancelled());
      };
      const sleeper: Sleeper = {
        wakeAtMs: this.nowMs() + durationMs,
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#sleepers.add(sleeper);
      this.#setTimer();
    });
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    if (!this.running || this.#sleepers.size === 0) return;
    let nextMs = Infinity;
    for (const sleeper of this.#sleepers) nextMs = Math.min(nextMs, sleeper.wakeAtMs);
    this.#timer = setTimeout(() => { this.#wakeDue(); }, Math.min(LONGEST_TIMER_MS, Math.max(0, nextMs - this.nowMs())));
  }

  #wakeDue(): void {
    const nowMs = this.nowMs();
    const due = [...this.#sleepers].filter((sleeper) => sleeper.wakeAtMs <= nowMs).sort((a, b) => a.wakeAtMs - b.wakeAtMs);
    for (const sleeper of due) {
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
    this.#setTimer();
  }
}
