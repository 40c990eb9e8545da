/** One exchange with an upstream: the request's bytes out, the answer's bytes through, with back-pressure and abort. */
import type { Dispatcher, Pool } from 'undici';
import { EntresolError, type Answer } from '../../core/index.ts';

export interface RelayRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: Buffer;
  readonly signal: AbortSignal;
}

/** How an exchange ended after the head had come; before it, `relay` throws. */
export interface RelayResult {
  readonly status: number;
  readonly end: 'complete' | 'cut' | 'cancelled';
}

const UNREACHABLE = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT', 'CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT']);

function codeOf(error: Error): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

function beforeHead(error: Error, origin: string): EntresolError {
  const code = codeOf(error);
  if (UNREACHABLE.has(code)) return new EntresolError('ENT_ENGINE_UNAVAILABLE', `The upstream ${origin} cannot be reached (${code}).`, { at: origin, cause: error });
  if (code === 'UND_ERR_HEADERS_TIMEOUT') return new EntresolError('ENT_UPSTREAM_FAILED', `The upstream ${origin} sent no answer in time.`, { at: origin, cause: error });
  return new EntresolError('ENT_UPSTREAM_FAILED', `The upstream ${origin} broke off before it answered (${code === '' ? error.name : code}).`, { at: origin, cause: error });
}

/**
 * A server may close an idle connection in the moment a request goes out on it. From here that shows as a connection
 * that had served others and broke with no byte of an answer: the request is sent once more, on a new one. Whether it
 * had been taken up cannot be told; generating twice costs time, and has no other effect.
 */
function metClosingConnection(error: Error): boolean {
  const { socket } = error as { socket?: { bytesRead?: number } };
  return codeOf(error) === 'UND_ERR_SOCKET' && (socket?.bytesRead ?? 0) > 0;
}

/** Raw header pairs are bytes; as latin1 they go out again as they came in. */
function rawPairs(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(raw)) return [];
  return raw.map((entry: Buffer | string) => (typeof entry === 'string' ? entry : entry.toString('latin1')));
}

class Exchange implements Dispatcher.DispatchHandler {
  private readonly answer: Answer;
  private readonly signal: AbortSignal;
  private readonly settle: (result: RelayResult | Error) => void;
  private status = 0;
  private writing: Promise<void> = Promise.resolve();
  private abortListener: (() => void) | undefined;

  constructor(answer: Answer, signal: AbortSignal, settle: (result: RelayResult | Error) => void) {
    this.answer = answer;
    this.signal = signal;
    this.settle = settle;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    const abort = (): void => controller.abort(new Error('the client went away'));
    if (this.signal.aborted) {
      abort();
      return;
    }
    this.abortListener = abort;
    this.signal.addEventListener('abort', abort, { once: true });
  }

  onResponseStart(controller: Dispatcher.DispatchController, statusCode: number): void {
    if (statusCode < 200) return;
    this.status = statusCode;
    this.answer.head(statusCode, rawPairs(controller.rawHeaders));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const wait = this.answer.write(chunk);
    if (wait === undefined) return;
    controller.pause();
    this.writing = wait.then(() => controller.resume());
  }

  onResponseEnd(): void {
    this.finish(this.writing.then(() => {
      this.answer.end();
      return { status: this.status, end: 'complete' as const };
    }));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.finish(Promise.resolve().then(() => {
      if (this.status === 0) return error;
      this.answer.destroy(error);
      return { status: this.status, end: this.signal.aborted ? ('cancelled' as const) : ('cut' as const) };
    }));
  }

  private finish(outcome: Promise<RelayResult | Error>): void {
    if (this.abortListener !== undefined) this.signal.removeEventListener('abort', this.abortListener);
    outcome.then(this.settle, this.settle);
  }
}

function dispatchOnce(pool: Pool, request: RelayRequest, answer: Answer): Promise<RelayResult | Error> {
  return new Promise((resolve) => {
    const exchange = new Exchange(answer, request.signal, resolve);
    const body = request.body.length === 0 && (request.method === 'GET' || request.method === 'HEAD') ? null : request.body;
    pool.dispatch({ method: request.method, path: request.path, headers: [...request.headers], body }, exchange);
  });
}

/** @throws EntresolError `ENT_ENGINE_UNAVAILABLE`, `ENT_UPSTREAM_FAILED`, `ENT_CANCELLED` before the head only */
export async function relay(pool: Pool, origin: string, request: RelayRequest, answer: Answer): Promise<RelayResult> {
  for (let attempt = 1; ; attempt++) {
    const result = await dispatchOnce(pool, request, answer);
    if (!(result instanceof Error)) return result;
    if (request.signal.aborted) throw new EntresolError('ENT_CANCELLED', 'The client went away before the upstream answered.', { cause: result });
    if (attempt === 1 && metClosingConnection(result)) continue;
    throw beforeHead(result, origin);
  }
}
