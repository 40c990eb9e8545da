/** Answers of the gateway's own. */
import type { ServerResponse } from 'node:http';
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
  sendBytes(response, requestId, error.status, 'application/json', errorBody(error, form, requestId), headers);
}
