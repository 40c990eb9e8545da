import { join } from 'node:path';
import { cacheDirectory } from '../../../engines/embedded/cache-directory.ts';
import type { ReplayResult } from '../parallel/job.ts';
import { ResultCache } from './result-cache.ts';

function isReplayResult(value: unknown): value is ReplayResult {
  const { facts, row } = (value ?? {}) as Partial<ReplayResult>;
  return typeof facts?.requests === 'number' && typeof row?.hitRate === 'number';
}

/** Results of replays in the user's cache directory. */
export function openReplayCache(onUnusable: (why: string) => void): ResultCache<ReplayResult> {
  return new ResultCache({ folder: join(cacheDirectory(), 'replay'), check: isReplayResult, onUnusable });
}
