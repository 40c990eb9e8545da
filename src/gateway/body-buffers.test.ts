import * as fc from 'fast-check';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, post, setUp, until } from '../../test/support/gateway-setup.ts';
import { speak } from '../../test/support/scripted-upstream.ts';
import { startServer } from '../cli/compose.ts';
import { REUSED_FROM_BYTES, setMember } from '../core/index.ts';
import { OpenAiEngine } from '../engines/openai/engine.ts';
import { BodyBuffers, LentBuffers } from './body-buffers.ts';

afterEach(closeAll);

const bodyOf = (letter: string, bytes: number, more: object = {}): string => JSON.stringify({ model: 'm', messages: [{ role: 'user', content: letter.repeat(bytes) }], ...more });

describe('memory of bodies', () => {
  it('is never lent twice at once: no other call and no later copy gets the body or the latest two copies of a call', () => {
    fc.assert(fc.property(fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 6_000_000 }), copies: fc.nat(4), ends: fc.nat(8), keeps: fc.boolean() }), { maxLength: 40 }), (calls) => {
      const buffers = new BodyBuffers();
      const open: { lent: LentBuffers; memory: (ArrayBufferLike | undefined)[]; keeps: boolean }[] = [];
      const kept = new Set<ArrayBufferLike | undefined>();
      for (const { bytes, copies, ends, keeps } of calls) {
        const lent = new LentBuffers(buffers, () => true);
        const body = lent.forBody(bytes);
        expect(body?.length ?? bytes).toBeGreaterThanOrEqual(bytes);
        const taken = Array.from({ length: copies }, (_, index) => lent.take(bytes + index));
        expect(taken.map(({ length }) => length)).toEqual(taken.map((_, index) => bytes + index));
        const memory = [body, ...taken.slice(-2)].flatMap((one) => (one === undefined || one.length < REUSED_FROM_BYTES ? [] : [one.buffer]));
        expect(new Set(memory).size).toBe(memory.length);
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
    }), { numRuns: 50 });
  });

  it('of a size that is in use stays at hand, however much of other sizes waits', () => {
    const buffers = new BodyBuffers();
    const large = Array.from({ length: 12 }, () => buffers.take(4_000_000)!);
    for (const one of large) buffers.give(one);
    const turn = buffers.take(600_000)!;
    buffers.give(turn);
    expect(buffers.take(600_000)).toBe(turn);
    // 32 MB wait at most: of the twelve seven are left beside it.
    buffers.give(turn);
    expect(Array.from({ length: 12 }, () => buffers.take(4_000_000)!).filter((one) => large.includes(one))).toHaveLength(7);
  });

  it('counts: copies that would fill what all calls may have are refused, and what is superseded counts once', () => {
    const held: number[] = [];
    const lent = new LentBuffers(new BodyBuffers(), (bytes) => held.push(bytes) <= 2);
    for (let copy = 0; copy < 6; copy++) lent.take(100_000);
    expect(held).toEqual([131_072, 131_072]);
    expect(() => lent.take(3_000_000)).toThrow(expect.objectContaining({ code: 'ENT_OVERLOADED' }));
  });

  it('is taken once, however often a body repeats the member that is set', () => {
    const repeated = Buffer.from(`{"a":1,${'"cache_salt":0,'.repeat(5000)}"b":2}`);
    let taken = 0;
    const changed = setMember(repeated, { a: 1, cache_salt: 0, b: 2 }, 'cache_salt', '"s"', (bytes) => {
      taken += 1;
      return Buffer.alloc(bytes);
    });
    expect(taken).toBe(1);
    expect(changed.toString()).toBe(`{"a":1,${'"cache_salt":"s",'.repeat(5000)}"b":2}`);
  });

  it('holds one call\'s bytes at a time: each arrives as it was sent, spliced or not, one after the other and at once', async () => {
    const { upstream, server } = await setUp(speak('x'));
    const sent = Array.from({ length: 24 }, (_, index) => bodyOf(String.fromCharCode(97 + index), 40_000 + 9_000 * (index % 7), index % 2 === 0 ? {} : { stream: true }));
    for (const body of sent.slice(0, 8)) await (await post(`${server.url}/v1/chat/completions`, body)).text();
    await Promise.all(sent.slice(8).map(async (body) => (await post(`${server.url}/v1/chat/completions`, body)).text()));
    const expected = sent.map((body) => (body.includes('"stream"') ? `${body.slice(0, -1)},"stream_options":{"include_usage":true}}` : body));
    expect(new Set(upstream.received.map(({ body }) => body.toString()))).toEqual(new Set(expected));
  });

  it.each(['/v1/chat/completions', '/v1/files'])('is not used again while an upstream that has answered %s early may still read it', async (path) => {
    const connections: { readonly socket: Socket; text: string }[] = [];
    const upstream = createServer((socket) => {
      const connection = { socket, text: '' };
      connections.push(connection);
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => {
        connection.text += bytes.toString('latin1');
        if (connection.text.length > bytes.length) return;
        // The answer is whole while most of the request is still to come.
        socket.pause();
        socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}');
      });
    });
    await new Promise<void>((resolve) => { upstream.listen(0, '127.0.0.1', resolve); });
    closeLater(() => new Promise<void>((resolve) => {
      for (const { socket } of connections) socket.destroy();
      upstream.close(() => resolve());
    }));
    const server = await startServer({ engines: [new OpenAiEngine({ kind: 'openai-compatible', url: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}` })], log: () => undefined });
    closeLater(() => server.close(0));
    // More than the sockets between them take.
    const large = 4_100_000;
    for (const letter of ['a', 'b']) expect((await post(server.url + path, bodyOf(letter, large))).status).toBe(200);
    await until(() => connections.length === 2);
    const closed = Promise.all(connections.map(({ socket }) => new Promise((resolve) => { socket.on('close', resolve); })));
    for (const { socket } of connections) socket.resume();
    await closed;
    for (const [index, { text }] of connections.entries()) {
      const content = text.slice(text.indexOf('"content":"') + 11);
      expect(content.length).toBeGreaterThan(1000);
      expect(content.replaceAll(index === 0 ? 'a' : 'b', '')).toMatch(/^(?:"\}\]\})?$/);
    }
  });
});
