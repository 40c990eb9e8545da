/** Looks whether an upstream is there: opens a connection and closes it, or asks for the path of its health check. */
import { connect } from 'node:net';
import type { Connections } from './connections.ts';

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
export function answersWell(connections: Connections, path: string, headers: readonly string[], timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    let status = 0;
    let timer: NodeJS.Timeout | undefined;
    connections.dispatch({ method: 'GET', path, headers, body: null }, {
      onRequestStart: (controller) => {
        timer = setTimeout(() => controller.abort(new Error('the health check took too long')), timeoutMs).unref();
      },
      onResponseStart: (_controller, statusCode) => { status = statusCode; },
      onResponseData: () => undefined,
      onResponseEnd: () => {
        clearTimeout(timer);
        resolve(status < 400);
      },
      onResponseError: () => {
        clearTimeout(timer);
        resolve(false);
      },
    });
  });
}
