// Drives the same calls through a real llama-server and through our model of its rules on the real engine, and prints
// the hit rates of both and how many calls differ. See docs/llama-server-baseline.md.
import { createJiti } from 'jiti';
import { benchOptions } from './options.mjs';

const values = benchOptions(import.meta.url, {
  'llama-server': { type: 'string' }, trace: { type: 'string', multiple: true }, model: { type: 'string' }, slots: { type: 'string', default: '4' },
  context: { type: 'string', default: '1024' }, 'cache-mib': { type: 'string', multiple: true }, sessions: { type: 'string', default: '12' },
  concurrency: { type: 'string', default: '8' }, calls: { type: 'string', default: '150' }, output: { type: 'string', default: '8' }, json: { type: 'boolean', default: false },
});
const jiti = createJiti(import.meta.url);
const { builtLlamaServer } = await jiti.import('../src/lab/llama-server/build.ts');
const binary = values['llama-server'] ?? builtLlamaServer();
if (binary === undefined) {
  console.error('there is no llama-server: node scripts/llama-server.mjs compiles one, or give its path\nusage: node bench/calibrate-llama-server.mjs [--llama-server PATH] [--trace FILE] [--cache-mib N] [--slots N] [--context N] [--json]');
  process.exit(2);
}
const { calibrate } = await jiti.import('../src/lab/slot-comparison/calibrate.ts');
const results = await calibrate({
  binary, modelPath: values.model, traces: values.trace, slots: Number(values.slots), contextTokens: Number(values.context),
  cacheMiB: (values['cache-mib'] ?? ['0', '8', '16']).map(Number), sessions: Number(values.sessions), concurrency: Number(values.concurrency),
  calls: Number(values.calls), outputTokens: Number(values.output),
  progress: (line) => { console.error(line); },
});
if (values.json) console.log(JSON.stringify({ results }));
