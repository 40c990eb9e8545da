/** What the HTTP parser cannot read, or what does not come, gets an answer all the same. */
import type { Socket } from 'node:net';
import { EntresolError } from '../core/index.ts';
import { errorBody, errorForm } from './errors.ts';
import type { OpenCall } from './open-call.ts';
import { newRequestId } from './request-id.ts';

function refusalOf({ code }: NodeJS.ErrnoException): EntresolError {
  if (code === 'HPE_HEADER_OVERFLOW') return new EntresolError('ENT_HEADERS_TOO_LARGE', 'The request\'s headers are too large.');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new EntresolError('ENT_REQUEST_TIMEOUT', 'The request did not come in time.');
  return new EntresolError('ENT_BAD_REQUEST', 'The request is no readable HTTP.');
}

/** @param open the request that was being read, where its head could be */
export function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket, open: OpenCall | undefined): void {
  // Within an answer that has begun, or after one that waits for its turn, another one would be taken for a part of it.
  if (!socket.writable || error.code === 'ECONNRESET' || open?.response.headersSent === true || open?.request.complete === true) {
    socket.destroy();
    return;
  }
  const refusal = refusalOf(error);
  const requestId = newRequestId();
  const body = errorBody(refusal, errorForm(open?.request.url ?? ''), requestId);
  const head = [`HTTP/1.1 ${refusal.status} Refused`, 'content-type: application/json', `content-length: ${body.length}`, `x-entresol-request-id: ${requestId}`, 'connection: close'];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body.toString()}`);
}
