import { defineCommand } from 'citty';
import { EntresolError } from '../core/index.ts';
import { replayTrace, resolveContenders, replayTable, type TraceReport } from '../lab/replay/index.ts';
import { locateTrace, readTrace, traceName } from '../lab/trace/index.ts';
import { parseOptions } from './parse-options.ts';
import { ProgressLine } from './progress-line.ts';

const ARGUMENTS = {
  traces: { type: 'positional', required: false, description: 'Trace files, or names looked for in traces/, ../shared/traces and $ENTRESOL_TRACES' },
  policy: { type: 'string', default: 'lru,belady,infinite,anchor-pin,cachescout,cache-sage', description: 'Policies, bounds (belady, infinite) and paths of policy files' },
  concurrency: { type: 'string', default: '16', description: 'Sessions at once' },
  capacity: { type: 'string', default: '0.1,0.2,0.35,0.5', description: 'Cache sizes as fractions of the working set' },
  'block-size': { type: 'string', default: '16', description: 'Tokens per block' },
  'max-calls': { type: 'string', description: 'Only the first so many calls' },
  timing: { type: 'string', default: 'exact', description: 'exact: a call ends as it arrives; live: its end is seen at its own time' },
  json: { type: 'boolean', description: 'One JSON document on standard output' },
} as const;

export default defineCommand({
  meta: { name: 'replay', description: 'Replay agent traces: policies beside LRU, rivals and the clairvoyant optimum.' },
  args: ARGUMENTS,
  async run({ rawArgs }) {
    const options = parseOptions(rawArgs, ARGUMENTS);
    if (options.positionals.length === 0) throw new EntresolError('ENT_USAGE', 'expected at least one trace.', { at: 'TRACE' });
    const concurrency = options.number('concurrency', { minimum: 1, maximum: 100_000, integer: true }) ?? 16;
    const capacities = options.numbers('capacity', { minimum: 0, maximum: 1000 });
    const blockTokens = options.number('block-size', { minimum: 1, maximum: 1_000_000, integer: true }) ?? 16;
    const maxCalls = options.number('max-calls', { minimum: 1, integer: true });
    const timing = options.choice('timing', ['exact', 'live']) ?? 'exact';
    if (capacities.length === 0) throw new EntresolError('ENT_USAGE', 'expected at least one fraction.', { at: '--capacity' });
    const contenders = await resolveContenders(options.list('policy'));
    const paths = options.positionals.map((trace) => locateTrace(trace));

    const progress = new ProgressLine(process.stderr);
    const reports: TraceReport[] = [];
    for (const path of paths) {
      const name = traceName(path);
      const trace = await readTrace(path, {
        blockTokens,
        maxCalls,
        onProgress: (calls, share) => progress.show(`${name}: reading, ${calls} calls, ${Math.round(share * 100)} %`),
      });
      const report = replayTrace(trace, contenders, {
        concurrency,
        capacities,
        timing,
        onProgress: (policy, capacity, done) => progress.show(`${name}: ${policy} at ${capacity}, ${done} of ${trace.calls.length} calls`),
      });
      reports.push(report);
      progress.clear();
      if (!options.flag('json')) process.stdout.write(`${replayTable(report)}\n\n`);
    }
    if (options.flag('json')) process.stdout.write(`${JSON.stringify({ traces: reports })}\n`);
  },
});
