/** The adapter before a real llama-server: the same suite as before the stand-in. Runs where one has been compiled. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { cacheDirectory } from '../../src/engines/embedded/cache-directory.ts';
import { TINY_SHAPE } from '../../src/engines/embedded/synthetic-model/shape.ts';
import { ensureSyntheticModel } from '../../src/engines/embedded/synthetic-model/synthetic-model.ts';
import { describeLlamaServer, type TestServer } from '../../src/engines/llama-server/llama-server.contract.ts';
import { builtLlamaServer } from '../../src/lab/llama-server/build.ts';
import { LlamaServer } from '../../src/lab/llama-server/server.ts';

const binary = builtLlamaServer();

async function start(path: string): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'entresol-slots-'));
  const { path: modelPath } = await ensureSyntheticModel(TINY_SHAPE, cacheDirectory());
  const server = await LlamaServer.start({ binary: path, modelPath, slots: 2, contextTokens: 1024, cacheMiB: 0, threads: 1, slotSavePath: `${folder}/` });
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
}
