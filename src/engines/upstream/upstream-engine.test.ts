import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { closeAll, closeLater, until } from '../../../test/support/gateway-setup.ts';
import { speak, startUpstream, type Script, type ScriptedUpstream } from '../../../test/support/scripted-upstream.ts';
import { addMembersIn, type EngineCapabilities, type Event } from '../../core/index.ts';
import { engineCall, RecordingAnswer, RecordingHost } from '../embedded/testing/recording-answer.ts';
import type { UpstreamAdapter, UpstreamServer } from './adapter.ts';
import type { UpstreamOptions } from './options.ts';
import { UpstreamEngine } from './upstream-engine.ts';

afterEach(closeAll);

const plain = { kind: 'openai-compatible', dialects: ['chat'], hosted: false, credentialHeader: 'authorization', keepAliveMs: 4000 } as const;
const upsAndDowns = (events: readonly Event[]): string[] => events.map(({ type }) => type).filter((type) => type === 'engine-up' || type === 'engine-down');
const hello = { model: 'm', messages: [{ role: 'user', content: 'hello' }] };

async function started(adapter: UpstreamAdapter, script: Script = speak('x'), options: Partial<UpstreamOptions> = {}): Promise<{ engine: UpstreamEngine; host: RecordingHost; server: ScriptedUpstream }> {
  const server = await startUpstream(script);
  closeLater(() => server.close());
  const engine = new UpstreamEngine({ url: server.url, ...options }, adapter);
  const host = new RecordingHost();
  await engine.start(host);
  closeLater(() => engine.stop(0));
  return { engine, host, server };
}

/** Tells a version and which start it is, and remembers what it is told. */
class VersionAdapter implements UpstreamAdapter {
  readonly kind = plain.kind;
  readonly dialects = plain.dialects;
  readonly hosted = plain.hosted;
  readonly credentialHeader = plain.credentialHeader;
  readonly keepAliveMs = plain.keepAliveMs;
  readonly told: string[] = [];
  private version: string | undefined;

  capabilities(): Partial<EngineCapabilities> { return this.version === '2' ? { intents: ['evict'] } : {}; }
  async instance(server: UpstreamServer): Promise<string> {
    const { status, headers } = await server.ask('/health');
    if (status !== 200) throw new Error(`it answered ${status}`);
    return headers[headers.indexOf('x-start') + 1];
  }
  async discover(server: UpstreamServer): Promise<{ product: string; features: [] }> {
    this.version = (await server.ask('/version')).body.toString();
    return { product: `Example ${this.version}`, features: [] };
  }
  up(): void { this.told.push('up'); }
  down(): void {
    this.version = undefined;
    this.told.push('down');
  }
}
const versioned = (version: string, start: string): Script => (request, response) => {
  if (request.path === '/health') response.writeHead(200, { 'x-start': start }).end();
  else if (request.path === '/version') response.end(version);
  else void speak('x')(request, response);
};

