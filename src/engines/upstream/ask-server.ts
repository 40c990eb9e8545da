/** Asks an upstream something of our own: what it is, how it is, a warm-up. */
import type { CallSignal } from '../../core/index.ts';
import type { Connections, OutgoingRequest } from './connections.ts';

export interface ServerAnswer {
  readonly status: number;
  /** Raw pairs. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

export interface AskLimits {
  readonly timeoutMs: number;
  /** What comes beyond is read and dropped; such an answer's body is cut there. */
  readonly maximumBytes: number;
  readonly signal?: CallSignal;
}

const pairs = (raw: unknown): string[] => (Array.isArray(raw) ? raw.map((value: Buffer | string) => (typeof value === 'string' ? value : value.toString('latin1'))) : []);

/** Rejects where there is no answer in time. */
export function askServer(connections: Connections, request: OutgoingRequest, { timeoutMs, maximumBytes, signal }: AskLimits): Promise<ServerAnswer> {
  return new Promise((resolve, reject) => {
    let status = 0;
    let headers: string[] = [];
    let bytes = 0;
    const parts: Buffer[] = [];
    let timer: NodeJS.Timeout | undefined;
    let giveUp: (() => void) | undefined;
    const ended = (): void => {
      clearTimeout(timer);
      if (giveUp !== undefined) signal?.removeEventListener('abort', giveUp);
    };
    connections.dispatch(request, {
      onRequestStart: (controller) => {
        timer = setTimeout(() => controller.abort(new Error('no answer in time')), timeoutMs).unref();
        giveUp = () => controller.abort(new Error('given up'));
        if (signal?.aborted === true) giveUp();
        else signal?.addEventListener('abort', giveUp, { once: true });
      },
      onResponseStart: (controller, statusCode) => {
        status = statusCode;
        headers = pairs(controller.rawHeaders);
      },
      onResponseData: (_controller, chunk) => {
        if (bytes < maximumBytes) parts.push(chunk.subarray(0, maximumBytes - bytes));
        bytes += chunk.length;
      },
      onResponseEnd: () => {
        ended();
        resolve({ status, headers, body: Buffer.concat(parts) });
      },
      onResponseError: (_controller, error) => {
        ended();
        reject(error);
      },
    });
  });
}
