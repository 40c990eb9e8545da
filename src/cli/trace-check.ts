import { defineCommand } from 'citty';
import { EntresolError } from '../core/index.ts';
import { checkTrace, type CheckReport } from '../lab/trace-check/check-trace.ts';
import { locateTrace } from '../lab/trace/index.ts';
import { parseOptions } from './parse-options.ts';
import { ProgressLine } from './progress-line.ts';

const ARGUMENTS = {
  traces: { type: 'positional', required: false, description: 'Trace files or names' },
  json: { type: 'boolean', description: 'One JSON document on standard output' },
} as const;

function describe({ file, sessions, calls, faults, moreFaults, warnings }: CheckReport): string {
  const verdict = faults.length === 0 ? 'well formed' : `${faults.length + moreFaults} fault${faults.length + moreFaults === 1 ? '' : 's'}`;
  return [
    `${file}: ${calls} calls of ${sessions} sessions, ${verdict}`,
    ...faults.map(({ line, message }) => `  ${file}:${line}: ${message}`),
    ...(moreFaults === 0 ? [] : [`  and ${moreFaults} more`]),
    ...warnings.map(({ what, count, firstLine }) => `  ${count} call${count === 1 ? '' : 's'}, the first at line ${firstLine}: ${what}`),
  ].join('\n');
}

export default defineCommand({
  meta: { name: 'check', description: 'Check every line of traces: faults with file, line and field, and what looks wrong.' },
  args: ARGUMENTS,
  async run({ rawArgs }) {
    const options = parseOptions(rawArgs, ARGUMENTS);
    if (options.positionals.length === 0) throw new EntresolError('ENT_USAGE', 'expected at least one trace.', { at: 'TRACE' });
    const progress = new ProgressLine(process.stderr);
    const files: CheckReport[] = [];
    for (const path of options.positionals.map((trace) => locateTrace(trace))) {
      const report = await checkTrace(path, (calls, share) => progress.show(`${path}: ${Math.round(100 * share)} %, ${calls} calls`));
      progress.clear();
      files.push(report);
      if (!options.flag('json')) process.stdout.write(`${describe(report)}\n`);
    }
    if (options.flag('json')) process.stdout.write(`${JSON.stringify({ files })}\n`);
    if (files.some(({ faults }) => faults.length > 0)) process.exitCode = 1;
  },
});
