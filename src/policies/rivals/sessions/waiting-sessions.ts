import type { SessionId } from '../../../core/index.ts';

/** A session that has not called for longer than this, and than twice the longest pause seen, is taken to have ended. */
const LEAST_SILENCE_MS = 20_000;
const CAPACITY = 4096;

interface Waiting<What> {
  readonly what: What;
  readonly sinceMs: number;
}

/** Sessions whose last call has ended: each comes back after a pause, or is taken to have ended. Bounded. */
export class WaitingSessions<What> {
  /** In the order of their last ends. */
  readonly #waiting = new Map<SessionId, Waiting<What>>();
  #longestMs = 0;

  /** @returns one that had to make room, as if it had ended */
  add(id: SessionId, what: What, nowMs: number): What | undefined {
    this.#waiting.delete(id);
    this.#waiting.set(id, { what, sinceMs: nowMs });
    if (this.#waiting.size <= CAPACITY) return undefined;
    const [[oldest, { what: given }]] = this.#waiting;
    this.#waiting.delete(oldest);
    return given;
  }

  /** The session calls again: what it waited with, and how long; undefined if it did not wait. */
  take(id: SessionId, nowMs: number): { readonly what: What; readonly pauseMs: number } | undefined {
    const found = this.#waiting.get(id);
    if (found === undefined) return undefined;
    this.#waiting.delete(id);
    const pauseMs = nowMs - found.sinceMs;
    if (pauseMs > this.#longestMs) this.#longestMs = pauseMs;
    return { what: found.what, pauseMs };
  }

  /** The next that has been silent for too long, taken out. */
  nextEnded(nowMs: number): What | undefined {
    for (const [id, { what, sinceMs }] of this.#waiting) {
      if (nowMs - sinceMs <= Math.max(LEAST_SILENCE_MS, 2 * this.#longestMs)) return undefined;
      this.#waiting.delete(id);
      return what;
    }
    return undefined;
  }

  get bytes(): number { return this.#waiting.size * 64; }
}
