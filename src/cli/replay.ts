import { defineCommand } from 'citty';
import { EntresolError } from '../core/index.ts';
import { BOUND_NAMES, jobsOf, prefillCostOf, replayTable, reportsOf, resolveContenders, type ReplayResult } from '../lab/replay/index.ts';
import { locateTrace } from '../lab/trace/index.ts';
import { POLICIES } from '../policies/registry.ts';
import { parametersOf } from './parameter-choices.ts';
import { parseOptions } from './parse-options.ts';
import { WORK_ARGUMENTS, policyReferences, runShown } from './run-shown.ts';

const RETENTION_POLICIES = POLICIES.filter(({ decisions }) => decisions.includes('retention')).map(({ name }) => name);

const ARGUMENTS = {
  traces: { type: 'positional', required: false, description: 'Trace files, or names looked for in traces/, ../shared/traces and $ENTRESOL_TRACES' },
  policy: { type: 'string', default: 'lru,belady,infinite,anchor-pin,cachescout,cache-sage', description: `Policies (${RETENTION_POLICIES.join(', ')}), bounds (${BOUND_NAMES.join(', ')}) and paths of policy files` },
  concurrency: { type: 'string', default: '16', description: 'Sessions at once' },
  capacity: { type: 'string', default: '0.1,0.2,0.35,0.5', description: 'Cache sizes as fractions of the working set' },
  'block-size': { type: 'string', default: '16', description: 'Tokens per block' },
  'max-calls': { type: 'string', description: 'Only the first so many calls' },
  timing: { type: 'string', default: 'exact', description: 'exact: a call ends as it arrives; live: its end is seen at its own time' },
  parameter: { type: 'string', description: 'NAME=VALUE, for every policy that has it, over its default' },
  'prefill-cost': { type: 'string', default: 'dense-8b', description: 'Curve by which saved prefill is priced: dense-8b, embedded (measured), or a JSON file' },
  ...WORK_ARGUMENTS,
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
    const references = policyReferences(options.list('policy'));
    await resolveContenders(references);
    const parameters = await parametersOf(references, options.list('parameter'));
    const traces = options.positionals.map((trace) => ({ path: locateTrace(trace), blockTokens, maxCalls }));
    const cost = prefillCostOf(options.text('prefill-cost') ?? 'dense-8b');
    const plan = { traces, references, concurrency, capacities, timing, parameters, cost };
    await runShown(jobsOf(plan), options, {
      print: (results) => {
        const reports = reportsOf(plan, results as readonly ReplayResult[]);
        if (options.flag('json')) process.stdout.write(`${JSON.stringify({ traces: reports })}\n`);
        else for (const report of reports) process.stdout.write(`${replayTable(report)}\n\n`);
      },
    });
  },
});
