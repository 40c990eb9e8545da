import { availableParallelism } from 'node:os';
import { existsSync, readdirSync } from 'node:fs';
import { defineCommand } from 'citty';
import { EntresolError } from '../core/index.ts';
import { chooseEngine } from '../lab/bench/bench-engine.ts';
import { AMPLE_FRACTION } from '../lab/bench/bars.ts';
import { benchEngine, type LoadPlan } from '../lab/bench/engine-bench.ts';
import { engineLine, progressLine, resultLines } from '../lab/bench/words.ts';
import { traceFolders } from '../lab/trace/index.ts';
import { startServer } from './compose.ts';
import { parseOptions, type Options } from './parse-options.ts';
import { ProgressLine } from './progress-line.ts';

/** What engine a bench runs on. */
export const BENCH_ENGINE_ARGUMENTS = {
  model: { type: 'string', description: 'A GGUF file in place of the synthetic model' },
  threads: { type: 'string', description: 'Threads of the engine; default: the cores less one, at most 4' },
  simulated: { type: 'boolean', description: 'On the simulated engine, whether there is a real one or not' },
} as const;

const ARGUMENTS = {
  trace: { type: 'string', description: 'six-agents, or traces by name or file; default: six-agents and every trace that is found' },
  capacity: { type: 'string', default: '0.1,0.2,0.35', description: 'Total memory as fractions of the working set; 1 or more is ample' },
  seed: { type: 'string', default: '1', description: 'Of the six-agent application' },
  duration: { type: 'string', default: '20', description: 'Seconds of each side and load that are measured' },
  settle: { type: 'string', default: '6', description: 'Seconds before them, in which caches warm; not measured' },
  quick: { type: 'boolean', description: 'Six agents at one capacity, no baselines' },
  'no-baselines': { type: 'boolean', description: 'Only the engine alone and with Entresol' },
  'no-zero-think': { type: 'boolean', description: 'Leave out the loads without think times' },
  ...BENCH_ENGINE_ARGUMENTS,
  assert: { type: 'boolean', description: 'Exit 1 if a bar is missed' },
  json: { type: 'boolean', description: 'Print one JSON document as the last line' },
} as const;

/** Loads without think times, and with a cache that holds everything, stand beside the main ones at one capacity. */
const BESIDE_CAPACITY = 0.2;
const AMPLE_CAPACITY = 2;
const SIX_AGENTS = 'six-agents';

function plansOf(options: Options): LoadPlan[] {
  const capacities = options.numbers('capacity', { minimum: 0.001, maximum: 100 });
  const main = capacities.map((capacityFraction): LoadPlan => ({ capacityFraction, thinkTimes: true }));
  if (options.flag('quick')) return [main.find((plan) => plan.capacityFraction === BESIDE_CAPACITY) ?? main[0]];
  const beside = capacities.includes(BESIDE_CAPACITY) ? BESIDE_CAPACITY : capacities[0];
  return options.flag('no-zero-think') ? main : [...main, { capacityFraction: beside, thinkTimes: false }];
}

function tracesFound(): string[] {
  const folders = traceFolders(process.cwd(), process.env).filter((folder) => existsSync(folder));
  const files = folders.flatMap((folder) => readdirSync(folder)).filter((file) => file.endsWith('.jsonl.gz'));
  return [...new Set(files.map((file) => file.replace(/\.jsonl\.gz$/, '')))].sort();
}

export function threadsOf(options: Options): number {
  return options.number('threads', { minimum: 1, maximum: 64, integer: true }) ?? Math.min(4, Math.max(1, availableParallelism() - 1));
}

const engine = defineCommand({
  meta: { name: 'engine', description: 'The same engine alone and with Entresol, in alternating slices of one run, at equal total memory.' },
  args: ARGUMENTS,
  async run({ rawArgs }) {
    const options = parseOptions(rawArgs, ARGUMENTS);
    if (options.positionals.length > 0) throw new EntresolError('ENT_USAGE', `unexpected ${JSON.stringify(options.positionals[0])}.`, { at: 'bench engine' });
    const named = options.list('trace');
    const quick = options.flag('quick');
    const modelPath = options.text('model');
    const progress = new ProgressLine(process.stderr);
    const say = (line: string): void => {
      progress.clear();
      process.stderr.write(`${line}\n`);
    };
    const threads = threadsOf(options);
    const plans = plansOf(options);
    const document = await benchEngine({
      choice: options.flag('simulated') ? { kind: 'simulated', threads, because: 'asked for by --simulated' } : chooseEngine({ threads, ...(modelPath === undefined ? {} : { modelPath }) }),
      startGateway: startServer,
      seed: options.number('seed', { minimum: 0, maximum: 2 ** 31, integer: true }) ?? 1,
      sixAgents: named.length === 0 || named.includes(SIX_AGENTS),
      traces: named.length > 0 ? named.filter((name) => name !== SIX_AGENTS) : quick ? [] : tracesFound(),
      loads: plans,
      ampleLoads: quick || plans.some((plan) => plan.capacityFraction >= AMPLE_FRACTION) ? [] : [{ capacityFraction: AMPLE_CAPACITY, thinkTimes: true }],
      baselines: !quick && !options.flag('no-baselines'),
      rehearses: !quick,
      durationSeconds: options.number('duration', { minimum: 2, maximum: 3600 }) ?? 20,
      settleSeconds: options.number('settle', { minimum: 0, maximum: 3600 }) ?? 6,
      say,
      onEngine: (description) => { say(engineLine({ engine: description })); },
      onRound: (report) => { progress.show(progressLine(report)); },
      onLoad: (report) => { say(resultLines(report).join('\n')); },
    });
    say('');
    for (const bar of document.bars) say(`${bar.met ? 'met   ' : 'MISSED'} ${bar.bar}: ${bar.found}`);
    if (options.flag('json')) process.stdout.write(`${JSON.stringify(document)}\n`);
    if (options.flag('assert') && document.bars.some((bar) => !bar.met)) process.exitCode = 1;
  },
});

export default defineCommand({
  meta: { name: 'bench', description: 'Measurements that anyone can repeat.' },
  subCommands: { engine, policy: () => import('./bench-policy.ts').then((module) => module.default), gateway: () => import('./bench-gateway.ts').then((module) => module.default), soak: () => import('./bench-soak.ts').then((module) => module.default), vllm: () => import('./bench-vllm.ts').then((module) => module.default) },
});
