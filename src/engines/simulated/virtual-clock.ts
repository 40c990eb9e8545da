/**
 * Time that passes only when nothing is left to do: simulations of hours run in seconds and always the same way.
 * Events fire in time order, equal times in the order of their scheduling; after each event every promise reaction
 * that it set off runs before the next event is taken.
 */
import { EntresolError, type Clock } from '../../core/index.ts';

/** A clock that one can wait on; a live one sleeps on timers, the virtual one on its event heap. */
export interface SleepingClock extends Clock {
  /**
   * Resolves `durationMs` later (at once in the next turn for 0 or less).
   * @throws EntresolError `ENT_CANCELLED` when the signal aborts first
   */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

interface ScheduledEvent {
  readonly atMs: number;
  readonly serial: number;
  /** Undefined once it was cancelled. */
  action: (() => void) | undefined;
}

const isBefore = (a: ScheduledEvent, b: ScheduledEvent): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.serial < b.serial);

export class VirtualClock implements SleepingClock {
  #nowMs: number;
  #serial = 0;
  readonly #heap: ScheduledEvent[] = [];

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  /** Calls `action` at `atMs` (now, if that has passed). Returns a function that cancels it. */
  schedule(atMs: number, action: () => void): () => void {
    if (Number.isNaN(atMs)) throw new RangeError('schedule: atMs is NaN');
    const event: ScheduledEvent = { atMs: Math.max(atMs, this.#nowMs), serial: this.#serial++, action };
    this.#push(event);
    return () => { event.action = undefined; };
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (): void => reject(new EntresolError('ENT_CANCELLED', 'The wait was aborted.', { cause: signal?.reason }));
      if (signal?.aborted === true) { fail(); return; }
      const onAbort = (): void => { cancel(); fail(); };
      const cancel = this.schedule(this.#nowMs + durationMs, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Runs until no event is left, or none at or before `untilMs`; then the time is `untilMs` if it is finite. */
  async run(untilMs = Infinity): Promise<void> {
    await settle();
    while (this.#heap.length > 0 && this.#heap[0].atMs <= untilMs) await this.#fire();
    if (Number.isFinite(untilMs)) this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /**
   * Runs until the promise settles and returns its value.
   * @throws EntresolError `ENT_INTERNAL` if no event is left and it is still pending: something waits for what never comes
   */
  async runUntil<Value>(promise: Promise<Value>): Promise<Value> {
    const state = { settled: false };
    const done = (): void => { state.settled = true; };
    promise.then(done, done);
    await settle();
    while (!state.settled) {
      if (this.#heap.length === 0) throw new EntresolError('ENT_INTERNAL', 'The simulation has no event left, but what it waits for has not come.');
      await this.#fire();
    }
    return promise;
  }

  async #fire(): Promise<void> {
    const event = this.#pop();
    if (event.action === undefined) return;
    this.#nowMs = event.atMs;
    event.action();
    await settle();
  }

  #push(event: ScheduledEvent): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(heap[parent], event)) break;
      heap[index] = heap[parent];
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): ScheduledEvent {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop() as ScheduledEvent;
    if (heap.length === 0) return top;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (isBefore(last, heap[child])) break;
      heap[index] = heap[child];
      index = child;
    }
    heap[index] = last;
    return top;
  }
}

/** One turn of the event loop: all promise reactions that are due have run after it, however long their chains. */
function settle(): Promise<void> {
  return new Promise((resolve) => { setImmediate(resolve); });
}
