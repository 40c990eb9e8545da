import { defineCommand } from 'citty';
import { EntresolError } from '../core/index.ts';
import { soakBars, soakGateway } from '../lab/bench-gateway/gateway-soak.ts';
import { parseOptions } from './parse-options.ts';
import { ProgressLine } from './progress-line.ts';

const ARGUMENTS = {
  requests: { type: 'string', default: '200000', description: 'Calls in all' },
  sessions: { type: 'string', default: '20000', description: 'Sessions that make them' },
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
    const document = await soakGateway({
      command: [process.execPath, process.argv[1], 'bench', 'gateway'],
      requests: options.number('requests', { minimum: 100, maximum: 100_000_000, integer: true }) ?? 200_000,
      sessions: options.number('sessions', { minimum: 10, maximum: 10_000_000, integer: true }) ?? 20_000,
      onProgress: (text) => progress.show(text),
    });
    progress.clear();
    const bars = soakBars(document);
    for (const bar of bars) process.stderr.write(`${bar.met ? 'met   ' : 'MISSED'} ${bar.bar}: ${bar.found}\n`);
    if (options.flag('json')) process.stdout.write(`${JSON.stringify({ ...document, bars })}\n`);
    if (options.flag('assert') && bars.some((bar) => !bar.met)) process.exitCode = 1;
  },
});
