/** Asks an upstream something of our own: what it is, how it is, a warm-up. */
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
}

const pairs = (raw: unknown): string[] => (Array.isArray(raw) ? raw.map((value: Buffer | string) => (typeof value === 'string' ? value : value.toString('latin1'))) : []);

/** Rejects where there is no answer in time. */
export function askServer(connections: Connections, request: OutgoingRequest, { timeoutMs, maximumBytes }: AskLimits): Promise<ServerAnswer> {
  return new Promise((resolve, reject) => {
    let status = 0;
    let headers: string[] = [];
    let bytes = 0;
    const parts: Buffer[] = [];
    let timer: NodeJS.Timeout | undefined;
    connections.dispatch(request, {
      onRequestStart: (controller) => {
        timer = setTimeout(() => controller.abort(new Error('no answer in time')), timeoutMs).unref();
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
        clearTimeout(timer);
        resolve({ status, headers, body: Buffer.concat(parts) });
      },
      onResponseError: (_controller, error) => {
        clearTimeout(timer);
        reject(error);
      },
    });
  });
}
