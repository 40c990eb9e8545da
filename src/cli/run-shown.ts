/** Replays as a command runs them: with progress, with what was computed before, and a clean end on Ctrl-C. */
import { resolve } from 'node:path';
import { openReplayCache, runReplays, workerCount, type ReplayJob, type ReplayResult, type ReplaysProgress } from '../lab/replay/index.ts';
import { isPolicyPath } from '../runtime/load-policy.ts';
import { interruptible } from './interruptible.ts';
import type { Options } from './parse-options.ts';
import { ProgressLine } from './progress-line.ts';

export const WORK_ARGUMENTS = {
  workers: { type: 'string', description: 'Worker threads (default: as many as cores, fewer where memory would not hold the traces)' },
  'no-cache': { type: 'boolean', description: 'Compute everything anew and keep nothing' },
} as const;

/** Policy files by absolute path, so that worker threads find them. */
export function policyReferences(given: readonly string[]): string[] {
  return given.map((reference) => (isPolicyPath(reference) ? resolve(reference) : reference));
}

/** From so many on, what is left can be told from what is done. */
const REPLAYS_TO_JUDGE_BY = 5;

function timeLeft({ done, total, fromCache }: ReplaysProgress, elapsedMs: number): string {
  const computed = done - fromCache;
  if (computed < REPLAYS_TO_JUDGE_BY) return '';
  const seconds = ((elapsedMs / computed) * (total - done)) / 1000;
  return `, about ${seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`} left`;
}

export interface Shown {
  /** In the order of the jobs; undefined only where `onFailure` was told why. */
  print(results: readonly (ReplayResult | undefined)[]): Promise<void> | void;
  /** Absent: the first failure is thrown. */
  onFailure?(job: ReplayJob, error: Error): void;
}

/** Runs the jobs and hands their results to `print`; on Ctrl-C it says what is kept and `print` is not called. */
export async function runShown(jobs: readonly ReplayJob[], options: Options, { print, onFailure }: Shown): Promise<void> {
  const workers = options.number('workers', { minimum: 1, maximum: 256, integer: true }) ?? workerCount(jobs.map(({ trace }) => trace));
  const cached = !options.flag('no-cache');
  const cache = cached ? openReplayCache((why) => process.stderr.write(`results are not kept: ${why}\n`)) : undefined;
  const line = new ProgressLine(process.stderr);
  const startedMs = performance.now();
  let latest: ReplaysProgress = { done: 0, total: jobs.length, fromCache: 0 };
  await interruptible(async (signal) => {
    const results = await runReplays(jobs, {
      workers, cache, signal, ...(onFailure === undefined ? {} : { onFailure }),
      onProgress: (now) => {
        latest = now;
        line.show(`${now.done} of ${now.total} replays${timeLeft(now, performance.now() - startedMs)}${now.doing === undefined ? '' : `; ${now.doing}`}`);
      },
    });
    line.clear();
    if (latest.fromCache > 0) process.stderr.write(`${latest.fromCache} of ${latest.total} replays were computed before, times included; --no-cache computes anew\n`);
    await print(results);
  }, () => {
    line.clear();
    process.stderr.write(`stopped: ${latest.done} of ${latest.total} replays are done${cached ? ' and kept; the same command goes on from there' : ''}\n`);
  });
}
