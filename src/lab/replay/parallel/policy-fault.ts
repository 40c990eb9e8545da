import { EntresolError } from '../../../core/index.ts';
import { isPolicyPath } from '../../../runtime/load-policy.ts';

/** A fault of a policy file names the file, and the line where what it threw came from it. */
export function placedInFile(error: unknown, reference: string): unknown {
  if (!(error instanceof EntresolError) || error.code !== 'ENT_POLICY_INVALID' || !isPolicyPath(reference)) return error;
  if (error.at?.startsWith(reference) === true) return error;
  return new EntresolError(error.code, error.message, { at: lineIn(reference, error.cause) ?? reference, cause: error.cause });
}

function lineIn(path: string, cause: unknown): string | undefined {
  const stack = cause instanceof Error ? cause.stack ?? '' : '';
  const start = stack.indexOf(`${path}:`);
  const line = start === -1 ? undefined : /^\d+/.exec(stack.slice(start + path.length + 1))?.[0];
  return line === undefined ? undefined : `${path}:${line}`;
}
