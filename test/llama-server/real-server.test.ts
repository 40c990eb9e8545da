/** The adapter before a real llama-server: the same suite as before the stand-in. Runs where one has been compiled. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CallReport } from '../../src/core/index.ts';
import { cacheDirectory } from '../../src/engines/embedded/cache-directory.ts';
import { TINY_SHAPE } from '../../src/engines/embedded/synthetic-model/shape.ts';
import { ensureSyntheticModel } from '../../src/engines/embedded/synthetic-model/synthetic-model.ts';
import { RecordingAnswer, RecordingHost } from '../../src/engines/embedded/testing/recording-answer.ts';
import { describeEngine } from '../../src/engines/engine.contract.ts';
import { LlamaServerEngine } from '../../src/engines/llama-server/engine.ts';
import { callOf, describeLlamaServer, freshText, sentence, textOf, type TestServer } from '../../src/engines/llama-server/llama-server.contract.ts';
import { llamaServerSettings } from '../../src/engines/llama-server/settings.ts';
import { builtLlamaServer } from '../../src/lab/llama-server/build.ts';
import { LlamaServer } from '../../src/lab/llama-server/server.ts';

const binary = builtLlamaServer();

async function start(path: string, folderOfOthers?: string, contextTokens = 1024): Promise<TestServer> {
  const folder = folderOfOthers ?? await mkdtemp(join(tmpdir(), 'entresol-slots-'));
  const { path: modelPath } = await ensureSyntheticModel(TINY_SHAPE, cacheDirectory());
  const server = await LlamaServer.start({ binary: path, modelPath, slots: 2, contextTokens, cacheMiB: 0, threads: 1, slotSavePath: `${folder}/` });
  return {
    url: server.url,
    restart: async () => {
      await server.kill();
      await server.begin();
    },
    stop: async () => {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

if (binary === undefined) {
  process.stderr.write('\n*** SKIPPED: the adapter before a real llama-server, for none is compiled here: npm run test:llama-server compiles one (about 14 CPU minutes) and runs it. Before the stand-in it was tested.\n\n');
  describe('llama-server (a real one)', () => { it.skip('is compiled by npm run test:llama-server', () => undefined); });
} else {
  process.stderr.write(`the adapter runs before a real llama-server: ${binary}\n`);
  describeLlamaServer('llama-server (a real one)', () => start(binary));
  describeEngine('llama-server (a real one)', {
    dialect: 'chat', longTokens: 1500,
    body: (text, { maxTokens, stream = false }) => ({ model: 'm', messages: [{ role: 'user', content: text }], temperature: 0, max_tokens: maxTokens, ...(stream ? { stream, stream_options: { include_usage: true } } : {}) }),
    start: async () => {
      const server = await start(binary, undefined, 4096);
      const engine = new LlamaServerEngine({ url: server.url, proxy: 'none', retryMs: 100 }, llamaServerSettings.parse({}));
      const host = new RecordingHost();
      await engine.start(host);
      return {
        engine, host,
        restart: async () => {
          const up = host.next('engine-up');
          await server.restart();
          await up;
        },
        close: async () => {
          await engine.stop(0);
          await server.stop();
        },
      };
    },
  });

  it('two servers save into one folder, and each gets back what it has saved', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'entresol-slots-'));
    const pairs: { readonly server: TestServer; readonly engine: LlamaServerEngine; readonly host: RecordingHost }[] = [];
    try {
      const bodyOf = (session: string, at: number): object => ({ messages: [{ role: 'user', content: sentence(`${session} ${at}`) }], temperature: 0, max_tokens: 4 });
      const fresh = new Map<string, string | undefined>();
      const restored = [0, 0];
      const ask = async (at: number, session: string): Promise<CallReport> => {
        const answer = new RecordingAnswer();
        const report = await pairs[at].engine.handle(callOf(bodyOf(session, at), { session }), answer);
        expect(textOf(answer)).toBe(fresh.get(`${session}${at}`));
        if (report.notes?.some((note) => note.startsWith('restored')) === true) restored[at] += 1;
        return report;
      };
      for (const at of [0, 1]) {
        const server = await start(binary, folder);
        for (const session of ['a', 'b', 'c']) fresh.set(`${session}${at}`, await freshText(server.url, bodyOf(session, at)));
        const host = new RecordingHost();
        const engine = new LlamaServerEngine({ url: server.url, proxy: 'none' }, llamaServerSettings.parse({ stateFolder: folder }));
        pairs.push({ server, engine, host });
        await engine.start(host);
        for (const session of ['a', 'b', 'c']) await ask(at, session);
      }
      // The second has swept the folder when it started.
      for (const session of ['a', 'b', 'c']) {
        for (const at of [0, 1]) {
          const { cachedTokens, promptTokens } = await ask(at, session);
          expect(cachedTokens).toBeGreaterThan(promptTokens / 2);
        }
      }
      for (const [at, { host }] of pairs.entries()) expect([host.troubles, restored[at] > 0]).toEqual([[], true]);
    } finally {
      for (const { engine, server } of pairs) {
        await engine.stop(0);
        await server.stop();
      }
      await rm(folder, { recursive: true, force: true });
    }
  }, 60_000);
}
