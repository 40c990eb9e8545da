/**
 * The whole list of what may differ between what a client sends and what the upstream gets, and back. Each line of the
 * table below is one permitted edit; anything else that differs fails.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, setUp } from '../../test/support/gateway-setup.ts';
import { finishChunk, sse, textChunk, usageChunk } from '../../test/support/scripted-upstream.ts';
import { tenantId } from '../core/index.ts';
import type { OpenAiEngineOptions } from '../engines/openai/engine.ts';
import { hashOfKey, KeyRing, newKey } from './access/index.ts';

afterEach(closeAll);

const KEY = newKey();
const BODY = '{"model":"m", "a":1.0,"a":-0.0,"n":12345678901234567890,"s":"\\ud800","messages":[{"role":"user","content":null}]}';
const STREAMED = `${BODY.slice(0, -1)},"stream":true}`;
const TOLD = ['User-Agent: Agents/Python 1', 'X-Request-ID: r1', 'traceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01', 'baggage: a=b', 'openai-organization: o', 'x-session-id: s', 'x-stainless-retry-count: 0', 'Content-Type: application/json', 'x-twice: 1', 'x-twice: 2', 'idempotency-key: k', 'accept: */*'];

interface Case {
  readonly sent: readonly string[];
  readonly body?: string;
  readonly engine?: Partial<OpenAiEngineOptions>;
  readonly removed?: readonly string[];
  readonly added?: readonly string[];
  /** The upstream's body; by default what was sent. */
  readonly got?: RegExp;
}

const pairs = (raw: readonly string[]): string[] => raw.flatMap((_, index) => (index % 2 === 0 ? [`${raw[index]}: ${raw[index + 1]}`] : []));
/** What `from` has and `to` has not, by line, with repeats. */
const less = (from: readonly string[], to: readonly string[]): string[] => {
  const left = [...to];
  return from.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
};
const framing = (line: string): boolean => /^(?:host|content-length|connection|transfer-encoding|keep-alive|date):/i.test(line);

const CASES: Readonly<Record<string, Case>> = {
  'nothing': { sent: [] },
  'our own headers are removed': { sent: ['x-entresol-session: s', 'X-Entresol-Agent: a', 'x-entresol-final: true'], removed: ['x-entresol-session: s', 'X-Entresol-Agent: a', 'x-entresol-final: true'] },
  'our key is removed, wherever it came': { sent: [`x-entresol-key: ${KEY}`, `authorization: Bearer ${KEY}`], removed: [`x-entresol-key: ${KEY}`, `authorization: Bearer ${KEY}`], engine: { saltsCache: false } },
  'the client\'s own credential is not': { sent: ['authorization: Bearer sk-1', 'x-api-key: sk-2', 'cookie: c=1'] },
  'hop-by-hop headers are removed, those that connection names too': { sent: ['te: trailers', 'proxy-authorization: Basic x', 'upgrade: h2c', 'x-hop: 1', 'connection: close, x-hop'], removed: ['te: trailers', 'proxy-authorization: Basic x', 'upgrade: h2c', 'x-hop: 1'] },
  'accept-encoding is narrowed to what a tap can read': { sent: ['accept-encoding: gzip, compress'], removed: ['accept-encoding: gzip, compress'], added: ['accept-encoding: gzip'] },
  'accept-encoding is narrowed to plain where a chunk is to be taken out': { sent: ['accept-encoding: gzip'], body: STREAMED, removed: ['accept-encoding: gzip'], added: ['accept-encoding: identity'], got: /^.*$/ },
  'stream_options.include_usage is added': { sent: [], body: STREAMED, got: /"stream":true,"stream_options":\{"include_usage":true\}\}$/ },
  'to a hosted API nothing is added': { sent: ['x-claude-code-session-id: c'], body: STREAMED, engine: { kind: 'openai' } },
  'headers of harnesses stay away from engines of one\'s own': { sent: ['x-claude-code-session-id: c', 'x-codex-turn: 1'], removed: ['x-claude-code-session-id: c', 'x-codex-turn: 1'] },
  'the salt of the cache is the tenant\'s, never the client\'s': { sent: [`x-entresol-key: ${KEY}`], body: `${BODY.slice(0, -1)},"cache_salt":"mine"}`, removed: [`x-entresol-key: ${KEY}`], engine: { saltsCache: true }, got: /"cache_salt":"(?!mine)[^"]+"\}$/ },
};

