/** All policies × traces × capacities × timings. */
import type { ParameterChoice, ReplayJob, ReplayResult, ReplayTiming } from '../replay/index.ts';
import type { Contestant } from './contestants.ts';
import { closedShare, mean, type FittedByTrace, type FittedOn, type LeagueDocument, type LeagueFailure, type LeagueRow } from './document.ts';
import { chooseWithout, type VariantScore } from './leave-one-out.ts';
import type { LeagueTrace } from './league-traces.ts';
import { meansOf } from './means.ts';

export interface LeaguePlan {
  readonly version: string;
  readonly traces: readonly LeagueTrace[];
  readonly contestants: readonly Contestant[];
  readonly capacities: readonly number[];
  readonly timings: readonly ReplayTiming[];
  /** Left out already. */
  readonly failed: readonly LeagueFailure[];
}

/** One cell: a contestant with one choice of parameters on one trace at one capacity. */
interface Cell {
  readonly trace: LeagueTrace;
  readonly contestant: Contestant;
  readonly variant: number;
  readonly capacity: number;
  readonly timing: ReplayTiming;
}

function cellsOf({ traces, contestants, capacities, timings }: LeaguePlan): Cell[] {
  return traces.flatMap((trace) => timings.flatMap((timing) => capacities.flatMap((capacity) => contestants.flatMap((contestant) => (
    contestant.variants.map((_, variant) => ({ trace, contestant, variant, capacity, timing })))))));
}

/** Runs of what makes nothing of timing are equal, and equal jobs are run once. */
export function leagueJobs(plan: LeaguePlan): ReplayJob[] {
  return cellsOf(plan).map(({ trace: { path, blockTokens, maxCalls, concurrency }, contestant, variant, capacity, timing }) => ({
    trace: { path, blockTokens, maxCalls },
    concurrency,
    capacity,
    timing: contestant.exactOnly ? 'exact' : timing,
    reference: contestant.reference,
    parameters: contestant.variants[variant],
  }));
}

const keyOf = (trace: string, timing: ReplayTiming, capacity: number, policy: string, variant: number): string => `${trace}|${timing}|${capacity}|${policy}|${variant}`;

/** @param results in the order of `leagueJobs(plan)` */
export function leagueDocument(plan: LeaguePlan, results: readonly ReplayResult[]): LeagueDocument {
  const found = new Map(cellsOf(plan).map((cell, index) => [keyOf(cell.trace.name, cell.timing, cell.capacity, cell.contestant.name, cell.variant), results[index]]));
  const resultOf = (trace: string, timing: ReplayTiming, capacity: number, policy: string, variant = 0): ReplayResult => found.get(keyOf(trace, timing, capacity, policy, variant)) as ReplayResult;
  const shareOf = (trace: string, timing: ReplayTiming, capacity: number, policy: string, variant: number): number | null => {
    const hitRate = (name: string, which = 0): number => resultOf(trace, timing, capacity, name, which).row.hitRate;
    return closedShare(hitRate(policy, variant), hitRate('lru'), hitRate('belady'));
  };

  const fittedOn: Record<string, FittedOn> = {};
  const rows: LeagueRow[] = [];
  for (const contestant of plan.contestants) {
    const byTiming: Partial<Record<ReplayTiming, FittedByTrace>> = {};
    for (const timing of plan.timings) {
      const scores: VariantScore[] = plan.traces.filter(({ control }) => !control).flatMap(({ name }) => contestant.variants.map((_, variant) => ({
        trace: name, variant, share: mean(plan.capacities.flatMap((capacity) => shareOf(name, timing, capacity, contestant.name, variant) ?? [])),
      })));
      const fitted: Record<string, { parameters: ParameterChoice; traces: readonly string[] }> = {};
      for (const { name } of plan.traces) {
        const { variant, traces } = chooseWithout(name, scores, contestant.variants.length);
        const parameters = contestant.variants[variant];
        fitted[name] = { parameters, traces };
        for (const capacity of plan.capacities) {
          const { row } = resultOf(name, timing, capacity, contestant.name, variant);
          rows.push({
            trace: name, capacity, capacityBlocks: row.capacityBlocks, policy: contestant.name, timing, hitRate: row.hitRate,
            share: shareOf(name, timing, capacity, contestant.name, variant),
            gainPoints: rounded(100 * (row.hitRate - resultOf(name, timing, capacity, 'lru').row.hitRate), 3),
            prefillMsSaved: row.prefillMsSaved,
            stateBytes: row.stateBytes,
            otherStateBytes: row.state.working + row.state.ghosts,
            decideUs: rounded(row.decideMsP99 * 1000, 1),
            observeUs: rounded(row.observeMsP99 * 1000, 1),
            callsPerSecond: row.callsPerSecond,
            ...(contestant.variants.length > 1 ? { parameters } : {}),
          });
        }
      }
      byTiming[timing] = fitted;
    }
    fittedOn[contestant.name] = contestant.variants.length > 1 ? { fitted: true, byTiming } : { fitted: false };
  }

  const traces = plan.traces.map(({ name, control }) => {
    const { requests, workingSetBlocks, blockSize, concurrency } = resultOf(name, plan.timings[0], plan.capacities[0], 'lru').facts;
    return { trace: name, calls: requests, workingSetBlocks, blockSize, concurrency, control };
  });
  const policies = plan.contestants.map(({ name, bound }) => ({ name, bound }));
  return {
    version: plan.version, failed: plan.failed, timings: plan.timings, capacities: plan.capacities, policies, traces, rows,
    means: meansOf({ policies, traces, rows, timings: plan.timings }), fittedOn,
  };
}

function rounded(value: number, digits: number): number { return Number(value.toFixed(digits)); }
