import { EntresolError } from '../../core/index.ts';

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

const NO_ROOM: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const NO_WRITING: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR']);

/** No space, no quota, or a limit on the size of files (`ulimit -f`). */
export function isDiskFull(error: unknown): boolean { return NO_ROOM.has(errorCode(error)); }

/** A full disk as the error that says how to mend it; any other error as it came. */
export function diskError(error: unknown, path: string): unknown {
  if (!isDiskFull(error)) return error;
  return new EntresolError('ENT_DISK_FULL', `there is no room to write it (${errorCode(error)}).`, { at: path, cause: error });
}

/** The same of a file in the cache directory, which may also not be one that can be written. */
export function cacheError(error: unknown, path: string): unknown {
  if (!NO_WRITING.has(errorCode(error))) return diskError(error, path);
  return new EntresolError('ENT_CACHE_UNWRITABLE', `it cannot be written (${errorCode(error)}).`, { at: path, cause: error });
}
