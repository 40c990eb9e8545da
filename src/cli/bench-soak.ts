import { defineCommand } from 'citty';
import { EntresolError } from '../core/index.ts';
import { soakBars, soakGateway } from '../lab/bench-gateway/gateway-soak.ts';
import { IMAGE_ENVIRONMENT, SERVER_V8_FLAGS } from './memory-settings.ts';
import { parseOptions } from './parse-options.ts';
import { ProgressLine } from './progress-line.ts';

const ARGUMENTS = {
  requests: { type: 'string', default: '200000', description: 'Calls in all' },
  sessions: { type: 'string', default: '20000', description: 'Sessions that make them' },
  'without-image': { type: 'boolean', description: 'As npm installs it: without the environment that the container image sets' },
  assert: { type: 'boolean', description: 'Exit 1 if a bar is missed' },
  json: { type: 'boolean', description: 'Print one JSON document as the last line' },
} as const;

export default defineCommand({
  meta: { name: 'soak', description: 'Many mixed calls and sessions through the gateway: what memory, handles and listeners are left.' },
  args: ARGUMENTS,
  async run({ rawArgs }) {
    const options = parseOptions(rawArgs, ARGUMENTS);
    if (options.positionals.length > 0) throw new EntresolError('ENT_USAGE', `unexpected ${JSON.stringify(options.positionals[0])}.`, { at: 'bench soak' });
    const progress = new ProgressLine(process.stderr);
    const environment = options.flag('without-image') ? {} : IMAGE_ENVIRONMENT;
    const allocatorSettings = Object.entries({ ...environment, ...process.env }).filter((entry): entry is [string, string] => entry[0].startsWith('MALLOC_') && entry[1] !== undefined);
    const document = await soakGateway({
      command: [process.execPath, process.argv[1], 'bench', 'gateway'],
      requests: options.number('requests', { minimum: 100, maximum: 100_000_000, integer: true }) ?? 200_000,
      sessions: options.number('sessions', { minimum: 10, maximum: 10_000_000, integer: true }) ?? 20_000,
      environment,
      settings: { v8Flags: SERVER_V8_FLAGS, environment: Object.fromEntries(allocatorSettings) },
      onProgress: (text) => progress.show(text),
      onRound: (text) => {
        progress.clear();
        process.stderr.write(`${text}\n`);
      },
    });
    progress.clear();
    process.stderr.write(`the gateway ran with ${[...SERVER_V8_FLAGS, ...allocatorSettings.map(([name, value]) => `${name}=${value}`)].join(' ')}\n`);
    const bars = soakBars(document);
    for (const bar of bars) process.stderr.write(`${bar.met ? 'met   ' : 'MISSED'} ${bar.bar}: ${bar.found}\n`);
    if (options.flag('json')) process.stdout.write(`${JSON.stringify({ ...document, bars })}\n`);
    if (options.flag('assert') && bars.some((bar) => !bar.met)) process.exitCode = 1;
  },
});
