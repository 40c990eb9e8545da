/** Replays of one trace, by contender and capacity: the rows of the document of `entresol replay`. */
import type { Trace } from '../trace/index.ts';
import { findNextUses, type NextUses } from './bounds/next-uses.ts';
import { capacityAt, workingSetBlocks } from './capacity.ts';
import type { Contender } from './contender.ts';
import type { PrefillCostModel } from './prefill-cost.ts';
import { replay, type ReplayOutcome, type ReplayTiming } from './replay.ts';
import { scheduleCalls, type ScheduledCall } from './schedule.ts';

export interface ReplayRow {
  readonly policy: string;
  readonly capacity: number;
  readonly capacityBlocks: number;
  readonly hitRate: number;
  /** By the cost model of the replay; Belady is the optimum for equal cost per block only. */
  readonly prefillMsSaved: number;
  /** Learned tables as snapshotted. */
  readonly stateBytes: number;
  /** All of its state. */
  readonly state: { readonly learned: number; readonly working: number; readonly ghosts: number };
  readonly callsPerSecond: number;
  readonly decideMsP99: number;
  readonly observeMsP99: number;
}

export interface TraceReport {
  readonly trace: string;
  readonly requests: number;
  readonly workingSetBlocks: number;
  readonly blockSize: number;
  readonly concurrency: number;
  readonly timing: ReplayTiming;
  readonly results: readonly ReplayRow[];
}

/** A trace's part of its report. */
export type TraceFacts = Pick<TraceReport, 'trace' | 'requests' | 'workingSetBlocks' | 'blockSize' | 'concurrency'>;

/** One trace at one concurrency; what all its replays share is made once. */
export class TraceReplays {
  readonly facts: TraceFacts;
  readonly #trace: Trace;
  readonly #schedule: readonly ScheduledCall[];
  readonly #workingSet: number;
  /** An unbounded contender's outcome is the same at every capacity. */
  readonly #unbounded = new Map<string, ReplayOutcome>();
  #uses: NextUses | undefined;

  constructor(trace: Trace, concurrency: number) {
    this.#trace = trace;
    this.#schedule = scheduleCalls(trace, concurrency);
    this.#workingSet = workingSetBlocks(trace, concurrency);
    this.facts = { trace: trace.name, requests: trace.calls.length, workingSetBlocks: Math.round(this.#workingSet), blockSize: trace.blockTokens, concurrency };
  }

  /** @throws EntresolError `ENT_POLICY_INVALID` */
  row(contender: Contender, capacity: number, timing: ReplayTiming, cost?: PrefillCostModel, onProgress?: (callsDone: number) => void): ReplayRow {
    const capacityBlocks = capacityAt(this.#trace, this.#workingSet, capacity);
    const known = `${contender.name} ${JSON.stringify(cost)}`;
    const outcome = this.#unbounded.get(known) ?? replay({
      trace: this.#trace, schedule: this.#schedule, contender, capacityBlocks, timing, cost, onProgress,
      nextUses: () => (this.#uses ??= findNextUses(this.#trace, this.#schedule)),
    });
    if (contender.unbounded) this.#unbounded.set(known, outcome);
    return { policy: contender.name, capacity, capacityBlocks, ...rowOf(outcome) };
  }
}

function rowOf(outcome: ReplayOutcome): Omit<ReplayRow, 'policy' | 'capacity' | 'capacityBlocks'> {
  return {
    hitRate: round(outcome.hitRate, 5),
    prefillMsSaved: round(outcome.prefillMsSaved, 0),
    stateBytes: outcome.stateBytes.learned,
    state: outcome.stateBytes,
    callsPerSecond: round(outcome.callsPerSecond, 0),
    decideMsP99: round(outcome.decideMs.p99, 4),
    observeMsP99: round(outcome.observeMs.p99, 4),
  };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
