/** The document of `entresol bench engine --json` (contracts, section 1), with a little more than they ask. */
import type { Interval } from './bootstrap.ts';
import type { LostHistories } from './lost-histories.ts';
import type { Ratios, SideMeasures } from './measures.ts';
import type { MemoryLayout } from './memory-split.ts';

export interface LoadDescription {
  readonly thinkTimes: boolean;
  readonly concurrency: number;
  /** As asked for; `memory` has what came of it. */
  readonly capacityFraction: number;
  readonly scale: number;
  readonly seed: number;
  /** Seconds of each side before what is measured. */
  readonly settleSeconds: number;
  /** Share of its active time in which the engine alone computed: CPU time of its process over time and threads. */
  readonly offUtilisation: number;
  readonly thinkMsMean: number;
  readonly memory: {
    readonly workingSetTokens: number;
    /** The same on every side: slots × context + store. */
    readonly totalTokens: number;
    /** What it is of the working set: more than was asked for where llama-server takes no less. */
    readonly fraction: number;
    readonly contextTokens: number;
    readonly sides: Readonly<Record<string, MemoryLayout>>;
  };
}

export interface SideReport extends SideMeasures {
  /** All calls of the run; the means are over those that both sides completed. */
  readonly completedCalls: number;
  readonly lostHistories: LostHistories;
}

export interface BaselineReport extends SideReport {
  /** Against the engine alone, over the calls that both completed. */
  readonly ratio: Ratios<number>;
  readonly interval: WorkloadReport['interval'];
  readonly hitRateGainPoints: number;
}

export interface WorkloadReport {
  readonly trace: string;
  readonly load: LoadDescription;
  readonly off: SideReport;
  readonly on: SideReport;
  readonly ratio: Ratios<number>;
  readonly interval: Ratios<Interval | null> & { readonly hitRateGainPoints: Interval | null };
  readonly hitRateGainPoints: number;
  /** Calls that both sides completed, with equal requests. */
  readonly pairedCalls: number;
  readonly baselines: Readonly<Record<string, BaselineReport>>;
}

export interface EngineDescription {
  readonly kind: 'embedded' | 'simulated';
  readonly model: string;
  /** Random weights: text is noise, caches and latencies are real. */
  readonly synthetic: boolean;
  readonly threads: number;
}

export interface EngineBenchDocument {
  readonly engine: EngineDescription;
  readonly workloads: readonly WorkloadReport[];
  /** Given traces that were left out, and why. */
  readonly skipped: readonly { readonly trace: string; readonly why: string }[];
  readonly bars: readonly BarResult[];
}

export interface BarResult {
  readonly bar: string;
  readonly met: boolean;
  readonly found: string;
}
