/** The least that a proxy of node:http and undici can do: bytes both ways, nothing read, nothing known. What we are measured against. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';

const HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'host', 'expect']);

function kept(raw: readonly string[]): string[] {
  const pairs: string[] = [];
  for (let index = 0; index < raw.length; index += 2) if (!HOP.has(raw[index].toLowerCase())) pairs.push(raw[index], raw[index + 1]);
  return pairs;
}

export async function startBareProxy(upstream: string): Promise<{ url: string; close(): Promise<void> }> {
  const pool = new Pool(upstream, { connections: null, pipelining: 1 });
  const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
    const controller = new AbortController();
    response.on('close', () => {
      if (!response.writableFinished) controller.abort();
    });
    pool.stream({ method: request.method as 'POST', path: request.url ?? '/', headers: kept(request.rawHeaders), body: request, signal: controller.signal, responseHeaders: 'raw' }, ({ statusCode, headers: answered }) => {
      response.writeHead(statusCode, kept((answered as unknown as readonly (string | Buffer)[]).map(String)));
      return response;
    }).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => { server.close(() => resolve()); });
      await pool.destroy();
    },
  };
}
