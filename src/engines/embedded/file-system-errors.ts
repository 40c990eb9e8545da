import { EntresolError } from '../../core/index.ts';

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** A full disk as the error that says how to mend it; any other error as it came. */
export function diskError(error: unknown, path: string): unknown {
  const code = errorCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new EntresolError('ENT_DISK_FULL', `no space left to write ${path}.`, { at: path, cause: error });
}
