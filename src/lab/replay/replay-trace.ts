/** Replays one trace with several contenders at several capacities: the document of `entresol replay`. */
import type { Trace } from '../trace/index.ts';
import { findNextUses, type NextUses } from './bounds/next-uses.ts';
import { capacityAt, workingSetBlocks } from './capacity.ts';
import type { Contender } from './contender.ts';
import type { LearnerSourceFactory } from './learners.ts';
import { replay, type ReplayOutcome, type ReplayTiming } from './replay.ts';
import { scheduleCalls } from './schedule.ts';

export interface ReplayTraceOptions {
  readonly concurrency: number;
  /** Fractions of the working set. */
  readonly capacities: readonly number[];
  readonly timing: ReplayTiming;
  readonly learners?: LearnerSourceFactory;
  onProgress?(contender: string, capacity: number, callsDone: number): void;
}

export interface ReplayRow {
  readonly policy: string;
  readonly capacity: number;
  readonly capacityBlocks: number;
  readonly hitRate: number;
  /** By the cost model of an 8-billion-parameter model; Belady is the optimum for equal cost per block only. */
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

export function replayTrace(trace: Trace, contenders: readonly Contender[], options: ReplayTraceOptions): TraceReport {
  const { concurrency, timing, capacities } = options;
  const schedule = scheduleCalls(trace, concurrency);
  const workingSet = workingSetBlocks(trace, concurrency);
  let uses: NextUses | undefined;
  const nextUses = (): NextUses => (uses ??= findNextUses(trace, schedule));
  const unbounded = new Map<string, ReplayOutcome>();
  const results: ReplayRow[] = [];
  for (const capacity of capacities) {
    const capacityBlocks = capacityAt(trace, workingSet, capacity);
    for (const contender of contenders) {
      const outcome = unbounded.get(contender.name) ?? replay({
        trace, schedule, contender, capacityBlocks, timing, nextUses,
        learners: options.learners,
        onProgress: (callsDone) => options.onProgress?.(contender.name, capacity, callsDone),
      });
      if (contender.unbounded) unbounded.set(contender.name, outcome);
      results.push({ policy: contender.name, capacity, capacityBlocks, ...rowOf(outcome) });
    }
  }
  return {
    trace: trace.name,
    requests: trace.calls.length,
    workingSetBlocks: Math.round(workingSet),
    blockSize: trace.blockTokens,
    concurrency,
    timing,
    results,
  };
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
