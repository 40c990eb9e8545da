/** The document of `entresol league`. */
import type { ParameterChoice, ReplayTiming } from '../replay/index.ts';

export interface LeagueRow {
  readonly trace: string;
  /** Fraction of the working set. */
  readonly capacity: number;
  readonly capacityBlocks: number;
  readonly policy: string;
  readonly timing: ReplayTiming;
  readonly hitRate: number;
  /** Closed of the distance from LRU to Belady; null where that is at most one point. */
  readonly share: number | null;
  /** Hit rate above LRU's, in points. */
  readonly gainPoints: number;
  readonly prefillMsSaved: number;
  /** Learned tables as snapshotted. */
  readonly stateBytes: number;
  /** Working memory and ghost caches. */
  readonly otherStateBytes: number;
  /** 99th percentile of the time to choose one call's victims. */
  readonly decideUs: number;
  /** 99th percentile of the time for one call's events, definitions and touches, learning included. */
  readonly observeUs: number;
  readonly callsPerSecond: number;
  /** Fitted on other traces; absent: the policy's defaults. */
  readonly parameters?: ParameterChoice;
}

export interface LeagueMeans {
  /** Over pairs of trace and capacity with more than one point of headroom, controls left out. */
  readonly share: number | null;
  readonly pairs: number;
  readonly hitRate: number;
  /** Of LRU's prefill time saved, over all pairs: 1.1 saves a tenth more. */
  readonly prefillSavedOverLru: number;
  /** The pair that lies farthest below LRU, controls included. */
  readonly worst: { readonly trace: string; readonly capacity: number; readonly gainPoints: number };
  /** Traces with agents on whose mean share no other policy is better (bounds left out). */
  readonly tracesLed: number;
  /** The largest of all pairs. */
  readonly stateBytes: number;
  readonly otherStateBytes: number;
  /** The median over pairs of the 99th percentile per call. */
  readonly decideUs: number;
  readonly observeUs: number;
}

/** Fitted constants by timing and reported trace, with the traces that they were fitted on. */
export type FittedByTrace = Readonly<Record<string, { readonly parameters: ParameterChoice; readonly traces: readonly string[] }>>;
export type FittedOn = { readonly fitted: false } | { readonly fitted: true; readonly byTiming: Partial<Record<ReplayTiming, FittedByTrace>> };

export interface LeagueTraceFacts {
  readonly trace: string;
  readonly calls: number;
  readonly workingSetBlocks: number;
  readonly blockSize: number;
  readonly concurrency: number;
  readonly control: boolean;
}

/** A trace or a policy that is left out, and why. */
export interface LeagueFailure {
  readonly trace?: string;
  readonly policy?: string;
  readonly message: string;
}

export interface LeagueDocument {
  readonly version: string;
  readonly failed: readonly LeagueFailure[];
  readonly timings: readonly ReplayTiming[];
  readonly capacities: readonly number[];
  readonly policies: readonly { readonly name: string; readonly bound: boolean }[];
  readonly traces: readonly LeagueTraceFacts[];
  readonly rows: readonly LeagueRow[];
  readonly means: Readonly<Record<string, Partial<Record<ReplayTiming, LeagueMeans>>>>;
  readonly fittedOn: Readonly<Record<string, FittedOn>>;
}

/** At most this share of hit rate between LRU and Belady is noise to divide by. */
export const LEAST_HEADROOM = 0.01;

/** Of the distance from LRU to Belady; null where there is too little of it. */
export function closedShare(hitRate: number, lru: number, belady: number): number | null {
  return belady - lru > LEAST_HEADROOM ? (hitRate - lru) / (belady - lru) : null;
}

export function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
