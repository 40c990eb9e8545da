import * as fc from 'fast-check';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, post, setUp, until } from '../../test/support/gateway-setup.ts';
import { speak } from '../../test/support/scripted-upstream.ts';
import { startServer } from '../cli/compose.ts';
import { REUSED_FROM_BYTES } from '../core/index.ts';
import { OpenAiEngine } from '../engines/openai/engine.ts';
import { BodyBuffers, LentBuffers } from './body-buffers.ts';

afterEach(closeAll);

const bodyOf = (letter: string, bytes: number, more: object = {}): string => JSON.stringify({ model: 'm', messages: [{ role: 'user', content: letter.repeat(bytes) }], ...more });

describe('memory of bodies', () => {
  it('is never lent to two calls at once, is as long as was asked, and what waits is bounded', () => {
    fc.assert(fc.property(fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 6_000_000 }), ends: fc.nat(8), keeps: fc.boolean() }), { maxLength: 60 }), (calls) => {
      const buffers = new BodyBuffers();
      const open: { lent: LentBuffers; memory: ArrayBufferLike[]; keeps: boolean }[] = [];
      const kept = new Set<ArrayBufferLike>();
      for (const { bytes, ends, keeps } of calls) {
        const lent = new LentBuffers(buffers);
        const taken = [lent.take(bytes), lent.take(bytes + 20)];
        expect(taken.map(({ length }) => length)).toEqual([bytes, bytes + 20]);
        const memory = taken.filter(({ length }) => length >= REUSED_FROM_BYTES).map(({ buffer }) => buffer);
        for (const one of memory) {
          expect(kept.has(one)).toBe(false);
          for (const other of open) expect(other.memory).not.toContain(one);
        }
        open.push({ lent, memory, keeps });
        for (const { lent: over, memory: left, keeps: keep } of open.splice(0, ends)) {
          if (keep) {
            over.keep();
            for (const one of left) kept.add(one);
          }
          over.release();
          over.release();
        }
      }
    }));
  });

  it('holds one call\'s bytes at a time: each arrives as it was sent, spliced or not, one after the other and at once', async () => {
    const { upstream, server } = await setUp(speak('x'));
    const sent = Array.from({ length: 24 }, (_, index) => bodyOf(String.fromCharCode(97 + index), 40_000 + 9_000 * (index % 7), index % 2 === 0 ? {} : { stream: true }));
    for (const body of sent.slice(0, 8)) await (await post(`${server.url}/v1/chat/completions`, body)).text();
    await Promise.all(sent.slice(8).map(async (body) => (await post(`${server.url}/v1/chat/completions`, body)).text()));
    const expected = sent.map((body) => (body.includes('"stream"') ? `${body.slice(0, -1)},"stream_options":{"include_usage":true}}` : body));
    expect(new Set(upstream.received.map(({ body }) => body.toString()))).toEqual(new Set(expected));
  });

  it('is not used again while an upstream that has answered early may still read it', async () => {
    const connections: { socket: Socket; text: string }[] = [];
    const upstream = createServer((socket) => {
      const connection = { socket, text: '' };
      connections.push(connection);
      socket.on('error', () => undefined);
      socket.once('data', (first) => {
        connection.text += first.toString('latin1');
        socket.pause();
        // The answer is whole while most of the request is still to come.
        socket.write('HTTP/1.1 413 Too Large\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}');
      });
      socket.on('data', (more) => { if (connection.text.length > 0 && !socket.isPaused()) connection.text += more.toString('latin1'); });
    });
    await new Promise<void>((resolve) => { upstream.listen(0, '127.0.0.1', resolve); });
    closeLater(() => new Promise<void>((resolve) => {
      for (const { socket } of connections) socket.destroy();
      upstream.close(() => resolve());
    }));
    const server = await startServer({ engines: [new OpenAiEngine({ kind: 'openai-compatible', url: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}` })], log: () => undefined });
    closeLater(() => server.close(0));
    // More than the sockets between them take.
    const large = 4_000_000;
    expect((await post(`${server.url}/v1/chat/completions`, bodyOf('a', large))).status).toBe(413);
    expect((await post(`${server.url}/v1/chat/completions`, bodyOf('b', large))).status).toBe(413);
    const closed = Promise.all(connections.map(({ socket }) => new Promise((resolve) => { socket.on('close', resolve); })));
    for (const { socket } of connections) socket.resume();
    await closed;
    await until(() => connections.length >= 2);
    for (const [index, { text }] of connections.entries()) {
      const content = text.slice(text.indexOf('"content":"') + 11);
      expect(content.length).toBeGreaterThan(1000);
      expect(content.replaceAll(index === 0 ? 'a' : 'b', '')).toMatch(/^(?:"\}\]\})?$/);
    }
  });
});
