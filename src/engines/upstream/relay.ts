/** One exchange with an upstream: the request's bytes out, the answer's bytes through, with back-pressure and abort. */
import type { Dispatcher } from 'undici';
import { EntresolError, type Answer, type CallSignal } from '../../core/index.ts';
import { hadServedOthers, type Connections, type OutgoingRequest } from './connections.ts';

export interface RelayRequest extends OutgoingRequest {
  readonly signal: CallSignal;
  /** To send it twice has the effect of sending it once, but for the work. */
  readonly repeatable: boolean;
  /** Whether an answer with this status is kept back because another upstream could give a better one. */
  declines(status: number): boolean;
  /** The answer's head has come; its body may take minutes. */
  headCame(status: number, headers: readonly string[]): void;
}

/** How an exchange ended after the head had come; before it, `relay` throws. */
export interface RelayResult {
  readonly status: number;
  /** Raw pairs. */
  readonly headers: readonly string[];
  readonly end: 'complete' | 'cut' | 'cancelled' | 'declined';
  /** It met a connection that the upstream was closing, and went again. */
  readonly resent: boolean;
}

const UNREACHABLE = new Set([
  'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT', 'PROXY_REFUSED',
  'CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/** A connection that the upstream had closed shows it within a round trip; what breaks later had been taken up. */
const STALE_WITHIN_MS = 2000;

function codeOf(error: Error): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

/** Nobody was there to be asked. */
export const isUnreachable = (error: unknown): boolean => error instanceof Error && UNREACHABLE.has(codeOf(error));

function beforeHead(error: Error, origin: string): EntresolError {
  const code = codeOf(error);
  if (UNREACHABLE.has(code)) return new EntresolError('ENT_ENGINE_UNAVAILABLE', `The upstream ${origin} cannot be reached (${code === 'PROXY_REFUSED' ? error.message : code}).`, { at: origin, cause: error });
  if (code === 'UND_ERR_HEADERS_TIMEOUT') return new EntresolError('ENT_UPSTREAM_FAILED', `The upstream ${origin} sent no answer in time.`, { at: origin, cause: error });
  return new EntresolError('ENT_UPSTREAM_FAILED', `The upstream ${origin} broke off before it answered (${code === '' ? error.name : code}).`, { at: origin, cause: error });
}

/** Closed, or reset: a server that closes with a request unread in its buffer resets. */
const BROKEN = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/** The connection had served others before, and broke with no byte of an answer. */
const metClosingConnection = (error: Error): boolean => BROKEN.has(codeOf(error)) && hadServedOthers(error);

/** Raw header pairs are bytes; as latin1 they go out again as they came in. */
function rawPairs(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(raw)) return [];
  const pairs: string[] = [];
  for (const entry of raw as readonly (Buffer | string)[]) pairs.push(typeof entry === 'string' ? entry : entry.toString('latin1'));
  return pairs;
}

type Settled = Omit<RelayResult, 'resent'> | Error;

class Exchange implements Dispatcher.DispatchHandler {
  private readonly answer: Answer;
  private readonly request: RelayRequest;
  private readonly settle: (result: Settled) => void;
  private status = 0;
  private headers: readonly string[] = [];
  private declined = false;
  /** Until the client reads again. */
  private writing: Promise<void> | undefined;
  private abortListener: (() => void) | undefined;

  constructor(request: RelayRequest, answer: Answer, settle: (result: Settled) => void) {
    this.request = request;
    this.answer = answer;
    this.settle = settle;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    const abort = (): void => controller.abort(new Error('the client went away'));
    if (this.request.signal.aborted) {
      abort();
      return;
    }
    this.abortListener = abort;
    this.request.signal.addEventListener('abort', abort, { once: true });
  }

  onResponseStart(controller: Dispatcher.DispatchController, statusCode: number): void {
    if (statusCode < 200) return;
    this.status = statusCode;
    this.headers = rawPairs(controller.rawHeaders);
    this.request.headCame(statusCode, this.headers);
    this.declined = this.request.declines(statusCode);
    if (!this.declined) this.answer.head(statusCode, this.headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.declined) return;
    const wait = this.answer.write(chunk);
    if (wait === undefined) return;
    controller.pause();
    this.writing = wait.then(() => {
      this.writing = undefined;
      controller.resume();
    });
  }

  onResponseEnd(): void {
    if (this.writing === undefined) this.finish(() => this.ended());
    else this.writing.then(() => this.finish(() => this.ended()), this.settle);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.finish(() => this.failed(error));
  }

  private ended(): Settled {
    if (!this.declined) this.answer.end();
    return { status: this.status, headers: this.headers, end: this.declined ? 'declined' : 'complete' };
  }

  private failed(error: Error): Settled {
    const { status, headers } = this;
    if (status === 0) return error;
    if (this.declined) return { status, headers, end: 'declined' };
    this.answer.destroy(error);
    return { status, headers, end: this.request.signal.aborted ? 'cancelled' : 'cut' };
  }

  private finish(outcome: () => Settled): void {
    if (this.abortListener !== undefined) this.request.signal.removeEventListener('abort', this.abortListener);
    let settled: Settled;
    try {
      settled = outcome();
    } catch (thrown) {
      settled = thrown instanceof Error ? thrown : new Error(String(thrown));
    }
    this.settle(settled);
  }
}

/**
 * A server may close an idle connection in the moment a request goes out on it. From here that shows as a connection
 * that had served others and broke at once, with no byte of an answer: a repeatable request is sent once more, on a
 * connection of its own. Whether it had been taken up cannot be told for sure; to generate twice costs work alone.
 * @throws EntresolError `ENT_ENGINE_UNAVAILABLE`, `ENT_UPSTREAM_FAILED`, `ENT_CANCELLED` before the head only
 */
export async function relay(connections: Connections, origin: string, request: RelayRequest, answer: Answer): Promise<RelayResult> {
  const startedMs = performance.now();
  const first = await new Promise<Settled>((resolve) => connections.dispatch(request, new Exchange(request, answer, resolve)));
  if (!(first instanceof Error)) return { status: first.status, headers: first.headers, end: first.end, resent: false };
  const cancelled = (cause: Error): EntresolError => new EntresolError('ENT_CANCELLED', 'The client went away before the upstream answered.', { cause });
  if (request.signal.aborted) throw cancelled(first);
  if (!request.repeatable || !metClosingConnection(first) || performance.now() - startedMs > STALE_WITHIN_MS) throw beforeHead(first, origin);
  const second = await new Promise<Settled>((resolve) => connections.dispatchFresh(request, new Exchange(request, answer, resolve)));
  if (!(second instanceof Error)) return { ...second, resent: true };
  throw request.signal.aborted ? cancelled(second) : beforeHead(second, origin);
}
