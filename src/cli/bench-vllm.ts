import { defineCommand } from 'citty';
import { EntresolError } from '../core/index.ts';
import { SIX_AGENTS } from '../lab/bench/bars.ts';
import { benchVllm } from '../lab/bench-vllm/vllm-bench.ts';
import { installVllm } from '../lab/vllm-server/index.ts';
import { startServer } from './compose.ts';
import { parseOptions } from './parse-options.ts';

const ARGUMENTS = {
  trace: { type: 'string', default: `${SIX_AGENTS},whowhen-magentic,miniswe-lmcache,metagpt-sop`, description: 'six-agents, or traces by name or file' },
  capacity: { type: 'string', default: '0.2', description: 'Blocks of the cache, as fractions of the working set' },
  real: { type: 'boolean', description: 'Computed by the CPU, for latencies; else an executor that stands in for the model: the hits are the same' },
  timed: { type: 'boolean', description: 'The stand-in takes the time of stated costs: 0.3 ms a token of a prompt, 8 ms a step that decodes. For latencies that do not hang on this machine\'s cores' },
  calls: { type: 'string', default: '1200', description: 'Sessions are taken until they have so many calls' },
  think: { type: 'string', default: '800', description: 'Mean pause between two calls of a session, in milliseconds' },
  seed: { type: 'string', default: '1', description: 'Of the six-agent application' },
  apart: { type: 'boolean', description: 'The servers play one after the other, each with the whole machine to itself, where it has too few cores for all. Takes two or three times as long' },
  'warm-ups': { type: 'boolean', description: 'A third server, with the package and warm-ups between steps: its hits are of clients\' calls alone, what warm-ups computed is printed as their cost' },
  assert: { type: 'boolean', description: 'Exit 1 if a bar is missed' },
  json: { type: 'boolean', description: 'Print one JSON document as the last line' },
} as const;

export default defineCommand({
  meta: { name: 'vllm', description: 'A real vLLM, stock and with the package entresol-vllm under cache-sage: the same requests, by vLLM\'s own counters.' },
  args: ARGUMENTS,
  async run({ rawArgs }) {
    const options = parseOptions(rawArgs, ARGUMENTS);
    if (options.positionals.length > 0) throw new EntresolError('ENT_USAGE', `unexpected ${JSON.stringify(options.positionals[0])}.`, { at: 'bench vllm' });
    if (options.flag('real') && options.flag('timed')) throw new EntresolError('ENT_USAGE', '--real and --timed: one of the two.', { at: 'bench vllm' });
    if (options.flag('warm-ups') && !options.flag('real') && !options.flag('timed')) throw new EntresolError('ENT_USAGE', '--warm-ups wants --real or --timed: with an executor that takes no time over a prompt there is nothing to save.', { at: 'bench vllm' });
    const say = (line: string): void => { process.stderr.write(`${line}\n`); };
    const document = await benchVllm({
      environment: await installVllm({ progress: say }),
      startGateway: startServer,
      traces: options.list('trace'),
      capacities: options.numbers('capacity', { minimum: 0.001, maximum: 100 }),
      executor: options.flag('real') ? 'real' : options.flag('timed') ? 'timed' : 'fake',
      calls: options.number('calls', { minimum: 10, maximum: 100_000, integer: true }) ?? 1200,
      thinkMs: options.number('think', { minimum: 0, maximum: 600_000 }) ?? 800,
      warmUps: options.flag('warm-ups'),
      apart: options.flag('apart'),
      seed: options.number('seed', { minimum: 0, maximum: 2 ** 31, integer: true }) ?? 1,
      say,
    });
    for (const bar of document.bars) say(`${bar.met ? 'met   ' : 'MISSED'} ${bar.bar}: ${bar.found}`);
    if (options.flag('json')) process.stdout.write(`${JSON.stringify(document)}\n`);
    if (options.flag('assert') && document.bars.some((bar) => !bar.met)) process.exitCode = 1;
  },
});
