/** Answers of the gateway's own. */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { EntresolError } from '../core/index.ts';
import { errorBody, errorHeaders, requestIdHeader, type ErrorForm } from './errors.ts';

export function sendBytes(response: ServerResponse, requestId: string, status: number, contentType: string, body: Buffer, headers: readonly string[] = []): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, ['content-type', contentType, 'content-length', String(body.length), 'x-entresol-request-id', requestId, ...headers]);
  response.end(body);
}

export function sendJson(response: ServerResponse, requestId: string, value: unknown, status = 200): void {
  sendBytes(response, requestId, status, 'application/json', Buffer.from(`${JSON.stringify(value)}\n`));
}

/** One JSON value a line, made as the client reads them. */
export async function sendLines(response: ServerResponse, requestId: string, values: Iterable<unknown>): Promise<void> {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(200, ['content-type', 'application/x-ndjson', 'cache-control', 'no-store', 'x-entresol-request-id', requestId]);
  const lines = function* (): Generator<string> {
    for (const value of values) yield `${JSON.stringify(value)}\n`;
  };
  try {
    await pipeline(Readable.from(lines()), response);
  } catch (error) {
    // The client went away.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

export interface ErrorOptions {
  readonly retryAfterMs?: number;
  /** The request's body was not read to its end: the connection cannot be used again. */
  readonly close?: boolean;
  /** Whose clients call this route. Default: OpenAI's. */
  readonly form?: ErrorForm;
}

export function sendError(response: ServerResponse, requestId: string, error: EntresolError, options: ErrorOptions = {}): void {
  const { form = 'openai' } = options;
  const headers = [requestIdHeader(form), requestId, ...errorHeaders(error.code, options.retryAfterMs), ...(options.close === true ? ['connection', 'close'] : [])];
  const body = errorBody(error, form, requestId);
  if (options.close !== true) sendBytes(response, requestId, error.status, 'application/json', body, headers);
  else sendAndLinger(response, ['content-type', 'application/json', 'content-length', String(body.length), 'x-entresol-request-id', requestId, ...headers], error.status, body);
}

const LINGER_MS = 2000;
const LINGER_BYTES = 16 * 1024 * 1024;

/**
 * A client that is still sending when the connection closes is told of a broken connection and never sees the answer.
 * So the answer goes out whole, and what the client goes on sending is read and thrown away for a while before the close.
 */
function sendAndLinger(response: ServerResponse, headers: string[], status: number, body: Buffer): void {
  if (response.headersSent || response.destroyed) return;
  const { req: request } = response;
  response.writeHead(status, headers);
  response.write(body);
  const end = (): void => {
    clearTimeout(timer);
    if (!response.writableEnded) response.end();
  };
  const timer = setTimeout(end, LINGER_MS).unref();
  let bytes = 0;
  request.removeAllListeners('data');
  request.on('data', (part: Buffer) => {
    bytes += part.length;
    if (bytes > LINGER_BYTES) end();
  });
  request.on('end', end);
  response.on('close', end);
  request.resume();
}
