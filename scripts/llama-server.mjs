/**
 * Compiles a real llama-server from the source inside `node-llama-cpp` into the cache directory, once (about 14 CPU minutes), and
 * prints where it lies. `--jobs N` sets how many compilers run at once.
 */
import { parseArgs } from 'node:util';
import { createJiti } from 'jiti';

const { values } = parseArgs({ options: { jobs: { type: 'string' } } });
const { buildLlamaServer } = await createJiti(import.meta.url).import('../src/lab/llama-server/build.ts');
const binary = await buildLlamaServer({
  jobs: values.jobs === undefined ? undefined : Number(values.jobs),
  progress: (line) => { process.stderr.write(`${line}\n`); },
});
console.log(binary);
