/** HTTP as bytes on a connection: for what no client library would send, and for seeing exactly what comes back. */
import { connect, type Socket } from 'node:net';

export interface RawConnection {
  readonly socket: Socket;
  /** All that has come so far. */
  text(): string;
  send(bytes: string | Buffer): void;
  /** Resolves with all that has come once it matches. Rejects when the connection closes before. */
  until(pattern: RegExp): Promise<string>;
  /** Resolves with all that has come when the other side has closed. */
  closed(): Promise<string>;
}

export async function rawConnection(url: string): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  const parts: Buffer[] = [];
  socket.on('data', (part) => parts.push(part));
  socket.on('error', () => undefined);
  const text = (): string => Buffer.concat(parts).toString('latin1');
  const closed = new Promise<string>((resolve) => { socket.on('close', () => resolve(text())); });
  return {
    socket, text,
    send: (bytes) => { socket.write(bytes); },
    until: (pattern) => new Promise((resolve, reject) => {
      const look = (): void => { if (pattern.test(text())) resolve(text()); };
      socket.on('data', look);
      socket.on('close', () => reject(new Error(`closed after ${JSON.stringify(text().slice(0, 500))}`)));
      look();
    }),
    closed: () => closed,
  };
}

/** A POST with its length, and more headers as lines. */
export const rawPost = (path: string, body: string, headers: readonly string[] = []): string =>
  [`POST ${path} HTTP/1.1`, 'host: 127.0.0.1', 'content-type: application/json', `content-length: ${Buffer.byteLength(body)}`, ...headers, '', body].join('\r\n');

/** A server that answers each connection's first request with raw bytes. */
export async function startRawUpstream(answer: (socket: Socket, head: string) => void): Promise<{ url: string; close(): Promise<void> }> {
  const { createServer } = await import('node:net');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let head = '';
    let answered = false;
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (part) => {
      head += part.toString('latin1');
      if (answered || !head.includes('\r\n\r\n')) return;
      answered = true;
      answer(socket, head.slice(0, head.indexOf('\r\n\r\n') + 2));
    });
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    close: () => new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    }),
  };
}
