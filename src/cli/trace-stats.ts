import { defineCommand } from 'citty';
import { EntresolError } from '../core/index.ts';
import { locateTrace, readTrace } from '../lab/trace/index.ts';
import { statsText, traceStats, type TraceStats } from '../lab/trace-stats/index.ts';
import { parseOptions } from './parse-options.ts';
import { ProgressLine } from './progress-line.ts';

const ARGUMENTS = {
  traces: { type: 'positional', required: false, description: 'Trace files or names' },
  concurrency: { type: 'string', default: '16', description: 'Sessions at once, for the working set and reuse' },
  'block-size': { type: 'string', default: '16', description: 'Tokens per block' },
  'max-calls': { type: 'string', description: 'Only the first so many calls' },
  json: { type: 'boolean', description: 'One JSON document on standard output' },
} as const;

export default defineCommand({
  meta: { name: 'stats', description: 'What a trace is like: sessions, agents, prompt growth, working set, reuse distances.' },
  args: ARGUMENTS,
  async run({ rawArgs }) {
    const options = parseOptions(rawArgs, ARGUMENTS);
    if (options.positionals.length === 0) throw new EntresolError('ENT_USAGE', 'expected at least one trace.', { at: 'TRACE' });
    const concurrency = options.number('concurrency', { minimum: 1, maximum: 100_000, integer: true }) ?? 16;
    const blockTokens = options.number('block-size', { minimum: 1, maximum: 1_000_000, integer: true }) ?? 16;
    const maxCalls = options.number('max-calls', { minimum: 1, integer: true });
    const progress = new ProgressLine(process.stderr);
    const traces: TraceStats[] = [];
    for (const path of options.positionals.map((trace) => locateTrace(trace))) {
      const trace = await readTrace(path, { blockTokens, maxCalls, onProgress: (calls, share) => progress.show(`${path}: reading, ${Math.round(100 * share)} %, ${calls} calls`) });
      const stats = traceStats(trace, concurrency);
      progress.clear();
      traces.push(stats);
      if (!options.flag('json')) process.stdout.write(`${statsText(stats)}\n\n`);
    }
    if (options.flag('json')) process.stdout.write(`${JSON.stringify({ traces })}\n`);
  },
});