describe('an engine that is reached by URL', () => {
  it('knows what the server is once it has started, and can then do what that version can', async () => {
    const adapter = new VersionAdapter();
    const { engine } = await started(adapter, versioned('2', 'a'));
    expect(engine.discovery()).toMatchObject({ product: 'Example 2' });
    expect(engine.capabilities).toMatchObject({ intents: ['evict'], passThrough: true, saltsCache: true });
    expect(adapter.told).toEqual(['up']);
  });

  it('notices that it was started anew, though no call ever failed: down, up, and looked at again', async () => {
    const adapter = new VersionAdapter();
    const { engine, host, server } = await started(adapter, versioned('2', 'a'), { check: { path: '/health', intervalMs: 5, timeoutMs: 2000, failures: 1 } });
    server.script(versioned('1', 'b'));
    await until(() => adapter.told.length === 3);
    expect(adapter.told).toEqual(['up', 'down', 'up']);
    expect(upsAndDowns(host.events)).toEqual(['engine-up', 'engine-down', 'engine-up']);
    expect(engine.capabilities.intents).toEqual([]);
    expect(engine.discovery()).toMatchObject({ product: 'Example 1' });
  });

  it('starts before its server, and looks at it when it is there', async () => {
    const first = await startUpstream(versioned('2', 'a'));
    await first.close();
    const adapter = new VersionAdapter();
    const engine = new UpstreamEngine({ url: first.url, retryMs: 5 }, adapter);
    closeLater(() => engine.stop(0));
    const host = new RecordingHost();
    await engine.start(host);
    expect(engine.healthy()).toBe(false);
    expect(adapter.told).toEqual([]);
    const second = await startUpstream(versioned('2', 'a'), Number(new URL(first.url).port));
    closeLater(() => second.close());
    await until(() => adapter.told.length === 1);
    expect(upsAndDowns(host.events)).toEqual(['engine-up', 'engine-down', 'engine-up']);
    expect(engine.healthy()).toBe(true);
  });

  it('serves while what the server tells of itself is garbage, and says so', async () => {
    const { engine, host } = await started({ ...plain, discover: () => Promise.reject(new SyntaxError('no JSON')) });
    expect(host.troubles).toEqual(['discovery-failed']);
    const answer = new RecordingAnswer();
    expect(await engine.handle(engineCall('chat', hello), answer)).toMatchObject({ status: 'ok' });
  });

  it('changes of a call what its adapter says, and nothing else', async () => {
    const { engine, server } = await started({
      ...plain,
      serve: (call, pass) => pass({ body: addMembersIn(call.body, call.parsed as typeof hello, 'hints', { session: 's' }), headers: [...call.headers, 'x-hint', '1'] }),
    });
    const call = { ...engineCall('chat', hello), body: Buffer.from(`{ "model":"m", "n": 1.0,"messages" : [] }\n`) };
    await engine.handle(call, new RecordingAnswer());
    expect(server.received[0].body.toString()).toBe('{ "model":"m", "n": 1.0,"messages" : [] ,"hints":{"session":"s"}}\n');
    expect(server.received[0].headers).toContain('x-hint');
  });

  it('reads the end of an answer, however long it is, and hands all of it on', async () => {
    const text = `${'a'.repeat(100_000)}{"queue":7}`;
    const { engine, server } = await started({
      ...plain,
      serve: (_call, pass) => pass({ readReport: ({ status, tail }) => ({ queueMs: status + Number(/"queue":(\d+)/.exec(tail.toString())?.[1]), notes: [`${tail.length}`] }) }),
    }, (_request, response) => { response.end(text); });
    const answer = new RecordingAnswer();
    const report = await engine.handle({ ...engineCall('chat', hello), headers: ['Accept-Encoding', 'gzip'] }, answer);
    expect(report).toMatchObject({ queueMs: 207, notes: ['16384'], status: 'ok' });
    expect(answer.body).toBe(text);
    const { headers } = server.received[0];
    expect(headers.filter((_, index) => index > 0 && headers[index - 1].toLowerCase() === 'accept-encoding')).toEqual(['identity']);
  });

  it('keeps a body whose bytes may still be read when its call has settled, and no other', async () => {
    const { engine, server } = await started(plain);
    const large = { model: 'm', messages: [{ role: 'user', content: 'a'.repeat(4_000_000) }] };
    let kept = 0;
    const memory = { take: (bytes: number) => Buffer.alloc(bytes), keep: () => { kept += 1; } };
    expect(await engine.handle({ ...engineCall('chat', large), memory }, new RecordingAnswer())).toMatchObject({ status: 'ok' });
    expect(server.received.at(-1)!.body.length).toBeGreaterThan(4_000_000);
    expect(kept).toBe(0);
    // Answers and reads on only when it is closed: more of the body is left than sockets take.
    const sockets: Socket[] = [];
    const early = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.pause();
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
      });
    });
    await new Promise<void>((resolve) => { early.listen(0, '127.0.0.1', resolve); });
    closeLater(() => new Promise<void>((resolve) => {
      for (const socket of sockets) socket.destroy();
      early.close(() => resolve());
    }));
    const before = new UpstreamEngine({ url: `http://127.0.0.1:${(early.address() as AddressInfo).port}` }, plain);
    await before.start(new RecordingHost());
    closeLater(() => before.stop(0));
    expect(await before.handle({ ...engineCall('chat', large), memory }, new RecordingAnswer())).toMatchObject({ status: 'ok' });
    expect(kept).toBe(1);
  });

  it('uses a connection for one call only where that is asked for', async () => {
    const sockets = new Set<string>();
    const { engine } = await started({ ...plain, serve: (_call, pass) => pass({ lastOnConnection: true }) }, (request, response) => {
      sockets.add(request.headers[request.headers.findIndex((name) => name.toLowerCase() === 'connection') + 1]);
      return speak('x')(request, response);
    });
    for (let index = 0; index < 2; index++) await engine.handle(engineCall('chat', hello), new RecordingAnswer());
    expect([...sockets]).toEqual(['close']);
  });

  it('closes what its adapter holds open once it is retired and idle, and passes a late call all the same', async () => {
    const told: string[] = [];
    const { engine } = await started({ ...plain, discover: () => Promise.resolve({ features: [] }), down: () => { told.push('down'); }, close: () => { told.push('close'); } });
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    engine.retire();
    vi.advanceTimersByTime(1000);
    vi.useRealTimers();
    expect(told).toEqual(['down', 'close']);
    expect(await engine.handle(engineCall('chat', hello), new RecordingAnswer())).toMatchObject({ status: 'ok' });
    await engine.stop(0);
    expect(told).toEqual(['down', 'close']);
  });

  it('takes no call once it is stopped', async () => {
    const { engine } = await started(plain);
    await engine.stop(0);
    await expect(engine.handle(engineCall('chat', hello), new RecordingAnswer())).rejects.toMatchObject({ code: 'ENT_DRAINING' });
  });
});
