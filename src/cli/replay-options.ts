/** Options that `replay` and `league` share: which traces, how many workers, whether the cache is used. */
import { resolve } from 'node:path';
import { openReplayCache, workerCount, type ReplayResult, type ReplaysProgress, type ResultCache, type TraceSource } from '../lab/replay/index.ts';
import { isPolicyPath } from '../runtime/load-policy.ts';
import type { Options } from './parse-options.ts';
import type { ProgressLine } from './progress-line.ts';

export const WORK_ARGUMENTS = {
  workers: { type: 'string', description: 'Worker threads (default: as many as cores, fewer where memory would not hold the traces)' },
  'no-cache': { type: 'boolean', description: 'Compute everything anew and keep nothing' },
} as const;

/** Policy files by absolute path, so that worker threads find them. */
export function policyReferences(given: readonly string[]): string[] {
  return given.map((reference) => (isPolicyPath(reference) ? resolve(reference) : reference));
}

export function workersOf(options: Options, traces: readonly TraceSource[]): number {
  return options.number('workers', { minimum: 1, maximum: 256, integer: true }) ?? workerCount(traces);
}

export function cacheOf(options: Options): ResultCache<ReplayResult> | undefined {
  if (options.flag('no-cache')) return undefined;
  return openReplayCache((why) => process.stderr.write(`results are not kept: ${why}\n`));
}

export function showReplays(progress: ProgressLine, { done, total, doing }: ReplaysProgress): void {
  progress.show(`${done} of ${total} replays${doing === undefined ? '' : `; ${doing}`}`);
}
