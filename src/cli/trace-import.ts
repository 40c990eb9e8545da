import { randomBytes } from 'node:crypto';
import { createWriteStream, readFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { defineCommand } from 'citty';
import { EntresolError } from '../core/index.ts';
import { FORMATS, TextHasher, importTrace, inputFiles, type ImportSummary } from '../lab/trace-import/index.ts';
import { interruptible } from './interruptible.ts';
import { parseOptions, type Options } from './parse-options.ts';
import { ProgressLine } from './progress-line.ts';

const ARGUMENTS = {
  inputs: { type: 'positional', required: false, description: 'Files (.jsonl, .json, gzipped or not) and folders of one format' },
  from: { type: 'string', description: `Format (default: told from the first record): ${FORMATS.map(({ name }) => name).join(', ')}` },
  out: { type: 'string', description: 'The trace, .jsonl.gz or .jsonl (default: lines on standard output)' },
  workload: { type: 'string', description: 'Name of the workload where the source has none' },
  key: { type: 'string', description: 'File whose content keys the hashes, so that several imports share theirs (default: random, thrown away)' },
  'hash-names': { type: 'boolean', description: 'Hash the names of agents, tools and workloads too' },
  'skip-broken': { type: 'boolean', description: 'Count broken records and go on' },
  json: { type: 'boolean', description: 'One JSON document on standard output (needs --out)' },
} as const;

const SHORTEST_KEY_BYTES = 16;

function keyOf(options: Options): Uint8Array {
  const file = options.text('key');
  if (file === undefined) return randomBytes(32);
  let key: Uint8Array;
  try {
    key = readFileSync(file);
  } catch (cause) {
    throw new EntresolError('ENT_USAGE', `the file cannot be read: ${(cause as Error).message}.`, { at: '--key', cause });
  }
  if (key.length < SHORTEST_KEY_BYTES) throw new EntresolError('ENT_USAGE', `expected at least ${SHORTEST_KEY_BYTES} bytes in ${file}, found ${key.length}: a short key can be tried out.`, { at: '--key' });
  return key;
}

function describe({ format, files, records, sessions, calls, emptyCalls, brokenRecords, firstBroken, tokensPerByte }: ImportSummary): string {
  return [
    `${calls} calls of ${sessions} sessions from ${records} records of ${files} file${files === 1 ? '' : 's'} (${format}), ${tokensPerByte.toFixed(3)} tokens per byte of text`,
    ...(emptyCalls === 0 ? [] : [`${emptyCalls} calls without any prompt were left out`]),
    ...(brokenRecords === 0 ? [] : [`${brokenRecords} broken records were skipped, the first: ${firstBroken.join(' · ')}`]),
  ].join('\n');
}

export default defineCommand({
  meta: { name: 'import', description: 'Make a trace of logs: hashes, lengths and times, no text.' },
  args: ARGUMENTS,
  async run({ rawArgs }) {
    const options = parseOptions(rawArgs, ARGUMENTS);
    if (options.positionals.length === 0) throw new EntresolError('ENT_USAGE', 'expected at least one file or folder.', { at: 'INPUT' });
    const out = options.text('out');
    const json = options.flag('json');
    if (json && out === undefined) throw new EntresolError('ENT_USAGE', 'expected --out, for standard output is for the document.', { at: '--json' });
    const progress = new ProgressLine(process.stderr);
    let summary: ImportSummary | undefined;
    const draft = out === undefined ? undefined : `${out}.part`;
    await interruptible(async (signal) => {
      const lines = importTrace({
        files: inputFiles(options.positionals),
        format: options.text('from'),
        hasher: new TextHasher(keyOf(options), options.flag('hash-names')),
        workload: options.text('workload'),
        skipBroken: options.flag('skip-broken'),
        onProgress: (calls, file, share) => {
          signal.throwIfAborted();
          progress.show(`${file}: ${Math.round(100 * share)} %, ${calls} calls so far`);
        },
      });
      const text = async function* (): AsyncGenerator<string> {
        for (;;) {
          const next = await lines.next();
          if (next.done === true) {
            summary = next.value;
            return;
          }
          signal.throwIfAborted();
          yield `${next.value}\n`;
        }
      };
      try {
        const source = Readable.from(text());
        if (draft === undefined) await pipeline(source, process.stdout, { end: false });
        else if (out?.endsWith('.gz') === true) await pipeline(source, createGzip({ level: 9 }), createWriteStream(draft, { mode: 0o600 }));
        else await pipeline(source, createWriteStream(draft, { mode: 0o600 }));
        if (draft !== undefined && out !== undefined) await rename(draft, out);
      } catch (error) {
        if (draft !== undefined) await rm(draft, { force: true });
        if (error instanceof EntresolError && error.code === 'ENT_TRACE_INVALID' && !options.flag('skip-broken')) {
          throw new EntresolError(error.code, `${error.message} --skip-broken counts such records and goes on.`, { at: error.at, cause: error });
        }
        if (draft === undefined) throw error;
        const { syscall, path, message } = error as NodeJS.ErrnoException;
        if (syscall === undefined || path !== draft) throw error;
        throw new EntresolError('ENT_USAGE', `the trace cannot be written: ${message}.`, { at: '--out', cause: error });
      }
      progress.clear();
      if (summary === undefined) return;
      process.stderr.write(`${describe(summary)}\n`);
      if (json) process.stdout.write(`${JSON.stringify({ out, ...summary })}\n`);
    }, () => {
      progress.clear();
      process.stderr.write('stopped: nothing was written\n');
    });
  },
});
