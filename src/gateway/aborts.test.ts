/** A client that has gone is told to the engine at once, wherever the call is; then its slot is free, and nothing is left behind. */
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, eventsOf, hello, post, setUp, until } from '../../test/support/gateway-setup.ts';
import { rawConnection, rawPost, type RawConnection } from '../../test/support/raw-http.ts';
import { textChunk, type Script } from '../../test/support/scripted-upstream.ts';
import { startServer } from '../cli/compose.ts';
import { definePolicy, type Event } from '../core/index.ts';
import { SimulatedEngine } from '../engines/simulated/engine.ts';

afterEach(closeAll);

const STREAM = JSON.stringify({ ...hello, stream: true });
const WAYS: readonly (readonly [string, (connection: RawConnection) => void])[] = [
  ['closes', (connection) => connection.socket.destroy()],
  ['resets', (connection) => connection.socket.resetAndDestroy()],
  ['half closes', (connection) => connection.socket.end()],
];
const STAGES: readonly (readonly [string, Script, RegExp | undefined])[] = [
  ['before the first byte', () => undefined, undefined],
  ['after the head', (_request, response) => { response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders(); }, /\r\n\r\n/],
  ['in the middle of a stream', (_request, response) => { response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${JSON.stringify(textChunk('a'))}\n\n`); }, /"a"/],
  ['in the middle of a whole answer', (_request, response) => { response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{"choices":'); }, /"choices"/],
];

describe.each(STAGES)('a client that goes %s', (_stage, script, seen) => {
  it.each(WAYS)('and %s', async (_way, leave) => {
    const { server, upstream, events } = await setUp(script);
    const connection = await rawConnection(server.url);
    connection.send(rawPost('/v1/chat/completions', STREAM));
    await until(() => upstream.received.length === 1);
    if (seen !== undefined) await connection.until(seen);
    expect(server.engine.load().runningRequests).toBe(1);
    leave(connection);
    await upstream.received[0].aborted;
    await until(() => eventsOf(events, 'request-end').length === 1);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'cancelled' }]);
    expect(eventsOf(events, 'request-cancel')).toHaveLength(1);
    expect(server.engine.load().runningRequests).toBe(0);
    expect(server.runtime.openRequests).toBe(0);
  });
});

describe('an engine of our own', () => {
  it('has its slot free again once the client of a call has gone', async () => {
    const server = await startServer({ engines: [new SimulatedEngine()], log: () => undefined });
    closeLater(() => server.close(0));
    const events: Event[] = [];
    server.runtime.subscribe((event) => events.push(event));
    const model = server.engine.models()[0].id;
    for (const stream of [true, false]) {
      events.length = 0;
      const connection = await rawConnection(server.url);
      connection.send(rawPost('/v1/chat/completions', JSON.stringify({ ...hello, model, stream, max_tokens: 2000 })));
      await until(() => eventsOf(events, 'request-dispatch').length === 1);
      if (stream) await connection.until(/data: /);
      connection.socket.destroy();
      await until(() => eventsOf(events, 'request-end').length === 1);
      expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'cancelled' }]);
      await until(() => server.engine.load().runningRequests === 0);
    }
    expect((await post(`${server.url}/v1/chat/completions`, JSON.stringify({ ...hello, model, max_tokens: 2 }))).status).toBe(200);
  });

  it('hears of it while the request waits for admission too', async () => {
    const definition = definePolicy({ name: 'hold', summary: 'Holds every call.', decisions: ['admission'], create: () => ({ score: { admission: () => ({ kind: 'hold', untilMs: Infinity }) } }) });
    const { server, upstream, events } = await setUp(() => undefined, { policies: [{ definition }] });
    const connection = await rawConnection(server.url);
    connection.send(rawPost('/v1/chat/completions', STREAM));
    await until(() => server.runtime.heldRequests === 1);
    connection.socket.destroy();
    await until(() => eventsOf(events, 'request-end').length === 1);
    expect(server.runtime.heldRequests).toBe(0);
    expect(upstream.received).toHaveLength(0);
  });
});
