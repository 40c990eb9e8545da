import { spawnSync } from 'node:child_process';
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater } from '../../../test/support/gateway-setup.ts';
import { startBareProxy } from './bare-proxy.ts';
import { gatewayBars } from './bars.ts';
import { startBenchUpstream } from './bench-upstream.ts';
import { ANSWER_TEXT, Conversation, conversationShape } from './conversation.ts';
import type { GatewayDocument, GatewayRun } from './gateway-bench.ts';
import { LoadConnection } from './load-connection.ts';
import { LoadGenerator } from './load-generator.ts';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.mjs', import.meta.url));
afterEach(closeAll);

describe('conversations of the bench', () => {
  it.each([1024, 65_536, 614_400])('have about %d bytes, and a turn is the one before with two messages more', (bodyBytes) => {
    const conversation = new Conversation(conversationShape(bodyBytes, true), 'a');
    const bodies = [0, 1].map(() => JSON.parse(Buffer.concat([...conversation.next()]).toString()) as { messages: { role: string; content: string }[]; stream: boolean });
    expect(Math.abs(JSON.stringify(bodies[0]).length - bodyBytes) / bodyBytes).toBeLessThan(0.15);
    expect(bodies[1].messages.slice(0, -2)).toEqual(bodies[0].messages);
    expect(bodies[1].messages.at(-2)).toEqual({ role: 'assistant', content: ANSWER_TEXT });
    expect(bodies[1].stream).toBe(true);
  });
});

describe('a connection of the load', () => {
  it('finds the end of an answer at any chunking, with a length and without', async () => {
    let answer: Buffer[] = [];
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.setNoDelay(true));
      socket.on('error', () => undefined);
      socket.on('data', () => {
        void (async () => { for (const piece of answer) await new Promise((resolve) => { socket.write(piece, resolve); }); })();
      });
    });
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    const connection = new LoadConnection(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
    closeLater(async () => {
      connection.destroy();
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => { server.close(() => resolve()); });
    });
    const whole = 'HTTP/1.1 200 OK\r\ncontent-type: x\r\nContent-Length: 11\r\n\r\nhello\r\n\r\n10';
    const chunked = 'HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab\r\n0\r\n3\r\n\r\n\r\r\n0\r\n\r\n';
    await fc.assert(fc.asyncProperty(fc.constantFrom(whole, chunked), fc.array(fc.nat(), { maxLength: 8 }), async (text, places) => {
      const bytes = Buffer.from(text);
      const cuts = [...new Set(places.map((place) => place % bytes.length))].sort((a, b) => a - b);
      answer = [0, ...cuts].map((start, index) => bytes.subarray(start, cuts[index] ?? bytes.length)).filter((piece) => piece.length > 0);
      const result = await connection.exchange('/', '', [Buffer.from('x')]);
      expect(result.status).toBe(text === whole ? 200 : 503);
      expect(result.answerBytes).toBe(bytes.length - bytes.indexOf('\r\n\r\n') - 4);
    }), { numRuns: 50 });
  });
});

describe('the load', () => {
  it('gets whole answers through the bare proxy, as fast as it can and at a rate', async () => {
    const upstream = await startBenchUpstream();
    closeLater(() => upstream.close());
    const bare = await startBareProxy(upstream.url);
    closeLater(() => bare.close());
    const generator = new LoadGenerator();
    for (const stream of [false, true]) {
      const order = { url: bare.url, bodyBytes: 2000, stream, cold: false, durationMs: 100, connections: 3 };
      const fast = await generator.slice(order);
      expect(fast).toMatchObject({ failed: 0, calls: fast.lastByteMs.length });
      expect(fast.calls).toBeGreaterThan(0);
      expect(await generator.slice({ ...order, ratePerSecond: 100 })).toMatchObject({ failed: 0, calls: 10 });
    }
  });
});

describe('the bars', () => {
  const run = (more: Partial<GatewayRun>): GatewayRun => ({ path: 'entresol-all', bodyBytes: 1024, stream: false, cold: true, requestsPerSecond: 100, shareOfBare: { median: 0.5, low: 0.4, high: 0.6 }, cpuMsPerRequest: 0.2, addedMs: { p50: 0.3, p99: 3 }, rssMiB: 90, failed: 0, ...more });
  const met = (more: Partial<GatewayRun>): boolean[] => gatewayBars({ runs: [run(more)], aborts: [] }).map((bar) => bar.met);

  it('hold at the bar and not beyond it', () => {
    expect(met({})).toEqual([true, true]);
    expect(met({ shareOfBare: { median: 0.49, low: 0.4, high: 0.6 } })).toEqual([false, true]);
    expect(met({ failed: 1 })).toEqual([false, true]);
    expect(met({ addedMs: { p50: 0.31, p99: 3 } })).toEqual([true, false]);
    expect(met({ addedMs: { p50: 0.3, p99: 3.1 } })).toEqual([true, false]);
    expect(met({ path: 'bare' })).toEqual([]);
    expect(met({ bodyBytes: 614_400 })).toEqual([]);
  });
});

describe('entresol bench gateway', () => {
  it('prints one document of every path', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'bench', 'gateway', '--body', '1024', '--rounds', '1', '--slice', '0.1', '--warm', '0', '--aborts', '4', '--json'], { encoding: 'utf8' });
    expect(stderr).toContain('of bare');
    expect(status).toBe(0);
    const { runs, aborts } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as GatewayDocument;
    expect(runs.map(({ path, stream }) => `${path} ${stream}`)).toEqual([false, true].flatMap((stream) => ['direct', 'bare', 'entresol-none', 'entresol-all'].map((path) => `${path} ${stream}`)));
    for (const { failed, requestsPerSecond, cpuMsPerRequest, path } of runs) {
      expect(failed).toBe(0);
      expect(requestsPerSecond).toBeGreaterThan(0);
      if (path !== 'direct') expect(cpuMsPerRequest).toBeGreaterThan(0);
    }
    expect(aborts.map(({ path, reached }) => `${path} ${reached}`)).toEqual(['direct 4', 'bare 4', 'entresol-none 4', 'entresol-all 4']);
  }, 300_000);
});
