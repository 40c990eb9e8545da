/** Errors as clients of the OpenAI dialect expect them: `{"error": {message, type, param, code}}`. */
import { EntresolError, type ErrorCode } from '../core/index.ts';

const TYPES: Readonly<Record<number, string>> = { 401: 'authentication_error', 403: 'permission_error', 404: 'not_found_error', 413: 'invalid_request_error', 429: 'rate_limit_error' };

export function errorType(status: number): string {
  return TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error');
}

export function errorBody(error: EntresolError): Buffer {
  const message = `${error.message} ${error.mend}`;
  return Buffer.from(JSON.stringify({ error: { message, type: errorType(error.status), param: error.at ?? null, code: error.code } }));
}

/** What was thrown, as an error of ours: anything else is a fault of this program. */
export function asEntresolError(thrown: unknown): EntresolError {
  if (thrown instanceof EntresolError) return thrown;
  return new EntresolError('ENT_INTERNAL', 'Something went wrong in the gateway.', { cause: thrown });
}

/** Clients' SDKs try again on 429 and 5xx; what cannot succeed the second time says so. */
export function errorHeaders(code: ErrorCode, retryAfterMs?: number): string[] {
  if (retryAfterMs !== undefined) return ['retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1000))), 'retry-after-ms', String(Math.ceil(retryAfterMs))];
  if (code === 'ENT_UNAUTHORIZED') return ['www-authenticate', 'Bearer realm="entresol"'];
  if (code === 'ENT_INTERNAL' || code === 'ENT_POLICY_FAILED_CLOSED') return ['x-should-retry', 'false'];
  return [];
}
