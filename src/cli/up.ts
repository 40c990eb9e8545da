import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { EntresolError } from '../core/index.ts';
import { EmbeddedEngine } from '../engines/embedded/engine.ts';
import { SimulatedEngine } from '../engines/simulated/engine.ts';
import { chooseEngine, type EngineChoice } from '../lab/bench/bench-engine.ts';
import type { EngineBenchDocument, WorkloadReport } from '../lab/bench/document.ts';
import { benchEngine } from '../lab/bench/engine-bench.ts';
import { engineLine, progressLine, reasonLine, resultLines, showsGain } from '../lab/bench/words.ts';
import { BENCH_ENGINE_ARGUMENTS, threadsOf } from './bench.ts';
import { startServer, type RunningServer } from './compose.ts';
import { parseOptions, type Options } from './parse-options.ts';
import { closeOnSignal } from './shutdown.ts';

const ARGUMENTS = {
  once: { type: 'boolean', description: 'End after the comparison' },
  port: { type: 'string', default: '8080', description: 'Port to serve on afterwards; a free one if it is taken' },
  capacity: { type: 'string', default: '0.2', description: 'Total memory as a fraction of the working set' },
  seed: { type: 'string', default: '1', description: 'Of the six-agent application' },
  duration: { type: 'string', default: '40', description: 'Active seconds of each side' },
  ...BENCH_ENGINE_ARGUMENTS,
  json: { type: 'boolean', description: 'Print the document of bench engine as the last line' },
} as const;

/** Rounds of four seconds and more: a line for each would scroll by unread. */
const ROUNDS_PER_LINE = 2;

export default defineCommand({
  meta: { name: 'up', description: 'Engine up, six agents through it with and without Entresol, the gain as it grows, then the endpoint.' },
  args: ARGUMENTS,
  async run({ rawArgs }) {
    const options = parseOptions(rawArgs, ARGUMENTS);
    if (options.positionals.length > 0) throw new EntresolError('ENT_USAGE', `unexpected ${JSON.stringify(options.positionals[0])}.`, { at: 'up' });
    const threads = threadsOf(options);
    const modelPath = options.text('model');
    // Without --json the comparison is what standard output is for; with it that is the document alone.
    const say = (line: string): void => { (options.flag('json') ? process.stderr : process.stdout).write(`${line}\n`); };
    const choice: EngineChoice = options.flag('simulated')
      ? { kind: 'simulated', threads, because: 'asked for by --simulated' }
      : chooseEngine({ threads, ...(modelPath === undefined ? {} : { modelPath }) });
    // A mistake is told now, not when the comparison has run.
    const plan = planOf(options);
    const document = await compareSides(plan, choice, say);
    if (!options.flag('once')) await serve(plan.port, choice, say);
    if (options.flag('json')) process.stdout.write(`${JSON.stringify(document)}\n`);
  },
});

interface Plan { readonly port: number; readonly seed: number; readonly capacityFraction: number; readonly durationSeconds: number }

function planOf(options: Options): Plan {
  return {
    port: options.number('port', { minimum: 0, maximum: 65_535, integer: true }) ?? 8080,
    seed: options.number('seed', { minimum: 0, maximum: 2 ** 31, integer: true }) ?? 1,
    capacityFraction: options.number('capacity', { minimum: 0.001, maximum: 100 }) ?? 0.2,
    durationSeconds: options.number('duration', { minimum: 2, maximum: 3600 }) ?? 40,
  };
}

async function compareSides({ seed, capacityFraction, durationSeconds }: Plan, choice: EngineChoice, say: (line: string) => void): Promise<EngineBenchDocument> {
  const startedMs = performance.now();
  const seconds = (): string => `${((performance.now() - startedMs) / 1000).toFixed(0).padStart(3)} s`;
  let rounds = 0;
  let gained = false;
  const watch = (report: WorkloadReport): void => {
    rounds++;
    const first = !gained && showsGain(report);
    gained ||= first;
    if (rounds % ROUNDS_PER_LINE === 0 || first) {
      say(`${seconds()}  ${progressLine(report)}`);
      say(`       ${reasonLine(report)}`);
    }
    if (first) say(`${seconds()}  First gain: fifty calls on each side, and the interval excludes none.`);
  };
  const document = await benchEngine({
    choice, startGateway: startServer, say, seed, durationSeconds,
    sixAgents: true, traces: [], ampleLoads: [], baselines: false,
    rehearses: false,
    loads: [{ capacityFraction, thinkTimes: true }],
    // Everything is shown, from cold caches on.
    settleSeconds: 0,
    onEngine: (engine) => {
      say(`${seconds()}  ${engineLine({ engine })}`);
      say('       Six agents, twelve sessions at once, in slices: the engine alone as llama-server runs it, then the same engine with Entresol.');
    },
    onRound: watch,
  });
  for (const report of document.workloads) for (const line of ['', ...resultLines(report), `  ${reasonLine(report)}`]) say(line);
  return document;
}

async function serve(port: number, choice: EngineChoice, say: (line: string) => void): Promise<void> {
  const server = await startOnFreePort(port, choice);
  const [model] = server.engine.models();
  say('');
  say(`Serving ${model.id}${model.synthetic ? ' (synthetic weights: its text is noise)' : ''} with Entresol on ${server.url}/v1`);
  say(`  curl ${server.url}/v1/chat/completions -H 'content-type: application/json' -d '{"model":"${model.id}","messages":[{"role":"user","content":"Hello"}],"max_tokens":24}'`);
  if (existsSync(join(process.cwd(), 'examples', 'six-agents', 'main.ts'))) say(`  npx jiti examples/six-agents/main.ts ${model.synthetic ? '' : `--model ${model.id} `}--base-url ${server.url}/v1`);
  await closeOnSignal(() => server.close(), (line) => process.stderr.write(`${line}\n`));
}

async function startOnFreePort(port: number, choice: EngineChoice): Promise<RunningServer> {
  const start = (at: number): Promise<RunningServer> => startServer({ engines: [engineToServe(choice)], port: at });
  try {
    return await start(port);
  } catch (error) {
    if (!(error instanceof EntresolError) || error.code !== 'ENT_PORT_TAKEN') throw error;
    return start(0);
  }
}

function engineToServe(choice: EngineChoice): EmbeddedEngine | SimulatedEngine {
  if (choice.kind === 'simulated') return new SimulatedEngine();
  return new EmbeddedEngine({ threads: choice.threads, ...(choice.modelPath === undefined ? {} : { modelPath: choice.modelPath }) });
}
