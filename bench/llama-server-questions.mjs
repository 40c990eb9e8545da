/**
 * What Entresol adds to a call of a llama-server whose prompt is wholly cached: direct, passed through, with its slots owned, and
 * with prompts compared by the server's own tokens. Medians of calls in turn; one line for each length of prompt.
 *
 *   node scripts/llama-server.mjs && node bench/llama-server-questions.mjs [--calls 30]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createJiti } from 'jiti';
import { benchOptions } from './options.mjs';

const values = benchOptions(import.meta.url, { calls: { type: 'string', default: '30' }, 'llama-server': { type: 'string' } });
const jiti = createJiti(import.meta.url);
const [{ builtLlamaServer }, { LlamaServer }, { ensureSyntheticModel }, { TINY_SHAPE }, { cacheDirectory }, { startServer }, { LlamaServerEngine }, { llamaServerSettings }, { OpenAiEngine }] = await Promise.all([
  'lab/llama-server/build.ts', 'lab/llama-server/server.ts', 'engines/embedded/synthetic-model/synthetic-model.ts', 'engines/embedded/synthetic-model/shape.ts', 'engines/embedded/cache-directory.ts',
  'cli/compose.ts', 'engines/llama-server/engine.ts', 'engines/llama-server/settings.ts', 'engines/openai/engine.ts',
].map((path) => jiti.import(`../src/${path}`)));
const binary = values['llama-server'] ?? builtLlamaServer();
if (binary === undefined) {
  console.error('there is no llama-server: node scripts/llama-server.mjs compiles one, or give its path with --llama-server');
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'entresol-slots-'));
const { path: modelPath } = await ensureSyntheticModel(TINY_SHAPE, cacheDirectory());
const server = await LlamaServer.start({ binary, modelPath, slots: 3, contextTokens: 16_384, cacheMiB: 0, threads: 1, slotSavePath: `${folder}/` });
const log = () => {};
const owned = (prompts) => startServer({ engines: [new LlamaServerEngine({ url: server.url }, llamaServerSettings.parse({ prompts }))], log });
const gateways = [await startServer({ engines: [new OpenAiEngine({ kind: 'openai-compatible', url: server.url })], policies: [], log }), await owned('text'), await owned('exact')];
const urls = { direct: server.url, 'passed through': gateways[0].url, text: gateways[1].url, exact: gateways[2].url };
const median = (times) => [...times].sort((a, b) => a - b)[times.length >> 1];
try {
  for (const count of [4, 60, 200]) {
    const messages = Array.from({ length: count }, (_, at) => ({ role: at % 2 ? 'assistant' : 'user', content: `Message ${at}: the planner reads the report, decides which of the documents matter, and writes a note about each of them.` }));
    const body = JSON.stringify({ model: 'any', messages: [...messages, { role: 'user', content: 'go' }], max_tokens: 2, stream: true });
    const times = Object.fromEntries(Object.keys(urls).map((name) => [name, []]));
    for (let call = 0; call < Number(values.calls); call++) {
      for (const [name, url] of Object.entries(urls)) {
        const startedMs = performance.now();
        const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body, headers: { 'content-type': 'application/json', 'x-entresol-session': 's', 'x-entresol-agent': 'a' } });
        await answer.text();
        times[name].push(performance.now() - startedMs);
      }
    }
    console.log(`${body.length} bytes: ${Object.entries(times).map(([name, all]) => `${name} ${median(all).toFixed(1)} ms`).join(', ')}`);
  }
} finally {
  for (const gateway of gateways) await gateway.close(0);
  await server.close();
  rmSync(folder, { recursive: true, force: true });
}
