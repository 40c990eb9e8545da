/** A call on its way to an engine. */
import type { CallSignal, Dialect, EngineCall, CallMemory, RequestView } from '../core/index.ts';
import type { JsonObject } from './body.ts';

export interface OutgoingParts {
  readonly dialect: Dialect;
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: Buffer;
  /** What the body says; engines that pass it on never ask. */
  readonly content: { readonly members: JsonObject };
  readonly signal: CallSignal;
  readonly memory?: CallMemory;
}

export class OutgoingCall implements Omit<EngineCall, 'request'> {
  readonly dialect: Dialect;
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: Buffer;
  readonly signal: CallSignal;
  readonly memory: CallMemory | undefined;
  mayDecline = false;
  request: RequestView | undefined;
  readonly #content: OutgoingParts['content'];

  constructor({ dialect, method, path, headers, body, content, signal, memory }: OutgoingParts) {
    this.dialect = dialect;
    this.method = method;
    this.path = path;
    this.headers = headers;
    this.body = body;
    this.signal = signal;
    this.memory = memory;
    this.#content = content;
  }

  get parsed(): JsonObject { return this.#content.members; }

  /** The same, of a request that has arrived. */
  of(request: RequestView, mayDecline: boolean): EngineCall {
    this.request = request;
    this.mayDecline = mayDecline;
    return this as EngineCall;
  }
}
