import { EntresolError } from '../../core/index.ts';

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

export function isDiskFull(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** A full disk as the error that says how to mend it; any other error as it came. */
export function diskError(error: unknown, path: string): unknown {
  if (!isDiskFull(error)) return error;
  return new EntresolError('ENT_DISK_FULL', `no space left to write ${path}.`, { at: path, cause: error });
}
