import { EntresolError, type AdmissionVerdict, type CallSignal, type Clock, type RequestView } from '../core/index.ts';
import type { Cancel, Timers } from './timers.ts';

export type AdmissionAnswer = Exclude<AdmissionVerdict, { kind: 'hold' }>;

interface Held {
  readonly request: RequestView;
  readonly giveUpAtMs: number;
  answer(verdict: AdmissionAnswer): void;
  fail(error: EntresolError): void;
  cancelTimer: Cancel;
}

export interface HoldOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly maximum: number;
  readonly maximumHoldMs: number;
  /** @param again it was held before */
  ask(request: RequestView, again: boolean): AdmissionVerdict;
  order(waiting: readonly RequestView[]): readonly number[] | undefined;
  count(held: number): void;
}

/** Requests that admission holds: asked again when their time comes or when anything ends, in the order in force. Bounded. */
export class Holds {
  readonly #held = new Set<Held>();
  readonly #options: HoldOptions;

  constructor(options: HoldOptions) {
    this.#options = options;
  }

  get size(): number { return this.#held.size; }

  /** A promise where the request is held. @throws EntresolError `ENT_CANCELLED` when `signal` aborts, `ENT_DRAINING` when the runtime closes */
  admit(request: RequestView, signal?: CallSignal): AdmissionAnswer | Promise<AdmissionAnswer> {
    const { clock, maximum, maximumHoldMs } = this.#options;
    if (signal?.aborted === true) throw new EntresolError('ENT_CANCELLED', 'the client went away before admission.');
    const verdict = this.#options.ask(request, false);
    if (verdict.kind !== 'hold') return verdict;
    if (this.#held.size >= maximum) return { kind: 'reject', code: 'ENT_OVERLOADED', why: `${maximum} requests are held already` };
    return new Promise((resolve, reject) => {
      const held: Held = {
        request, giveUpAtMs: clock.nowMs() + maximumHoldMs, cancelTimer: () => {},
        answer: (answer) => { this.#release(held, signal, abort); resolve(answer); },
        fail: (error) => { this.#release(held, signal, abort); reject(error); },
      };
      const abort = (): void => held.fail(new EntresolError('ENT_CANCELLED', 'the client went away while its request was held.'));
      signal?.addEventListener('abort', abort, { once: true });
      this.#held.add(held);
      this.#options.count(this.#held.size);
      this.#askAgainAt(held, verdict.untilMs);
    });
  }

  #release(held: Held, signal: CallSignal | undefined, abort: () => void): void {
    held.cancelTimer();
    signal?.removeEventListener('abort', abort);
    this.#held.delete(held);
    this.#options.count(this.#held.size);
  }

  #askAgainAt(held: Held, untilMs: number): void {
    const { clock, timers } = this.#options;
    held.cancelTimer();
    // At least a millisecond, so that a policy that answers "until now" for ever does not take the process.
    const delayMs = Math.max(1, Math.min(untilMs, held.giveUpAtMs) - clock.nowMs());
    held.cancelTimer = timers.after(delayMs, () => this.#ask(held));
  }

  #ask(held: Held): void {
    if (!this.#held.has(held)) return;
    const { clock, maximumHoldMs } = this.#options;
    const verdict = this.#options.ask(held.request, true);
    if (verdict.kind !== 'hold') held.answer(verdict);
    else if (clock.nowMs() >= held.giveUpAtMs) held.answer({ kind: 'reject', code: 'ENT_OVERLOADED', why: `held for ${maximumHoldMs / 1000} s without being admitted` });
    else this.#askAgainAt(held, verdict.untilMs);
  }

  /** Something has ended: everyone is asked again. */
  wake(): void {
    if (this.#held.size === 0) return;
    const waiting = [...this.#held];
    const order = waiting.length > 1 ? this.#options.order(waiting.map((held) => held.request)) : undefined;
    for (const held of order === undefined ? waiting : order.map((index) => waiting[index])) this.#ask(held);
  }

  close(): void {
    for (const held of this.#held) held.fail(new EntresolError('ENT_DRAINING', 'the server is shutting down.'));
  }
}
