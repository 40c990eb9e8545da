/** Errors as clients expect them on a route: in OpenAI's form, or in Anthropic's. */
import { EntresolError, type ErrorCode } from '../core/index.ts';

/** Which API's clients call a route. */
export type ErrorForm = 'openai' | 'anthropic';

/** @param version what the client says of Anthropic's API: its models and files lie under the same paths as OpenAI's */
export function errorForm(path: string, version?: string | string[]): ErrorForm {
  return path === '/v1/messages' || path.startsWith('/v1/messages/') || (version !== undefined && SHARED_PATHS.test(path)) ? 'anthropic' : 'openai';
}

const SHARED_PATHS = /^\/v1\/(?:models|files)(?:\/|$)/;

const TYPES: Readonly<Record<number, string>> = { 401: 'authentication_error', 403: 'permission_error', 404: 'not_found_error', 413: 'invalid_request_error', 429: 'rate_limit_error' };

export function errorType(status: number): string {
  return TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error');
}

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = { ...TYPES, 413: 'request_too_large', 503: 'overloaded_error', 504: 'timeout_error', 529: 'overloaded_error' };

export function anthropicErrorType(status: number): string {
  return ANTHROPIC_TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
}

/** `{"error": {message, type, param, code}}`, or `{"type": "error", "error": {type, message, …}, request_id}`. */
export function errorBody(error: EntresolError, form: ErrorForm = 'openai', requestId?: string): Buffer {
  const message = `${error.message} ${error.mend}`;
  const place = { param: error.at ?? null, code: error.code };
  if (form === 'openai') return Buffer.from(JSON.stringify({ error: { message, type: errorType(error.status), ...place } }));
  return Buffer.from(JSON.stringify({ type: 'error', error: { type: anthropicErrorType(error.status), message, ...place }, ...(requestId === undefined ? {} : { request_id: requestId }) }));
}

/** Under which name a client's SDK looks for the id to show with an error. */
export function requestIdHeader(form: ErrorForm): string {
  return form === 'anthropic' ? 'request-id' : 'x-request-id';
}

/** What was thrown, as an error of ours: anything else is a fault of this program. */
export function asEntresolError(thrown: unknown): EntresolError {
  if (thrown instanceof EntresolError) return thrown;
  return new EntresolError('ENT_INTERNAL', 'Something went wrong in the gateway.', { cause: thrown });
}

/** Clients' SDKs try again on 429 and 5xx; what cannot succeed the second time says so. */
export function errorHeaders(code: ErrorCode, retryAfterMs?: number): string[] {
  if (retryAfterMs !== undefined) return ['retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1000))), 'retry-after-ms', String(Math.ceil(retryAfterMs))];
  if (code === 'ENT_OVERLOADED') return ['retry-after', '1'];
  if (code === 'ENT_UNAUTHORIZED') return ['www-authenticate', 'Bearer realm="entresol"'];
  if (code === 'ENT_INTERNAL' || code === 'ENT_POLICY_FAILED_CLOSED') return ['x-should-retry', 'false'];
  return [];
}
