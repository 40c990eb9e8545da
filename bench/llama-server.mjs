/**
 * A real llama-server alone and with Entresol before it: the same requests in alternating slices of one run, at equal total memory;
 * hits by the server's own count. Linux (a side that waits is stopped as a process).
 *
 *   node scripts/llama-server.mjs           # once: compiles the server
 *   node bench/llama-server.mjs [--trace six-agents,trail-swe] [--capacity 0.2] [--slots 2] [--duration 20] [--baselines] [--json]
 */
import { createJiti } from 'jiti';
import { benchOptions } from './options.mjs';

const values = benchOptions(import.meta.url, {
  'llama-server': { type: 'string' }, model: { type: 'string' }, trace: { type: 'string', default: 'six-agents' }, capacity: { type: 'string', default: '0.2' },
  slots: { type: 'string', default: '2' }, threads: { type: 'string', default: '1' }, seed: { type: 'string', default: '1' },
  duration: { type: 'string', default: '20' }, settle: { type: 'string', default: '6' }, baselines: { type: 'boolean', default: false }, json: { type: 'boolean', default: false },
});
const jiti = createJiti(import.meta.url);
const { builtLlamaServer } = await jiti.import('../src/lab/llama-server/build.ts');
const { benchServer } = await jiti.import('../src/lab/llama-server/server-bench.ts');
const { startServer } = await jiti.import('../src/cli/compose.ts');
const { resultLines } = await jiti.import('../src/lab/bench/words.ts');
const binary = values['llama-server'] ?? builtLlamaServer();
if (binary === undefined) {
  console.error('there is no llama-server: node scripts/llama-server.mjs compiles one, or give its path with --llama-server');
  process.exit(2);
}
const workloads = await benchServer({
  binary, modelPath: values.model, workloads: values.trace.split(','), capacities: values.capacity.split(',').map(Number), slots: Number(values.slots), threads: Number(values.threads),
  seed: Number(values.seed), durationSeconds: Number(values.duration), settleSeconds: Number(values.settle), baselines: values.baselines, startGateway: startServer,
  say: (line) => { console.error(line); },
  onLoad: (report) => { console.error(resultLines(report).join('\n')); },
});
if (values.json) console.log(JSON.stringify({ engine: { kind: 'llama-server', synthetic: values.model === undefined, threads: Number(values.threads) }, workloads }));
