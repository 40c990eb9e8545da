import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater } from '../../../test/support/gateway-setup.ts';
import type { CallReport } from '../../core/index.ts';
import { engineCall, RecordingAnswer, RecordingHost } from '../embedded/testing/recording-answer.ts';
import { UpstreamEngine } from './upstream-engine.ts';

afterEach(closeAll);

const adapter = { kind: 'openai-compatible', dialects: ['chat'], hosted: false, credentialHeader: 'authorization', keepAliveMs: 60_000 } as const;
const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}';

async function before(server: Server): Promise<UpstreamEngine> {
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  closeLater(() => new Promise((resolve) => { server.close(resolve); }));
  const engine = new UpstreamEngine({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }, adapter);
  await engine.start(new RecordingHost());
  closeLater(() => engine.stop(0));
  return engine;
}

/** Answers the first so many calls of each connection; what it does with the next is told. */
function connectionsThatEnd(answers: number, end: (socket: Socket) => void): { server: Server; received: () => number } {
  let received = 0;
  const server = createServer((socket) => {
    let left = answers;
    socket.on('error', () => undefined);
    // The calls of these tests come in one piece.
    socket.on('data', () => {
      received += 1;
      if (left-- > 0) socket.write(ANSWER);
      else end(socket);
    });
  });
  return { server, received: () => received };
}

async function send(engine: UpstreamEngine): Promise<{ answer: RecordingAnswer; report: CallReport }> {
  const answer = new RecordingAnswer();
  return { answer, report: await engine.handle(engineCall('chat', { model: 'm', messages: [{ role: 'user', content: 'hello' }] }), answer) };
}

describe('a connection that the upstream closes in the moment a call goes out on it', () => {
  it.each([
    ['closed', (socket: Socket) => void socket.end()],
    ['reset', (socket: Socket) => void socket.resetAndDestroy()],
  ])('%s: the call is sent once more and answered', async (_how, end) => {
    const { server, received } = connectionsThatEnd(1, end);
    const engine = await before(server);
    const sent = [];
    // A connection is taken again once it is idle, a turn of the event loop after its answer.
    while (sent.length < 100 && received() === sent.length) sent.push(await send(engine));
    expect(sent.map(({ answer, report }) => [answer.status, answer.body, report.status])).toEqual(sent.map(() => [200, '{}', 'ok']));
    expect(sent.at(-1)?.report.notes).toContain('it met a connection that the upstream was closing, and was sent once more');
    expect(received()).toBe(sent.length + 1);
  });

  it.each([
    ['closed', (socket: Socket) => void socket.end()],
    ['reset', (socket: Socket) => void socket.resetAndDestroy()],
  ])('a connection of its own that is %s: the call may have been taken up, and is not sent again', async (_how, end) => {
    const { server, received } = connectionsThatEnd(0, end);
    const engine = await before(server);
    await expect(send(engine)).rejects.toMatchObject({ code: 'ENT_UPSTREAM_FAILED' });
    expect(received()).toBe(1);
  });

  it('no call is lost to a server that closes idle connections unannounced', async () => {
    const server = createHttpServer({ keepAliveTimeout: 1 }, (request, response) => {
      // With a header of one's own Node does not say for how long it keeps the connection.
      request.resume().on('end', () => response.writeHead(200, { connection: 'keep-alive', 'content-type': 'application/json' }).end('{}'));
    });
    const engine = await before(server);
    const statuses: number[] = [];
    for (let call = 0; call < 200; call++) {
      // Any pause will do: those that hit the close are the ones that it takes.
      if (call % 4 > 0) await new Promise((resolve) => { setTimeout(resolve, call % 4); });
      statuses.push((await send(engine)).answer.status);
    }
    expect(statuses).toEqual(Array.from({ length: 200 }, () => 200));
  });
});