async function exchange(url: string, headers: readonly string[], body: string): Promise<{ raw: readonly string[]; body: Buffer; status?: number }> {
  const { hostname, port } = new URL(url);
  const request = httpRequest({ hostname, port, path: '/v1/chat/completions?beta=1&x=%20', method: 'POST', headers: [['host', `${hostname}:${port}`], ['content-length', String(Buffer.byteLength(body))], ...headers.map((line) => line.split(/: (.*)/s).slice(0, 2))].flat() });
  request.end(body);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
  });
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return { raw: answer.rawHeaders, body: Buffer.concat(parts), status: answer.statusCode };
}

describe('on the way up, the permitted edits are', () => {
  it.each(Object.entries(CASES))('%s', async (name, { sent, body = BODY, engine, removed = [], added = [], got }) => {
    const keys = name.includes('key is') || name.includes('salt') ? new KeyRing([{ name: 'k', hash: hashOfKey(KEY), tenant: tenantId('t'), admin: false }]) : undefined;
    const { server, upstream } = await setUp((_request, response) => { response.end('{}'); }, { ...(engine === undefined ? {} : { engine }), ...(keys === undefined ? {} : { keys }) });
    const told = [...TOLD, ...sent];
    expect((await exchange(server.url, told, body)).status).toBe(200);
    const received = upstream.received.at(-1);
    const arrived = pairs(received?.headers ?? []).filter((line) => !framing(line));
    const asked = told.filter((line) => !framing(line));
    expect(less(asked, arrived)).toEqual(removed);
    expect(less(arrived, asked)).toEqual(added);
    // Case, order and repeats of the rest are as they came.
    expect(less(arrived, added)).toEqual(less(asked, removed));
    expect(received?.path).toBe('/v1/chat/completions?beta=1&x=%20');
    if (got === undefined) expect(received?.body.toString()).toBe(body);
    else {
      expect(received?.body.toString()).toMatch(got);
      expect(received?.body.toString().startsWith(BODY.slice(0, -1))).toBe(true);
    }
  });
});

describe('on the way down, the permitted edits are', () => {
  const answered = ['Content-Type: application/json', 'x-request-id: u1', 'openai-processing-ms: 5', 'set-cookie: a=1', 'set-cookie: b=2', 'retry-after: 3', 'retry-after-ms: 2500', 'x-should-retry: false', 'X-Odd: \u00e4'];

  it.each([200, 429, 500])('our request id and timing, and hop-by-hop headers (%d)', async (status) => {
    const { server } = await setUp((_request, response) => {
      response.writeHead(status, [...answered, 'connection: x-hop, keep-alive', 'x-hop: 1', 'x-entresol-request-id: forged'].flatMap((line) => line.split(/: (.*)/s).slice(0, 2)));
      response.end('{"a":1.0, "a":2}');
    });
    const answer = await exchange(server.url, TOLD, BODY);
    const arrived = pairs(answer.raw).filter((line) => !framing(line));
    expect(less(answered, arrived)).toEqual([]);
    expect(less(arrived, answered).map((line) => line.replace(/: .*/, ''))).toEqual(['x-entresol-request-id', 'server-timing']);
    expect(arrived).not.toContain('x-entresol-request-id: forged');
    expect(less(arrived, less(arrived, answered))).toEqual(answered);
    expect(answer.body.toString()).toBe('{"a":1.0, "a":2}');
  });

  it('the usage chunk that only we asked for', async () => {
    const events = [textChunk('a'), finishChunk('stop')];
    const { server } = await setUp((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(sse([...events, usageChunk(1, 0, 1)]));
    });
    expect((await exchange(server.url, TOLD, STREAMED)).body.toString()).toBe(sse(events));
    const asking = `${BODY.slice(0, -1)},"stream":true,"stream_options":{"include_usage":true}}`;
    expect((await exchange(server.url, TOLD, asking)).body.toString()).toBe(sse([...events, usageChunk(1, 0, 1)]));
  });
});
