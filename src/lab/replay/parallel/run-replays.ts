/** Replays of many traces, policies and capacities: what was computed before comes from the cache, the rest from workers. */
import { createHash } from 'node:crypto';
import { isPolicyPath } from '../../../runtime/load-policy.ts';
import { traceName } from '../../trace/index.ts';
import { codeDigest, fileDigest } from '../cache/digests.ts';
import type { ResultCache } from '../cache/result-cache.ts';
import type { ReplayJob, ReplayResult } from './job.ts';
import { runJobs, workerPath } from './run-jobs.ts';

export interface RunReplaysOptions {
  readonly workers: number;
  /** Absent: everything is computed, nothing is kept. */
  readonly cache?: ResultCache<ReplayResult>;
  readonly signal?: AbortSignal;
  onProgress?(progress: ReplaysProgress): void;
  /** A replay failed: the others are done, but for those that fail for the same reason. Absent: the first failure ends them all. */
  onFailure?(job: ReplayJob, error: Error): void;
}

export interface ReplaysProgress {
  readonly done: number;
  readonly total: number;
  /** Of those done, how many came from the cache. */
  readonly fromCache: number;
  readonly doing?: string;
}

/**
 * One result per job, in their order; undefined where `onFailure` was told why. Equal jobs are run once.
 * @throws what `runJobs` throws; results that were there by then are in the cache
 */
export async function runReplays(jobs: readonly ReplayJob[], options: RunReplaysOptions): Promise<(ReplayResult | undefined)[]> {
  const { cache, signal, onFailure } = options;
  const keys = await keysOf(jobs);
  const jobOfKey = new Map(keys.map((key, index) => [key, jobs[index]]));
  const keyOfJob = new Map([...jobOfKey].map(([key, job]) => [job, key]));
  const results = new Map<string, ReplayResult>();
  for (const key of jobOfKey.keys()) {
    const known = await cache?.get(key);
    if (known !== undefined) results.set(key, known);
  }
  const fromCache = results.size;
  const tell = (doing?: string): void => options.onProgress?.({ done: results.size, total: jobOfKey.size, fromCache, doing });
  tell();
  const writes: Promise<void>[] = [];
  try {
    await runJobs([...jobOfKey].filter(([key]) => !results.has(key)).map(([, job]) => job), {
      workers: options.workers,
      signal,
      onProgress: tell,
      ...(onFailure === undefined ? {} : { onFailure: (job, error) => onFailure(job, error) }),
      onResult: (job, result) => {
        const key = keyOfJob.get(job) as string;
        results.set(key, result);
        if (cache !== undefined) writes.push(cache.put(key, result));
        tell();
      },
    });
  } finally {
    await Promise.all(writes);
  }
  return keys.map((key, index) => {
    const result = results.get(key);
    if (result === undefined) return undefined;
    const { facts, row } = result;
    // The file may have been called otherwise when it was computed.
    return { facts: { ...facts, trace: traceName(jobs[index].trace.path) }, row };
  });
}

/** The name of each job's result: a hash of the trace's bytes, the options, the policy and all code that runs. */
async function keysOf(jobs: readonly ReplayJob[]): Promise<string[]> {
  const code = codeDigest(workerPath());
  const traces = new Map<string, string>();
  const policies = new Map<string, string>();
  const keys: string[] = [];
  for (const job of jobs) {
    const { path, blockTokens, maxCalls = null } = job.trace;
    if (!traces.has(path)) traces.set(path, await fileDigest(path));
    if (!policies.has(job.reference)) policies.set(job.reference, isPolicyPath(job.reference) ? codeDigest(job.reference) : job.reference);
    const parts = [
      // Math.exp and its like may differ in their last bit between versions of V8.
      process.versions.v8, code, traces.get(path), blockTokens, maxCalls, job.concurrency, job.capacity, job.timing, policies.get(job.reference),
      Object.entries(job.parameters).toSorted(([one], [other]) => (one < other ? -1 : 1)),
      job.cost === undefined ? null : [job.cost.linearMsPerToken, job.cost.attentionMsPerPair],
    ];
    keys.push(createHash('sha256').update(JSON.stringify(parts)).digest('hex'));
  }
  return keys;
}
