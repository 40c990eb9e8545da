/** What servers behind could read in another way than we do is refused, or read as they would. */
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, eventsOf, hello, post, setUp } from '../../test/support/gateway-setup.ts';
import { rawConnection } from '../../test/support/raw-http.ts';
import { speak } from '../../test/support/scripted-upstream.ts';
import { brokenEscape } from './escapes.ts';
import { resolvedPath } from './framing.ts';

afterEach(closeAll);

const BODY = JSON.stringify(hello);
const CHUNKED = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;
const POST = 'POST /v1/chat/completions HTTP/1.1\r\n';

describe('heads', () => {
  it.each([
    ['two hosts', `${POST}host: 127.0.0.1\r\nHost: localhost\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`, 400, 'header host'],
    ['no host', `${POST}content-length: ${BODY.length}\r\n\r\n${BODY}`, 400, 'header host'],
    ['a transfer coding before chunked', `${POST}host: 127.0.0.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n${CHUNKED}`, 400, 'header transfer-encoding'],
    ['TRACE, whose answer would show the upstream\'s credential', 'TRACE /v1/models HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n', 404, '/v1/models'],
  ])('with %s are refused in the form of the route, and reach nobody', async (_what, bytes, status, place) => {
    const { server, upstream } = await setUp(speak('x'));
    const connection = await rawConnection(server.url);
    connection.send(bytes);
    const text = await connection.until(/"code":"ENT_/);
    expect(text).toContain(`HTTP/1.1 ${status} `);
    expect(text).toContain(`"param":"${place}"`);
    connection.socket.destroy();
    expect(upstream.received).toEqual([]);
  });

  it('of HTTP/1.0 need no host', async () => {
    const { server } = await setUp(speak('x'));
    const connection = await rawConnection(server.url);
    connection.send('GET /healthz HTTP/1.0\r\n\r\n');
    expect(await connection.closed()).toMatch(/^HTTP\/1\.1 200/);
  });
});

describe('paths', () => {
  it.each(['/v1/chat/completions/', '/v1//chat/completions', '/v1/chat%2Fcompletions', '/v1/ch%61t/completions'])('that servers take for a route that is read go through policies too: %s', async (path) => {
    const { server, upstream, events } = await setUp(speak('x'));
    expect((await post(server.url + path, BODY)).status).toBe(200);
    expect(eventsOf(events, 'request-end')).toMatchObject([{ status: 'ok' }]);
    expect(upstream.received.map((request) => request.path)).toEqual([path]);
  });

  it('are otherwise what they are', () => {
    expect(['/', '/v1/files/a%20b', '/v1/models/org/b', '/v1/%C3%A4'].map(resolvedPath)).toEqual(['/', '/v1/files/a%20b', '/v1/models/org/b', '/v1/%C3%A4']);
  });
});

describe('escapes', () => {
  /** Strings between their quotes: any piece may be broken. */
  const inside = fc.array(fc.oneof(fc.constantFrom('\\\\', '\\"', '\\n', '\\u00e4', '\\uD8', '\\u12G4', '\\x', '\\', '\\/', '\\ud800', 'é', '1234'), fc.string({ maxLength: 5 }).map((text) => JSON.stringify(text).slice(1, -1))), { maxLength: 12 }).map((parts) => parts.join(''));
  const parses = (text: string): boolean => {
    try {
      JSON.parse(text);
    } catch {
      return false;
    }
    return true;
  };

  it('are broken where a parser says so', () => {
    fc.assert(fc.property(inside, (text) => {
      // What ends its string early is the scanner's to find.
      fc.pre(/^(?:[^"\\]|\\.)*$/su.test(text));
      expect(brokenEscape(Buffer.from(`{"a":"${text}"}`), 0) < 0).toBe(parses(`{"a":"${text}"}`));
    }), { numRuns: 2000 });
  });

  it.each(['\\uD8', '\\x', `${'long '.repeat(20_000)}\\q`])('that are broken are refused here, the next turn of such a conversation too', async (content) => {
    const { server, upstream } = await setUp(speak('x'));
    const turns = (count: number): string => {
      const sound = Array.from({ length: count }, (_, index) => ({ role: 'user', content: `turn ${index} ${'of many words '.repeat(500)}` }));
      return JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'BROKEN' }, ...sound] }).replace('BROKEN', () => content);
    };
    for (const count of [1, 20, 21]) {
      const answer = await post(`${server.url}/v1/chat/completions`, turns(count));
      expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: 'ENT_BAD_JSON', message: expect.stringContaining('a broken escape at byte') } }]);
    }
    expect(upstream.received).toEqual([]);
  });
});
