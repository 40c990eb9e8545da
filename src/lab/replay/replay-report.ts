/** The document of `entresol replay`, from jobs and their results. */
import type { ParameterChoice, ReplayJob, ReplayResult, TraceSource } from './parallel/job.ts';
import type { PrefillCostModel } from './prefill-cost.ts';
import type { ReplayTiming } from './replay.ts';
import type { TraceReport } from './replay-trace.ts';

export interface ReplayPlan {
  readonly traces: readonly TraceSource[];
  /** Names, or absolute paths of policy files. */
  readonly references: readonly string[];
  readonly concurrency: number;
  readonly capacities: readonly number[];
  readonly timing: ReplayTiming;
  /** By reference, over the policy's defaults. */
  readonly parameters?: ReadonlyMap<string, ParameterChoice>;
  readonly cost?: PrefillCostModel;
}

/** By trace, then capacity, then policy. */
export function jobsOf({ traces, references, concurrency, capacities, timing, parameters, cost }: ReplayPlan): ReplayJob[] {
  return traces.flatMap((trace) => capacities.flatMap((capacity) => references.map((reference) => ({
    trace, concurrency, capacity, timing, reference, parameters: parameters?.get(reference) ?? {}, cost,
  }))));
}

/** @param results in the order of `jobsOf(plan)` */
export function reportsOf(plan: ReplayPlan, results: readonly ReplayResult[]): TraceReport[] {
  const each = plan.capacities.length * plan.references.length;
  return plan.traces.map((_, index) => {
    const own = results.slice(index * each, (index + 1) * each);
    return { ...own[0].facts, timing: plan.timing, results: own.map(({ row }) => row) };
  });
}
