import { EntresolError, type Event, type PolicyInstance } from '../core/index.ts';
import type { LogSink, Metrics } from '../telemetry/index.ts';
import type { PolicyLedger } from './policy-ledger.ts';
import type { RequestRecord } from './request-record.ts';
import type { Stopwatch } from './timers.ts';

export type Guarded<T> = { readonly ok: true; readonly value: T; readonly us: number } | { readonly ok: false; readonly fault: string; readonly us: number };

export interface GuardLimits {
  readonly budgetUs: number;
  readonly overrunTrips: number;
  readonly overrunWindow: number;
}

/** For logs: an error of ours with its code, its place and how to mend it. */
export function messageOf(error: unknown): string {
  return error instanceof EntresolError ? error.describe() : error instanceof Error ? error.message : String(error);
}

/**
 * Runs policies' code. A throw is caught, counted and shown. Time is measured after the call, for synchronous code
 * cannot be interrupted; a policy that keeps using most of a request's exceeded budget is put in shadow.
 */
export class Guard {
  readonly #stopwatch: Stopwatch;
  readonly #limits: GuardLimits;
  readonly #log: LogSink;
  readonly #metrics: Metrics;

  constructor(options: { readonly stopwatch: Stopwatch; readonly limits: GuardLimits; readonly log: LogSink; readonly metrics: Metrics }) {
    this.#stopwatch = options.stopwatch;
    this.#limits = options.limits;
    this.#log = options.log;
    this.#metrics = options.metrics;
  }

  /**
   * @param record the request whose budget this counts against; absent: the call stands alone
   * @param what which of the policy's functions, for the log
   */
  call<T>(ledger: PolicyLedger, record: RequestRecord | undefined, what: string, run: () => T): Guarded<T> {
    const startUs = this.#stopwatch();
    let result: { ok: true; value: T } | { ok: false; fault: string };
    try {
      result = { ok: true, value: this.#watched(ledger, what, run()) };
    } catch (error) {
      result = { ok: false, fault: this.fault(ledger, record, what, error) };
    }
    const us = Math.max(0, this.#stopwatch() - startUs);
    this.#spent(ledger, record, us);
    return { ...result, us };
  }

  #spent(ledger: PolicyLedger, record: RequestRecord | undefined, us: number): void {
    ledger.calls += 1;
    ledger.timeUs.record(us);
    if (record !== undefined) record.spend(ledger.name, us);
    else if (ledger.mode === 'on' && us > this.#limits.budgetUs) this.#overrun(ledger, us);
  }

  /** As the stopwatch of `call` shows: where several calls follow each other, the end of one is the beginning of the next. */
  now(): number { return this.#stopwatch(); }

  /** As `call`, for what is done many times per request. @param startUs by `now` @returns when it ended */
  tell(ledger: PolicyLedger, record: RequestRecord | undefined, instance: PolicyInstance, event: Event, startUs: number): number {
    try {
      const answer: unknown = instance.observe?.(event);
      if (answer !== undefined) this.#watched(ledger, `observe ${event.type}`, answer);
    } catch (error) {
      this.fault(ledger, record, `observe ${event.type}`, error);
    }
    const endUs = this.#stopwatch();
    this.#spent(ledger, record, Math.max(0, endUs - startUs));
    return endUs;
  }

  /** As `call`, without the time: for calls that are many and tiny (cache units). */
  bare<T>(ledger: PolicyLedger, what: string, run: () => T): T | undefined {
    try {
      return this.#watched(ledger, what, run());
    } catch (error) {
      this.fault(ledger, undefined, what, error);
      return undefined;
    }
  }

  /** Policies answer at once. One whose function is `async` all the same must not end the process by a rejection. */
  #watched<T>(ledger: PolicyLedger, what: string, value: T): T {
    if (value instanceof Promise) value.catch((error: unknown) => this.fault(ledger, undefined, what, error));
    return value;
  }

  /** Counts a fault; the first ones and then ever fewer are logged, so that a broken policy does not flood. */
  fault(ledger: PolicyLedger, record: RequestRecord | undefined, what: string, error: unknown): string {
    const message = messageOf(error);
    ledger.faults += 1;
    ledger.lastFault = `${what}: ${message}`;
    record?.fault(ledger.name, ledger.lastFault);
    this.#metrics.policyFault(ledger.name);
    if ((ledger.faults & (ledger.faults - 1)) === 0) {
      this.#log('error', `policy ${ledger.name} threw in ${what}; it is skipped for this request`, {
        policy: ledger.name, error: message, faults: ledger.faults, stack: error instanceof Error ? error.stack : undefined,
      });
    }
    return message;
  }

  /** At a request's end: whose time was it? Policies in shadow are out of the sum, for they have been dealt with. */
  settle(record: RequestRecord, ledgers: readonly PolicyLedger[]): void {
    let totalUs = 0;
    let mostUs = -1;
    let most: PolicyLedger | undefined;
    for (const ledger of ledgers) {
      const us = ledger.mode === 'on' ? record.policyUs.get(ledger.name) : undefined;
      if (us === undefined) continue;
      totalUs += us;
      if (us <= mostUs) continue;
      mostUs = us;
      most = ledger;
    }
    if (most === undefined) return;
    const exceeding = totalUs > this.#limits.budgetUs ? most : undefined;
    for (const ledger of ledgers) {
      if (ledger !== exceeding && ledger.mode === 'on' && record.policyUs.has(ledger.name)) ledger.settle(false);
    }
    if (exceeding === undefined) return;
    record.overrunBy = exceeding.name;
    this.#overrun(exceeding, totalUs);
  }

  #overrun(ledger: PolicyLedger, us: number): void {
    const recent = ledger.settle(true);
    this.#metrics.policyOverrun(ledger.name);
    if (recent < this.#limits.overrunTrips) return;
    const reason = `exceeded its time in ${recent} of the last ${this.#limits.overrunWindow} requests (budget ${this.#limits.budgetUs} µs for all policies)`;
    ledger.setMode('shadow', reason);
    this.#log('warn', `policy ${ledger.name} is now in shadow: it ${reason}`, { policy: ledger.name, lastUs: Math.round(us) });
  }
}
