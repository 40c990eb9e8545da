/** What travels between the command and its worker threads. */
import type { ErrorCode, ParameterSpec } from '../../../core/index.ts';
import type { PrefillCostModel } from '../prefill-cost.ts';
import type { ReplayTiming } from '../replay.ts';
import type { ReplayRow, TraceFacts } from '../replay-trace.ts';

export type ParameterChoice = Readonly<Record<string, ParameterSpec['default']>>;

export interface TraceSource {
  readonly path: string;
  readonly blockTokens: number;
  /** Only the first so many calls. */
  readonly maxCalls?: number;
}

/** One replay: a trace, a policy, a capacity. */
export interface ReplayJob {
  readonly trace: TraceSource;
  readonly concurrency: number;
  /** Fraction of the working set. */
  readonly capacity: number;
  readonly timing: ReplayTiming;
  /** A policy's or a bound's name, or the absolute path of a policy file. */
  readonly reference: string;
  /** Over the policy's defaults. */
  readonly parameters: ParameterChoice;
  /** What prefill costs; absent: `DEFAULT_PREFILL_COST`. */
  readonly cost?: PrefillCostModel;
}

export interface ReplayResult {
  readonly facts: TraceFacts;
  readonly row: ReplayRow;
}

export type WorkerMessage =
  | { readonly kind: 'progress'; readonly doing: string }
  | { readonly kind: 'done'; readonly result: ReplayResult }
  | { readonly kind: 'failed'; readonly message: string; readonly code?: ErrorCode; readonly at?: string };

export function sameTrace(one: TraceSource, other: TraceSource): boolean {
  return one.path === other.path && one.blockTokens === other.blockTokens && one.maxCalls === other.maxCalls;
}
