import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { EntresolError } from '../core/index.ts';
import { contestants, knownContestants, leagueDocument, leagueJobs, leagueMarkdown, leaguePage, leagueTraces, leaveOut, type FailedReplay, type LeagueDocument } from '../lab/league/index.ts';
import type { ReplayTiming } from '../lab/replay/index.ts';
import { parseOptions, type Options } from './parse-options.ts';
import { WORK_ARGUMENTS, policyReferences, runShown } from './run-shown.ts';
import { VERSION } from './version.ts';

const ARGUMENTS = {
  trace: { type: 'string', description: 'Traces by name or path (default: every one in traces/, ../shared/traces and $ENTRESOL_TRACES)' },
  policy: { type: 'string', description: 'Policies, bounds and paths of policy files (default: all that decide retention, and all bounds)' },
  with: { type: 'string', description: 'Policies or policy files beside the default ones' },
  capacity: { type: 'string', default: '0.1,0.2,0.35,0.5', description: 'Cache sizes as fractions of the working set' },
  timing: { type: 'string', default: 'exact,live', description: 'exact, live, or both' },
  concurrency: { type: 'string', description: 'Sessions at once (default 16; 1 for a trace of one session)' },
  'block-size': { type: 'string', description: 'Tokens per block (default 16; 256 for claude-code-team)' },
  'max-calls': { type: 'string', description: 'Only the first so many calls of each trace (default all; 8000 of claude-code-team)' },
  'no-fit': { type: 'boolean', description: 'Fit nothing: every policy with its defaults' },
  out: { type: 'string', description: 'Folder for league.json, league.md and league.html' },
  ...WORK_ARGUMENTS,
  json: { type: 'boolean', description: 'One JSON document on standard output' },
} as const;

function timingsOf(options: Options): ReplayTiming[] {
  const given = options.list('timing');
  const timings = (['exact', 'live'] as const).filter((timing) => given.includes(timing));
  const wrong = given.find((timing) => timing !== 'exact' && timing !== 'live');
  if (wrong !== undefined || timings.length === 0) throw new EntresolError('ENT_USAGE', `expected exact, live or both, found ${JSON.stringify(wrong ?? '')}.`, { at: '--timing' });
  return timings;
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw new EntresolError('ENT_USAGE', `the folder cannot be made: ${(cause as Error).message}.`, { at: '--out', cause });
  }
}

async function writeFiles(folder: string, league: LeagueDocument): Promise<void> {
  await Promise.all([
    writeFile(join(folder, 'league.json'), `${JSON.stringify(league)}\n`),
    writeFile(join(folder, 'league.md'), leagueMarkdown(league)),
    writeFile(join(folder, 'league.html'), leaguePage(league)),
  ]);
}

export default defineCommand({
  meta: { name: 'league', description: 'All retention policies on all traces at all capacities: JSON, Markdown and one HTML page.' },
  args: ARGUMENTS,
  async run({ rawArgs }) {
    const options = parseOptions(rawArgs, ARGUMENTS);
    if (options.positionals.length > 0) throw new EntresolError('ENT_USAGE', `expected no ${JSON.stringify(options.positionals[0])}; traces are named with --trace.`, { at: options.positionals[0] });
    const capacities = options.numbers('capacity', { minimum: 0, maximum: 1000 });
    if (capacities.length === 0) throw new EntresolError('ENT_USAGE', 'expected at least one fraction.', { at: '--capacity' });
    const named = policyReferences(options.list('policy'));
    const plan = {
      version: VERSION,
      traces: leagueTraces(options.list('trace'), {
        blockTokens: options.number('block-size', { minimum: 1, maximum: 1_000_000, integer: true }),
        maxCalls: options.number('max-calls', { minimum: 1, integer: true }),
        concurrency: options.number('concurrency', { minimum: 1, maximum: 100_000, integer: true }),
      }),
      contestants: await contestants([...(named.length === 0 ? knownContestants() : named), ...policyReferences(options.list('with'))], !options.flag('no-fit')),
      capacities: [...new Set(capacities)].toSorted((one, other) => one - other),
      timings: timingsOf(options),
      failed: [],
    };
    const folder = options.text('out');
    if (folder !== undefined) await makeFolder(folder);
    const failures: FailedReplay[] = [];
    await runShown(leagueJobs(plan), options, {
      onFailure: (job, error) => { failures.push({ job, error }); },
      print: async (results) => {
        const left = leaveOut(plan, results, failures);
        const league = leagueDocument(left.plan, left.results);
        for (const { trace, policy, message } of league.failed) process.stderr.write(`left out ${trace === undefined ? `policy ${policy}` : `trace ${trace}`}: ${message}\n`);
        if (folder !== undefined) await writeFiles(folder, league);
        if (options.flag('json')) process.stdout.write(`${JSON.stringify(league)}\n`);
        else if (folder === undefined) process.stdout.write(leagueMarkdown(league));
        else process.stdout.write(`${['json', 'md', 'html'].map((ending) => join(folder, `league.${ending}`)).join('\n')}\n`);
        if (league.failed.length > 0) process.exitCode = 1;
      },
    });
  },
});
