/** Looks whether an upstream is there: opens a connection and closes it, or asks for the path of its health check. */
import { connect } from 'node:net';
import { askServer } from './ask-server.ts';
import type { Connections, OutgoingRequest } from './connections.ts';

/** It costs no call and needs no credential. */
export function canConnect(origin: string, timeoutMs: number): Promise<boolean> {
  const { hostname, port, protocol } = new URL(origin);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (protocol === 'https:' ? 443 : 80)), timeout: timeoutMs });
    socket.unref();
    const end = (reached: boolean): void => {
      socket.destroy();
      resolve(reached);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}

/** Any answer below 400 counts. */
export async function answersWell(connections: Connections, path: string, headers: readonly string[], timeoutMs: number): Promise<boolean> {
  const status = await statusOf(connections, { method: 'GET', path, headers, body: null }, timeoutMs).catch(() => undefined);
  return status !== undefined && status < 400;
}

/** The status of the answer to an empty request. Rejects where there is none. */
export function statusOfEmptyPost(connections: Connections, path: string, headers: readonly string[], timeoutMs: number): Promise<number> {
  return statusOf(connections, { method: 'POST', path, headers: [...headers, 'content-type', 'application/json'], body: Buffer.from('{}') }, timeoutMs);
}

async function statusOf(connections: Connections, request: OutgoingRequest, timeoutMs: number): Promise<number> {
  return (await askServer(connections, request, { timeoutMs, maximumBytes: 0 })).status;
}
