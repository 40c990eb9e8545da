import { defineCommand } from 'citty';
import { EntresolError } from '../core/index.ts';
import { benchPolicies, benchPolicyTable } from '../lab/bench-policy/bench-policy.ts';
import { POLICIES } from '../policies/registry.ts';
import { loadPolicy } from '../runtime/load-policy.ts';
import { parseOptions } from './parse-options.ts';
import { ProgressLine } from './progress-line.ts';

const RETAINING = POLICIES.filter(({ decisions }) => decisions.includes('retention')).map(({ name }) => name);

const ARGUMENTS = {
  policy: { type: 'string', default: RETAINING.join(','), description: 'Retention policies, and paths of policy files' },
  agents: { type: 'string', default: '6,24', description: 'Agents of the workload' },
  sessions: { type: 'string', default: '100,1000', description: 'Sessions at once' },
  capacity: { type: 'string', default: '0.2', description: 'Cache size as a fraction of the working set' },
  blocks: { type: 'string', description: 'Cache size in blocks, in place of the fraction' },
  runs: { type: 'string', default: '1', description: 'How often each is replayed; from twice on, a second row has the fastest run of each call: the work without the machine' },
  seed: { type: 'string', default: '1', description: 'Of the synthetic load' },
  json: { type: 'boolean', description: 'One JSON document on standard output' },
} as const;

export default defineCommand({
  meta: { name: 'policy', description: 'What a retention policy costs: microseconds per call and bytes of state, by agents and sessions.' },
  args: ARGUMENTS,
  async run({ rawArgs }) {
    const options = parseOptions(rawArgs, ARGUMENTS);
    if (options.positionals.length > 0) throw new EntresolError('ENT_USAGE', `unexpected ${JSON.stringify(options.positionals[0])}.`, { at: 'bench policy' });
    const agents = options.numbers('agents', { minimum: 1, maximum: 10_000, integer: true });
    const liveSessions = options.numbers('sessions', { minimum: 1, maximum: 100_000, integer: true });
    const capacity = options.number('capacity', { minimum: 0, maximum: 1000 }) ?? 0.2;
    const blocks = options.number('blocks', { minimum: 1, maximum: 1e8, integer: true });
    const runs = options.number('runs', { minimum: 1, maximum: 100, integer: true }) ?? 1;
    const seed = options.number('seed', { minimum: 0, maximum: 2 ** 32 - 1, integer: true }) ?? 1;
    const policies = await Promise.all(options.list('policy').map((reference) => loadPolicy(reference)));
    if (policies.length === 0 || agents.length === 0 || liveSessions.length === 0) throw new EntresolError('ENT_USAGE', 'expected at least one policy, one number of agents and one of sessions.', { at: 'bench policy' });
    const progress = new ProgressLine(process.stderr);
    const rows = benchPolicies(policies, { agents, liveSessions, capacity, blocks, seed, runs, onProgress: (text) => progress.show(text) });
    progress.clear();
    process.stdout.write(options.flag('json') ? `${JSON.stringify({ rows })}\n` : `${benchPolicyTable(rows)}\n`);
  },
});
