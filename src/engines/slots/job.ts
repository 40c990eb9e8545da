/** One call in a slot manager: waits, runs, and settles exactly once. */
import { EntresolError, type RequestId, type TenantId } from '../../core/index.ts';
import type { Generation } from './generation.ts';
import type { SlotJob, SlotResult } from './slot-manager.ts';

/** How far a call has come that has had a slot. */
export interface Progress {
  readonly dispatchedMs: number;
  readonly generation: Generation;
  reusedTokens: number;
  /** When the engine was given what is left of the prompt. */
  startedMs: number | undefined;
  prefilledMs: number | undefined;
  /** Whether or not its state could be put aside. */
  wasInterrupted: boolean;
  /** When its state was put aside last. */
  parkedMs: number | undefined;
}

export class Job {
  readonly input: SlotJob;
  readonly arrivedMs: number;
  /** Aborts when the caller's signal does or the manager cancels. */
  readonly abort = new AbortController();
  readonly notes: string[] = [];
  readonly settled: Promise<SlotResult>;
  /** Clipped to what the context leaves. */
  readonly maxTokens: number;
  /** Set once it has had a slot. */
  progress: Progress | undefined;
  #open = true;
  #resolve!: (result: SlotResult) => void;
  #reject!: (error: Error) => void;
  readonly #onAbort = (): void => { this.abort.abort(); };

  constructor(input: SlotJob, arrivedMs: number, maxTokens: number) {
    this.input = input;
    this.arrivedMs = arrivedMs;
    this.maxTokens = maxTokens;
    this.settled = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const signal = input.generate.signal;
    if (signal?.aborted === true) this.abort.abort();
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get id(): RequestId { return this.input.request.id; }
  get tenant(): TenantId { return this.input.request.by.tenant; }
  get tokens(): Int32Array { return this.input.tokens; }
  get open(): boolean { return this.#open; }
  get cancelled(): boolean { return this.abort.signal.aborted; }

  resolve(result: SlotResult): void {
    if (!this.#close()) return;
    this.#resolve(result);
  }

  reject(error: Error): void {
    if (!this.#close()) return;
    this.#reject(error);
  }

  rejectCancelled(): void {
    this.reject(new EntresolError('ENT_CANCELLED', `Request ${this.id} was cancelled while it waited.`));
  }

  #close(): boolean {
    if (!this.#open) return false;
    this.#open = false;
    this.input.generate.signal?.removeEventListener('abort', this.#onAbort);
    return true;
  }
}
