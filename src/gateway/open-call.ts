/** One request of a client from its first byte to the close of its answer: who waits for it, what memory it holds, since when. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CallSignal, Clock, EntresolError } from '../core/index.ts';
import type { MemoryBudget } from './memory-budget.ts';

/** Aborts when the client's connection closes before its answer is whole, or the call has taken too long. */
export class OpenCall implements CallSignal {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly startedAtMs: number;
  /** The client has not read since then, and something waits to be written. */
  stalledSinceMs: number | undefined;
  aborted = false;
  /** Why, where it was not the client's leaving. */
  reason: EntresolError | undefined;
  readonly #clock: Clock;
  readonly #memory: MemoryBudget;
  #listeners: (() => void)[] | undefined;
  #heldBytes = 0;
  #closed = false;

  constructor(request: IncomingMessage, response: ServerResponse, clock: Clock, memory: MemoryBudget) {
    this.#clock = clock;
    this.request = request;
    this.response = response;
    this.startedAtMs = clock.nowMs();
    this.#memory = memory;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    if (this.#listeners === undefined) this.#listeners = [listener];
    else this.#listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const index = this.#listeners?.indexOf(listener) ?? -1;
    if (index >= 0) this.#listeners?.splice(index, 1);
  }

  abort(reason?: EntresolError): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    const listeners = this.#listeners ?? [];
    this.#listeners = undefined;
    for (const listener of listeners) listener();
  }

  /** Something waits to be written and the client does not read. */
  stalls(): void { this.stalledSinceMs ??= this.#clock.nowMs(); }

  /** Takes memory until the answer is closed; false: there is none left. */
  hold(bytes: number): boolean {
    if (this.#closed || !this.#memory.take(bytes)) return false;
    this.#heldBytes += bytes;
    return true;
  }

  /** The answer is closed, whole or not. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#memory.give(this.#heldBytes);
    this.#heldBytes = 0;
    if (!this.response.writableFinished) this.abort();
    this.#listeners = undefined;
  }
}
