/**
 * What every engine that is reached by URL must do, beyond the engine contract: bytes through, honest errors, and no
 * wrong answer whatever the server sends. Run against a stand-in that speaks as the real server does.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, eventsOf, post, until } from '../../../test/support/gateway-setup.ts';
import { startUpstream, type Script, type ScriptedUpstream } from '../../../test/support/scripted-upstream.ts';
import { startServer } from '../../cli/compose.ts';
import { enginesOf } from '../../cli/engine-findings.ts';
import type { Engine, Event } from '../../core/index.ts';
import { describeEngine } from '../engine.contract.ts';
import { engineCall, RecordingAnswer, RecordingHost } from '../embedded/testing/recording-answer.ts';
import type { UpstreamOptions } from './options.ts';

export interface UpstreamSubject {
  make(options: UpstreamOptions): Engine;
  /** Answers as the real server does: what it is, how it is, and calls. @param start which of its starts this is */
  script(start: number): Script;
  /** A call's body; by default a chat completion. */
  readonly body?: (text: string, more: { readonly maxTokens: number; readonly stream?: boolean }) => object;
  /** Calls the server's own questions (what it is, how it is), which are no calls of clients. */
  isQuestion?(path: string, method: string): boolean;
}

const chatBody = (text: string, { maxTokens, stream = false }: { maxTokens: number; stream?: boolean }): object =>
  ({ model: 'm', messages: [{ role: 'user', content: text }], max_tokens: maxTokens, ...(stream ? { stream, stream_options: { include_usage: true } } : {}) });

