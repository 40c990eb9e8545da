import { defineCommand } from 'citty';
import { EntresolError } from '../core/index.ts';
import { startServer, type RunningServer } from './compose.ts';
import { LOCAL_ENGINE_ARGUMENTS } from './local-engine-flags.ts';
import { holdMemoryTogether } from './memory-settings.ts';
import { parseOptions } from './parse-options.ts';
import { serveSettings } from './serve-settings.ts';
import { closeOnSignal } from './shutdown.ts';
import { UPSTREAM_HELP } from './upstreams.ts';

const ARGUMENTS = {
  host: { type: 'string', description: 'Address to listen on (127.0.0.1); beyond loopback only with keys, or --insecure' },
  port: { type: 'string', description: 'Port to listen on (8080); 0 takes a free one' },
  upstream: { type: 'string', description: `${UPSTREAM_HELP}; repeat it for replicas; without one the embedded engine` },
  ...LOCAL_ENGINE_ARGUMENTS,
  policies: { type: 'string', description: 'Policies by name, or none; default: cache-sage where the engine can retain' },
  policy: { type: 'string', description: 'A policy file of your own (.ts or .js); may be repeated' },
  insecure: { type: 'boolean', description: 'Listen beyond loopback without keys: whoever reaches the port uses the engine' },
  'hosted-tools': { type: 'string', description: 'Where a call is translated, tools that only its vendor\'s servers have: refuse (default), or leave-out, named in x-entresol-left-out' },
  'body-limit': { type: 'string', description: 'Largest request body, in bytes (67108864)' },
  drain: { type: 'string', description: 'Seconds that calls in flight get on SIGTERM (30)' },
  state: { type: 'string', description: 'Directory for what was learned, or none' },
  config: { type: 'string', description: 'A configuration file (YAML); flags go before what it says' },
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
    holdMemoryTogether();
    const { server: serverOptions, live, log } = await serveSettings(options);
    const server = await startServer(serverOptions);
    for (const notice of notices(server)) process.stderr.write(`${notice}\n`);
    const unfollow = live?.follow(server, log, server.runtime.metrics.registry);
    const ended = closeOnSignal(() => server.close(), (line) => process.stderr.write(`${line}\n`));
    process.stdout.write(options.flag('json') ? `${JSON.stringify({ listening: server.url })}\n` : `listening ${server.url}\n`);
    await ended;
    unfollow?.();
  },
});
