import { describe, expect, it } from 'vitest';
import { EntresolError } from '../../core/index.ts';
import { failsWith, type ReplayJob, type ReplayResult } from '../replay/index.ts';
import type { Contestant } from './contestants.ts';
import { leagueJobs, type LeaguePlan } from './league.ts';
import { leaveOut } from './left-out.ts';

const FILE = '/policies/hungry.ts';
const contestant = (reference: string, name = reference): Contestant => ({ reference, name, bound: false, exactOnly: false, variants: [{}] });
const PLAN: LeaguePlan = {
  version: '1', capacities: [0.5], timings: ['exact'], failed: [],
  traces: ['one', 'two'].map((name) => ({ name, path: `/traces/${name}.jsonl`, blockTokens: 16, concurrency: 4, control: false })),
  contestants: [contestant(FILE, 'hungry'), contestant('lru'), contestant('belady')],
};
const RESULT = {} as ReplayResult;

/** What is left where memory runs out under these policies on the first trace, by the rule by which other jobs are given up. */
function leftAfter(...failing: readonly string[]): readonly unknown[] {
  const jobs = leagueJobs(PLAN);
  const failures: { job: ReplayJob; error: Error }[] = [];
  const results = jobs.map((job) => {
    if (failures.some((failure) => failsWith(failure.job, failure.error, job))) return undefined;
    const { path } = job.trace;
    if (path !== PLAN.traces[0].path || !failing.includes(job.reference)) return RESULT;
    failures.push({ job, error: new EntresolError('ENT_TRACE_TOO_LARGE', 'memory ran out while the trace was replayed.', { at: path }) });
    return undefined;
  });
  const { plan, results: kept } = leaveOut(PLAN, results, failures);
  expect(kept).toEqual(leagueJobs(plan).map(() => RESULT));
  return [plan.traces.map(({ name }) => name), plan.contestants.map(({ name }) => name), plan.failed.map(({ trace, policy }) => trace ?? policy)];
}

describe('where memory ran out', () => {
  it('under a policy file, the policy is left out and all traces stay', () => {
    expect(leftAfter(FILE)).toEqual([['one', 'two'], ['lru', 'belady'], ['hungry']]);
  });
  it('under a policy of ours, the trace is left out', () => {
    expect(leftAfter('lru')).toEqual([['two'], ['hungry', 'lru', 'belady'], ['one']]);
    expect(leftAfter(FILE, 'lru')).toEqual([['two'], ['lru', 'belady'], ['hungry', 'one']]);
  });
});
