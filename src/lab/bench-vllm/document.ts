/** What `bench vllm` prints with `--json`. */
import type { Interval } from '../bench/bootstrap.ts';
import type { BarResult } from '../bench/document.ts';
import type { Spread } from '../bench/measures.ts';

/**
 * What stands in vLLM for the model: nothing, so that hits are exact and times mean nothing; a pause as long as stated
 * costs want it; or the small model itself, computed by the CPU.
 */
export type BenchExecutor = 'fake' | 'timed' | 'real';

export interface VllmSideReport {
  readonly calls: number;
  /** By vLLM's own counters: tokens found in the prefix cache, of those looked up. */
  readonly hitRate: number;
  readonly preemptions: number;
  /** Measured by the clients; null with the fake executor, whose times mean nothing. */
  readonly ttftMs: Spread | null;
  readonly endToEndMs: Spread | null;
}

/** With warm-ups. Hits and times are of clients' calls alone. */
export interface WarmSideReport extends Omit<VllmSideReport, 'preemptions'> {
  readonly hitRateGainPoints: number;
  readonly ttftRatio: number | null;
  readonly endToEndRatio: number | null;
  readonly warmUps: { readonly made: number; readonly givenUp: number; /** What they computed: what they cost. */ readonly computedTokens: number; /** That, as a share of the tokens of clients' prompts. */ readonly shareOfPrompts: number };
  /** Of the simulated engine. */
  readonly simulatedHitRate: number;
}

export interface VllmWorkloadReport {
  readonly trace: string;
  readonly load: {
    readonly concurrency: number; readonly capacityFraction: number; readonly scale: number; readonly seed: number; readonly thinkMsMean: number; readonly calls: number;
    readonly blocks: number; readonly blockTokens: number; readonly workingSetTokens: number; readonly contextTokens: number;
  };
  readonly off: VllmSideReport;
  readonly on: VllmSideReport;
  /** Null where it was not asked for. */
  readonly warm: WarmSideReport | null;
  readonly hitRateGainPoints: number;
  /** On / off; null with the fake executor. */
  readonly ratio: { readonly ttftMean: number; readonly endToEndMean: number } | null;
  readonly interval: { readonly ttftMean: Interval | null; readonly hitRateGainPoints: Interval | null };
  /** The simulated paged engine with the same sessions, blocks and concurrency, and calls that run as long (`stepMs` a token). `boundless`: a cache that keeps everything. */
  readonly simulated: { readonly off: number; readonly on: number; readonly gainPoints: number; readonly stepMs: number; /** Of the stated cost of the executor, so that calls take as long as stock's did; 1 with the fake one. */ readonly costFactor: number; readonly boundless: number };
  /** The gain as a share of the simulated engine's; null where that has none. */
  readonly shareOfSimulatedGain: number | null;
  readonly steering: { readonly leaseKeys: number; readonly leaseMessages: number; readonly callsReported: number; readonly mirrorAgreement: number | null; /** Means: from what a call did to the leases that follow from it, and of that what making them takes. */ readonly leaseLagMs: number; readonly leaseMakingMs: number };
}

export interface VllmBenchDocument {
  readonly engine: { readonly kind: 'vllm'; readonly product: string; readonly executor: BenchExecutor; readonly package: string };
  readonly workloads: readonly VllmWorkloadReport[];
  readonly skipped: readonly { readonly trace: string; readonly why: string }[];
  readonly bars: readonly BarResult[];
}
