/** A league goes on without a trace that cannot be read and a policy that cannot be run. */
import { EntresolError } from '../../core/index.ts';
import { failsWith, type ReplayJob, type ReplayResult } from '../replay/index.ts';
import { SCALE } from './contestants.ts';
import { leagueJobs, type LeaguePlan } from './league.ts';

export interface FailedReplay {
  readonly job: ReplayJob;
  readonly error: Error;
}

/**
 * What is left of the plan, with its results.
 * @param results in the order of `leagueJobs(plan)`, undefined where a replay failed or was not tried for another's failure
 * @throws the first failure, where no trace is left or LRU or Belady failed: then there is nothing to measure by
 */
export function leaveOut(plan: LeaguePlan, results: readonly (ReplayResult | undefined)[], failures: readonly FailedReplay[]): { plan: LeaguePlan; results: ReplayResult[] } {
  const found = new Map(leagueJobs(plan).map((job, index) => [JSON.stringify(job), results[index]]));
  const isTraceOf = ({ job, error }: FailedReplay): boolean => failsWith(job, error, { ...job, reference: '' });
  const traces = plan.traces.filter(({ path }) => !failures.some((failure) => isTraceOf(failure) && failure.job.trace.path === path));
  const contestants = plan.contestants.filter(({ reference }) => !failures.some((failure) => !isTraceOf(failure) && failure.job.reference === reference));
  const [first] = failures;
  if (first !== undefined && (traces.length === 0 || SCALE.some((name) => !contestants.some((contestant) => contestant.name === name)))) throw first.error;
  const failed = failures.map((failure) => {
    const { job, error } = failure;
    const message = error instanceof EntresolError ? `${error.code}${error.at === undefined ? '' : ` at ${error.at}`}: ${error.message}` : error.message;
    if (isTraceOf(failure)) return { trace: plan.traces.find(({ path }) => path === job.trace.path)?.name ?? job.trace.path, message };
    return { policy: plan.contestants.find(({ reference }) => reference === job.reference)?.name ?? job.reference, message };
  });
  // Two workers may have met the same fault at once.
  const distinct = failed.filter((each, index) => failed.findIndex((other) => other.trace === each.trace && other.policy === each.policy) === index);
  const left = { ...plan, traces, contestants, failed: distinct };
  return { plan: left, results: leagueJobs(left).map((job) => found.get(JSON.stringify(job)) as ReplayResult) };
}
