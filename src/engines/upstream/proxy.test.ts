import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, hello, post, setUp } from '../../../test/support/gateway-setup.ts';
import { speak } from '../../../test/support/scripted-upstream.ts';
import { startTlsUpstream } from '../../../test/support/tls-upstream.ts';
import { Connections } from './connections.ts';
import { proxyFromEnvironment } from './proxy.ts';
import { parseUpstreamUrl } from './upstream-url.ts';

afterEach(closeAll);

const through = (url: string, environment: Readonly<Record<string, string>>): string | undefined => proxyFromEnvironment(new URL(url), environment)?.href;

describe('the proxy of the environment', () => {
  const environment = { HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: 'internal.example, .corp:8443,10.0.0.7' };

  it.each([
    ['https://api.openai.com', 'http://proxy:3128/'],
    ['http://api.openai.com', undefined],
    ['https://internal.example', undefined],
    ['https://llm.internal.example:9000', undefined],
    ['https://notinternal.example', 'http://proxy:3128/'],
    ['https://a.corp:8443', undefined],
    ['https://a.corp', 'http://proxy:3128/'],
    ['https://10.0.0.7', undefined],
    ['https://127.0.0.1:8000', undefined],
    ['https://localhost', undefined],
    ['https://[::1]:8000', undefined],
  ])('for %s is %s', (url, proxy) => {
    expect(through(url, environment)).toBe(proxy);
  });

  it('goes by lower case first, ALL_PROXY last, takes a bare host, and NO_PROXY=*', () => {
    expect(through('https://a.b', { https_proxy: 'http://one:1', HTTPS_PROXY: 'http://two:2' })).toBe('http://one:1/');
    expect(through('http://a.b', { ALL_PROXY: 'one:1' })).toBe('http://one:1/');
    expect(through('https://a.b', { HTTPS_PROXY: 'http://one:1', NO_PROXY: '*' })).toBeUndefined();
    expect(through('https://a.b', {})).toBeUndefined();
  });
});

interface Proxy { readonly url: URL; readonly seen: string[]; readonly headers: string[][] }

/** A real proxy: tunnels to one port whatever is asked for, and forwards absolute URLs there. @param refuse how it answers CONNECT */
async function startProxy(port: number, refuse?: (socket: Socket) => void): Promise<Proxy> {
  const seen: string[] = [];
  const headers: string[][] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    headers.push(request.rawHeaders);
    request.resume();
    response.end('{"via":"proxy"}');
  });
  server.on('connect', (request, socket: Socket) => {
    seen.push(`CONNECT ${request.url}`);
    headers.push(request.rawHeaders);
    socket.on('error', () => undefined);
    if (refuse !== undefined) {
      refuse(socket);
      return;
    }
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.pipe(socket);
      socket.pipe(onward);
    });
    onward.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  closeLater(() => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  }));
  return { url: new URL(`http://user:p%40ss@127.0.0.1:${(server.address() as AddressInfo).port}`), seen, headers };
}

const settings = { connectTimeoutMs: 5000, firstByteTimeoutMs: 5000, silenceTimeoutMs: 5000, keepAliveMs: 4000 };
const AUTHORIZATION = `Basic ${Buffer.from('user:p@ss').toString('base64')}`;

/** One request, and how it ended. */
function exchange(connections: Connections): Promise<{ status: number } | { error: string }> {
  return new Promise((resolve) => {
    let status = 0;
    connections.dispatch({ method: 'GET', path: '/v1/models', headers: ['x-a', '1', 'x-a', '2'], body: null }, {
      onRequestStart: () => undefined,
      onResponseStart: (_controller, code) => { status = code; },
      onResponseData: () => undefined,
      // undici takes a connection into use again after a turn of the event loop.
      onResponseEnd: () => void setImmediate(() => setImmediate(resolve, { status })),
      onResponseError: (_controller, error) => resolve({ error: error.message }),
    });
  });
}

describe('through a proxy', () => {
  it('an http upstream is asked for by its whole URL, with every header line', async () => {
    const proxy = await startProxy(0);
    const connections = new Connections(parseUpstreamUrl('http://llm.example:8000'), { ...settings, proxy: proxy.url }, {});
    closeLater(() => connections.close(0));
    expect(await exchange(connections)).toEqual({ status: 200 });
    expect(proxy.seen).toEqual(['GET http://llm.example:8000/v1/models']);
    expect(proxy.headers[0].join(' ')).toContain(`x-a 1 x-a 2 proxy-authorization ${AUTHORIZATION}`);
    expect(proxy.headers[0].join(' ')).toMatch(/^host llm.example:8000 /);
  });

  it('an https upstream gets a tunnel, once for calls that follow each other', async () => {
    const upstream = await startTlsUpstream();
    closeLater(() => upstream.close());
    const proxy = await startProxy(upstream.port);
    const connections = new Connections(parseUpstreamUrl('https://localhost:8443'), { ...settings, proxy: proxy.url, tls: { ca: upstream.ca } }, {});
    closeLater(() => connections.close(0));
    expect([await exchange(connections), await exchange(connections)]).toEqual([{ status: 200 }, { status: 200 }]);
    expect(proxy.seen).toEqual(['CONNECT localhost:8443']);
    expect(proxy.headers[0].join(' ')).toContain(AUTHORIZATION);
    expect(upstream.headers.join(' ')).not.toMatch(/proxy-/i);
    const distrusting = new Connections(parseUpstreamUrl('https://localhost:8443'), { ...settings, proxy: proxy.url }, {});
    closeLater(() => distrusting.close(0));
    expect(await exchange(distrusting)).toMatchObject({ error: expect.stringContaining('certificate') });
  });

  it.each([
    ['refuses', (socket: Socket) => void socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n'), 'the proxy answered 403'],
    ['drops the connection', (socket: Socket) => void socket.destroy(), 'socket hang up'],
  ])('that %s the call ends, and it is not asked again and again', async (_name, refuse, message) => {
    const proxy = await startProxy(0, refuse);
    const connections = new Connections(parseUpstreamUrl('https://llm.example'), { ...settings, proxy: proxy.url }, {});
    closeLater(() => connections.close(0));
    expect(await exchange(connections)).toEqual({ error: message });
    expect(proxy.seen).toEqual(['CONNECT llm.example:443']);
  });

  it('calls of clients go, streamed through as any other', async () => {
    const target = await setUp(speak('straight'));
    const proxy = await startProxy(0);
    const { server } = await setUp(speak('x'), { engine: { url: 'http://llm.example:8000', proxy: proxy.url } });
    expect(await (await post(`${server.url}/v1/chat/completions`, JSON.stringify(hello))).json()).toEqual({ via: 'proxy' });
    expect(target.upstream.received).toHaveLength(0);
  });
});