export function describeUpstream(name: string, subject: UpstreamSubject): void {
  const body = subject.body ?? chatBody;

  describeEngine(name, {
    dialect: 'chat', body,
    start: async () => {
      let server = await startUpstream(subject.script(1));
      const engine = subject.make({ url: server.url, retryMs: 5, proxy: 'none' });
      const host = new RecordingHost();
      await engine.start(host);
      return {
        engine, host,
        restart: async () => {
          const { port } = new URL(server.url);
          await server.close();
          const answer = new RecordingAnswer();
          await expect(engine.handle(engineCall('chat', body('hello', { maxTokens: 1 })), answer)).rejects.toMatchObject({ code: 'ENT_ENGINE_UNAVAILABLE' });
          expect(answer.status).toBe(0);
          server = await startUpstream(subject.script(2), Number(port));
          await until(() => host.events.at(-1)?.type === 'engine-up' || host.events.filter(({ type }) => type === 'engine-up').length === 2);
        },
        close: async () => {
          await engine.stop(0);
          await server.close();
        },
      };
    },
  });

  describe(`the contract of engines by URL: ${name}`, () => {
    afterEach(closeAll);

    const begin = async (options: Partial<UpstreamOptions> = {}, script = subject.script(1)): Promise<{ engine: Engine; host: RecordingHost; server: ScriptedUpstream }> => {
      const server = await startUpstream(script);
      closeLater(() => server.close());
      const engine = subject.make({ url: server.url, retryMs: 5, proxy: 'none', ...options });
      const host = new RecordingHost();
      await engine.start(host);
      closeLater(() => engine.stop(0));
      return { engine, host, server };
    };
    /** Answers calls by this script, and questions as the server does. */
    const answering = (script: Script): Script => (request, response) => (request.method === 'POST' && /^\/v1\/(?:chat\/)?completions$/.test(request.path) ? script(request, response) : subject.script(1)(request, response));
    const call = (more: { stream?: boolean } = {}, signal?: AbortSignal): ReturnType<typeof engineCall> => engineCall('chat', body('hello', { maxTokens: 4, ...more }), signal === undefined ? {} : { signal });

    it('sends the client\'s bytes, with nothing but additions, and hands on the answer\'s', async () => {
      const { engine, server } = await begin();
      const odd = Buffer.from('{ "model":"m","temperature": 1.0e0, "seed":12345678901234567890 ,"x":1,"x":2, "messages" : [{"role":"user","content":"\\ud800 \\u00e9"}],"max_tokens":2}\n');
      const text = '{"choices":[{"index":0,"message":{"role":"assistant","content":"\\ud83d ok"}}],  "usage":{"prompt_tokens":3,"completion_tokens":1e0}}';
      server.script(answering((_request, response) => { response.writeHead(200, { 'content-type': 'application/json', 'x-theirs': 'yes' }).end(text); }));
      const answer = new RecordingAnswer();
      await engine.handle({ ...call(), body: odd, parsed: JSON.parse(odd.toString()) as unknown, headers: ['X-Own', 'a', 'x-own', 'b'] }, answer);
      const received = server.received.findLast(({ path, method }) => method === 'POST' && path === '/v1/chat/completions')!;
      // Every byte of the client's is there, in its order.
      let at = 0;
      for (const byte of odd) at = received.body.indexOf(byte, at) + 1 || Infinity;
      expect(at).toBeLessThanOrEqual(received.body.length);
      const sent = JSON.parse(received.body.toString()) as Record<string, unknown>;
      expect(sent).toMatchObject({ model: 'm', temperature: 1, x: 2, max_tokens: 2 });
      expect(received.headers.join(' ')).toMatch(/X-Own a x-own b/);
      expect(answer.body).toBe(text);
      expect(answer.headers).toContain('x-theirs');
    });

    it.each([
      ['closes at once', (_request, response) => void response.destroy(), 'ENT_UPSTREAM_FAILED'],
      ['sends no answer in time', () => undefined, 'ENT_UPSTREAM_FAILED'],
    ] as readonly (readonly [string, Script, string])[])('a server that %s is an error of ours, with no byte to the client', async (_what, script, code) => {
      const { engine, host, server } = await begin({ firstByteTimeoutMs: 50 });
      server.script(answering(script));
      const answer = new RecordingAnswer();
      await expect(engine.handle(call(), answer)).rejects.toMatchObject({ code });
      expect(answer.status).toBe(0);
      expect(engine.load().runningRequests).toBe(0);
      expect(host.troubles).toContain('no-answer');
    });

    it('an answer that falls silent is cut, never ended cleanly', async () => {
      const { engine, host, server } = await begin({ silenceTimeoutMs: 50 });
      server.script(answering((_request, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"choices":[]}\n\n')));
      const answer = new RecordingAnswer();
      const report = await engine.handle(call({ stream: true }), answer);
      expect(report.status).toBe('error');
      expect(answer).toMatchObject({ ended: false, destroyed: expect.any(Error) });
      expect(engine.load().runningRequests).toBe(0);
      expect(host.troubles).toContain('answer-cut');
    });

    it('a restart in the middle of a stream cuts it, after all that had come, and the next call is served by the one that is back', async () => {
      const port = Number(new URL((await begin()).server.url).port);
      await closeAll();
      let server = await startUpstream(subject.script(1), port);
      const engine = subject.make({ url: server.url, retryMs: 5, proxy: 'none' });
      const host = new RecordingHost();
      await engine.start(host);
      closeLater(async () => {
        await engine.stop(0);
        await server.close();
      });
      const piece = 'data: {"choices":[{"index":0,"delta":{"content":"half of an"}}]}\n\n';
      server.script(answering((_request, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(piece)));
      const answer = new RecordingAnswer();
      const handled = engine.handle(call({ stream: true }), answer);
      await until(() => answer.body === piece);
      await server.close();
      const report = await handled;
      expect([report.status, answer.ended, answer.body]).toEqual(['error', false, piece]);
      expect(host.troubles).toContain('answer-cut');
      server = await startUpstream(subject.script(2), port);
      await until(() => engine.healthy());
      const next = new RecordingAnswer();
      expect((await engine.handle(call(), next)).status).toBe('ok');
      expect(next.body).not.toContain('half of an');
    });

    it('a client that leaves before the answer frees the server at once', async () => {
      const { engine, server } = await begin();
      server.script(answering(() => undefined));
      const abort = new AbortController();
      const handled = engine.handle(call({}, abort.signal), new RecordingAnswer());
      const isCall = ({ path }: { path: string }): boolean => path === '/v1/chat/completions';
      await until(() => server.received.some(isCall));
      abort.abort();
      await expect(handled).rejects.toMatchObject({ code: 'ENT_CANCELLED' });
      await server.received.find(isCall)!.aborted;
      expect(engine.load().runningRequests).toBe(0);
    });

    it('passes on the server\'s own errors, and serves the next call', async () => {
      const { engine, server } = await begin();
      for (const status of [400, 404, 422, 500]) {
        const text = `{"error":{"message":"theirs","code":${status}}}`;
        server.script(answering((_request, response) => void response.writeHead(status, { 'content-type': 'application/json' }).end(text)));
        const answer = new RecordingAnswer();
        const report = await engine.handle(call(), answer);
        expect([answer.status, answer.body, report.status]).toEqual([status, text, 'error']);
      }
      server.script(subject.script(1));
      expect((await engine.handle(call(), new RecordingAnswer())).status).toBe('ok');
    });

    it('200 with an error in its body: the client gets it as it is, and nobody learns from it', async () => {
      const upstream = await startUpstream(subject.script(1));
      closeLater(() => upstream.close());
      const engine = subject.make({ url: upstream.url, retryMs: 5, proxy: 'none' });
      const server = await startServer({ engines: [engine], log: () => undefined });
      closeLater(() => server.close(0));
      const events: Event[] = [];
      server.runtime.subscribe((event) => events.push(event));
      const texts = ['{"error":{"message":"the engine died","type":"internal"}}', '{"object":"error","message":"out of memory","code":500}', 'not JSON at all', ''];
      for (const text of texts) {
        upstream.script(answering((_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(text)));
        const answer = await post(`${server.url}/v1/chat/completions`, JSON.stringify(body('hello', { maxTokens: 2 })));
        expect([answer.status, await answer.text()]).toEqual([200, text]);
      }
      await until(() => eventsOf(events, 'request-end').length === texts.length);
      for (const end of eventsOf(events, 'request-end')) expect(end).toMatchObject({ status: 'error', cachedTokens: 0, outputTokens: 0 });
      // And whoever runs it sees that.
      expect(server.runtime.engineTroubles(engine.replica)).toMatchObject({ 'error-in-answer': texts.length });
      expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(new RegExp(`entresol_engine_troubles_total\\{replica="[^"]+",kind="error-in-answer"\\} ${texts.length}`));
      expect(await enginesOf(server.url)).toContainEqual(expect.objectContaining({ check: `engine ${engine.replica}, troubles`, detail: expect.stringContaining(`error-in-answer ${texts.length} times`) }));
    });

    it.each([
      ['garbage', (_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('\u0000{]')],
      ['JSON of another shape', (_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('[[null],{"version":7,"data":"x","error":{}}]')],
      ['errors', (_request, response) => void response.writeHead(500).end('no')],
      ['nothing of what it is asked', (_request, response) => void response.writeHead(404, { 'content-type': 'application/json' }).end('{"detail":"Not Found"}')],
    ] as readonly (readonly [string, Script])[])('a server that answers questions about itself with %s serves calls all the same', async (_what, garbage) => {
      const { engine, host } = await begin({}, (request, response) => (request.method === 'POST' && request.path === '/v1/chat/completions' ? subject.script(1)(request, response) : garbage(request, response)));
      const answer = new RecordingAnswer();
      expect((await engine.handle(call(), answer)).status).toBe('ok');
      expect(answer.status).toBe(200);
      for (const { kind } of [engine]) expect(kind).toBe(engine.kind);
      expect(host.events.at(-1)?.type).not.toBe('engine-down');
    });

    it('a server that answers no question about itself in time delays nobody for long', async () => {
      const { engine } = await begin({}, (request, response) => (request.method === 'POST' && request.path === '/v1/chat/completions' ? subject.script(1)(request, response) : undefined));
      expect((await engine.handle(call(), new RecordingAnswer())).status).toBe('ok');
    });
  });
}
