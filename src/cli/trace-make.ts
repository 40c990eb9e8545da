import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { defineCommand } from 'citty';
import { EntresolError } from '../core/index.ts';
import { UNSEEN_WORKLOADS, unseenLines } from '../lab/synthetic/index.ts';
import { formatTraceLine } from '../lab/trace/trace-line.ts';
import { parseOptions } from './parse-options.ts';

const ARGUMENTS = {
  workloads: { type: 'positional', required: false, description: `Which (default: all): ${UNSEEN_WORKLOADS.map(({ name }) => name).join(', ')}` },
  out: { type: 'string', description: 'Folder for the traces, one NAME.jsonl.gz each' },
  seed: { type: 'string', default: '1', description: 'The same seed makes the same traces' },
  json: { type: 'boolean', description: 'One JSON document on standard output' },
} as const;

export default defineCommand({
  meta: { name: 'make', description: 'Make synthetic traces of workloads whose structures no given trace has.' },
  args: ARGUMENTS,
  async run({ rawArgs }) {
    const options = parseOptions(rawArgs, ARGUMENTS);
    const out = options.text('out');
    if (out === undefined) throw new EntresolError('ENT_USAGE', 'expected a folder.', { at: '--out' });
    const seed = options.number('seed', { minimum: 0, maximum: 2 ** 32 - 1, integer: true }) ?? 1;
    const names = options.positionals.length > 0 ? options.positionals : UNSEEN_WORKLOADS.map(({ name }) => name);
    const made = names.map((name) => {
      const lines = [...unseenLines(name, seed)];
      return { name, path: join(out, `${name}.jsonl.gz`), calls: lines.length, text: `${lines.map(formatTraceLine).join('\n')}\n` };
    });
    try {
      await mkdir(out, { recursive: true });
      for (const { path, text } of made) await writeFile(path, gzipSync(text));
    } catch (cause) {
      throw new EntresolError('ENT_USAGE', `the folder cannot be written to: ${(cause as Error).message}.`, { at: '--out', cause });
    }
    const traces = made.map(({ name, path, calls }) => ({ name, path, calls }));
    process.stdout.write(options.flag('json') ? `${JSON.stringify({ seed, traces })}\n` : traces.map(({ path, calls }) => `${path}: ${calls} calls\n`).join(''));
  },
});
