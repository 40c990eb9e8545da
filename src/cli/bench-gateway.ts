import { defineCommand } from 'citty';
import { EntresolError } from '../core/index.ts';
import { OpenAiEngine } from '../engines/openai/engine.ts';
import { gatewayBars, runLine } from '../lab/bench-gateway/bars.ts';
import { benchGateway, type GatewayLoad } from '../lab/bench-gateway/gateway-bench.ts';
import { PARTS, runPart, type StartGateway } from '../lab/bench-gateway/part.ts';
import { canPin } from '../lab/bench-gateway/process.ts';
import { POLICIES } from '../policies/registry.ts';
import { startServer } from './compose.ts';
import { holdMemoryTogether } from './memory-settings.ts';
import { parseOptions, type Options } from './parse-options.ts';
import { ProgressLine } from './progress-line.ts';

const ARGUMENTS = {
  body: { type: 'string', default: '1024,65536,614400', description: 'Sizes of request bodies, in bytes' },
  rounds: { type: 'string', default: '5', description: 'Alternating slices of each path and load' },
  slice: { type: 'string', default: '2', description: 'Seconds of a slice' },
  rate: { type: 'string', default: '300', description: 'Requests per second of the steady slices' },
  warm: { type: 'string', default: '4000', description: 'Calls through each path before its first figure of a load: code is compiled for speed once it has run often' },
  aborts: { type: 'string', default: '60', description: 'Calls that the client gives up, per path' },
  'no-pin': { type: 'boolean', description: 'Leave processes to the scheduler; by default the paths have one core, load and upstream another' },
  part: { type: 'string', description: 'A process of the bench itself' },
  'part-upstream': { type: 'string', description: 'Where that process finds the upstream' },
  assert: { type: 'boolean', description: 'Exit 1 if a bar is missed' },
  json: { type: 'boolean', description: 'Print one JSON document as the last line' },
} as const;

/** From this size on a conversation takes several turns to grow to, and its first call is a case of its own. */
const TURNS_FROM_BYTES = 16 * 1024;

function loadsOf(options: Options): GatewayLoad[] {
  return options.numbers('body', { minimum: 700, maximum: 32 * 2 ** 20, integer: true }).flatMap((bodyBytes) => [false, true].flatMap((stream): GatewayLoad[] => {
    const turns = { bodyBytes, stream, cold: false };
    const cold = { bodyBytes, stream, cold: true };
    return bodyBytes < TURNS_FROM_BYTES ? [cold] : [turns, cold];
  }));
}

/** As `serve` starts it. */
const startGateway: StartGateway = (upstream, policies) => {
  holdMemoryTogether();
  return startServer({
    engines: [new OpenAiEngine({ kind: 'openai-compatible', url: upstream })],
    policies: policies === 'none' ? [] : POLICIES.map((definition) => ({ definition })),
    log: () => undefined,
  });
};

export default defineCommand({
  meta: { name: 'gateway', description: 'What the gateway costs: the same load direct, through a bare proxy, and through Entresol, in alternating slices.' },
  args: ARGUMENTS,
  async run({ rawArgs }) {
    const options = parseOptions(rawArgs, ARGUMENTS);
    if (options.positionals.length > 0) throw new EntresolError('ENT_USAGE', `unexpected ${JSON.stringify(options.positionals[0])}.`, { at: 'bench gateway' });
    const part = options.choice('part', PARTS);
    if (part !== undefined) {
      await runPart(part, options.text('part-upstream') ?? '', startGateway);
      return;
    }
    const progress = new ProgressLine(process.stderr);
    const say = (line: string): void => {
      progress.clear();
      process.stderr.write(`${line}\n`);
    };
    const document = await benchGateway({
      part: { command: [process.execPath, process.argv[1], 'bench', 'gateway'] },
      pinned: !options.flag('no-pin') && canPin(),
      loads: loadsOf(options),
      rounds: options.number('rounds', { minimum: 1, maximum: 100, integer: true }) ?? 5,
      sliceMs: 1000 * (options.number('slice', { minimum: 0.05, maximum: 600 }) ?? 2),
      ratePerSecond: options.number('rate', { minimum: 1, maximum: 1000 }) ?? 300,
      warmCalls: options.number('warm', { minimum: 0, maximum: 1_000_000, integer: true }) ?? 4000,
      aborts: options.number('aborts', { minimum: 0, maximum: 10_000, integer: true }) ?? 60,
      policies: POLICIES.map(({ name }) => name),
      onProgress: (text) => progress.show(text),
      onRun: (run) => say(runLine(run)),
    });
    const bars = gatewayBars(document);
    for (const bar of bars) say(`${bar.met ? 'met   ' : 'MISSED'} ${bar.bar}: ${bar.found}`);
    if (options.flag('json')) process.stdout.write(`${JSON.stringify({ ...document, bars })}\n`);
    if (options.flag('assert') && bars.some((bar) => !bar.met)) process.exitCode = 1;
  },
});
