import { defineCommand } from 'citty';
import { EntresolError } from '../core/index.ts';
import { processClock } from '../runtime/index.ts';
import { startServer, type RunningServer } from './compose.ts';
import { LOCAL_ENGINE_ARGUMENTS, localEngine } from './local-engine-flags.ts';
import { parseOptions } from './parse-options.ts';
import { policySettings } from './policy-settings.ts';
import { closeOnSignal } from './shutdown.ts';
import { openState } from './state-directory.ts';
import { upstreamEngines } from './upstreams.ts';

const ARGUMENTS = {
  host: { type: 'string', default: '127.0.0.1', description: 'Address to listen on; beyond loopback only with --insecure while no keys are configured' },
  port: { type: 'string', default: '8080', description: 'Port to listen on; 0 takes a free one' },
  upstream: { type: 'string', description: 'KIND=URL of an engine: openai, anthropic or openai-compatible; repeat it for replicas; without one the embedded engine' },
  ...LOCAL_ENGINE_ARGUMENTS,
  policies: { type: 'string', description: 'Policies by name, or none; default: cache-sage where the engine can retain' },
  policy: { type: 'string', description: 'A policy file of your own (.ts or .js); may be repeated' },
  insecure: { type: 'boolean', description: 'Listen beyond loopback without keys: whoever reaches the port uses the engine' },
  'body-limit': { type: 'string', default: String(64 * 1024 * 1024), description: 'Largest request body, in bytes' },
  drain: { type: 'string', default: '30', description: 'Seconds that calls in flight get on SIGTERM' },
  state: { type: 'string', description: 'Directory for what was learned, or none' },
  config: { type: 'string', description: 'Not yet: use the flags' },
  json: { type: 'boolean', description: 'Print {"listening":"…"} in place of a line of text' },
} as const;

/** What nobody should mistake: engines whose text means nothing, and what is on. */
function notices({ engines, runtime }: RunningServer): string[] {
  const synthetic = engines.filter((engine) => engine.models().some((model) => model.synthetic));
  return [
    ...synthetic.map((engine) => (engine.kind === 'simulated' ? 'engine: simulated; nothing is computed, its text is noise.' : `engine: ${engine.kind} with synthetic weights; its text is noise, its caches and latencies are real.`)),
    `policies: ${runtime.policies().map((policy) => policy.name).join(', ') || 'none'}`,
  ];
}

export default defineCommand({
  meta: { name: 'serve', description: 'Serve the OpenAI API in front of an engine, with policies.' },
  args: ARGUMENTS,
  async run({ rawArgs }) {
    const options = parseOptions(rawArgs, ARGUMENTS);
    if (options.positionals.length > 0) throw new EntresolError('ENT_USAGE', `unexpected ${JSON.stringify(options.positionals[0])}.`, { at: 'serve' });
    if (options.text('config') !== undefined) throw new EntresolError('ENT_USAGE', 'configuration files are not read yet; give --upstream, --policies and the other flags.', { at: '--config' });
    const port = options.number('port', { minimum: 0, maximum: 65_535, integer: true }) ?? 8080;
    const bodyBytes = options.number('body-limit', { minimum: 1, integer: true });
    const drainSeconds = options.number('drain', { minimum: 0, maximum: 86_400 }) ?? 30;
    const upstreams = upstreamEngines(options.list('upstream'));
    const engines = upstreams.length > 0 ? upstreams : [localEngine(options)];
    const state = openState(options.text('state'), processClock);
    const server = await startServer({
      engines, port,
      host: options.text('host') ?? '127.0.0.1',
      insecure: options.flag('insecure'),
      policies: await policySettings(options.list('policies'), options.list('policy'), engines),
      limits: { drainMs: drainSeconds * 1000, ...(bodyBytes === undefined ? {} : { bodyBytes }) },
      ...(state === undefined ? {} : { state }),
    });
    for (const notice of notices(server)) process.stderr.write(`${notice}\n`);
    const ended = closeOnSignal(() => server.close(), (line) => process.stderr.write(`${line}\n`));
    process.stdout.write(options.flag('json') ? `${JSON.stringify({ listening: server.url })}\n` : `listening ${server.url}\n`);
    await ended;
  },
});
