import { readFileSync } from 'node:fs';
import { defineCommand } from 'citty';
import { stringify } from 'yaml';
import { configJsonSchema, issuesOf, loadConfig, type LoadedConfig } from '../config/index.ts';
import { EntresolError } from '../core/index.ts';
import { ConfiguredPolicies, keySettings, upstreamPlans } from './configured.ts';
import { configSchema } from './config-schema.ts';
import { parseOptions } from './parse-options.ts';

const ARGUMENTS = {
  config: { type: 'string', default: 'entresol.yaml', description: 'The file' },
  json: { type: 'boolean', description: 'One JSON document on standard output' },
} as const;

/** Everything that `serve` would find wrong with it. */
async function loadAll(file: string): Promise<LoadedConfig> {
  const loaded = loadConfig(file, configSchema);
  upstreamPlans(loaded);
  keySettings(loaded);
  await new ConfiguredPolicies().settings(loaded, (path) => readFileSync(path, 'utf8'));
  return loaded;
}

/** The file may be given as `--config FILE` or by itself. */
function fileOf(rawArgs: readonly string[]): { file: string; json: boolean } {
  const options = parseOptions(rawArgs, ARGUMENTS);
  if (options.positionals.length > 1) throw new EntresolError('ENT_USAGE', `unexpected ${JSON.stringify(options.positionals[1])}.`, { at: 'config' });
  return { file: options.positionals[0] ?? options.text('config') ?? 'entresol.yaml', json: options.flag('json') };
}

const check = defineCommand({
  meta: { name: 'check', description: 'Say what is wrong with a configuration file, and where.' },
  args: ARGUMENTS,
  async run({ rawArgs }) {
    const { file, json } = fileOf(rawArgs);
    const loaded = await loadAll(file).catch((error: unknown) => {
      if (!json || !(error instanceof EntresolError) || error.code !== 'ENT_CONFIG_INVALID') throw error;
      process.stdout.write(`${JSON.stringify({ ok: false, file, issues: issuesOf(error) })}\n`);
      process.exitCode = 1;
    });
    if (loaded === undefined) return;
    const { config } = loaded;
    const found = { upstreams: config.upstreams.length, policies: config.policies?.length ?? null, keys: config.keys.length };
    process.stdout.write(json ? `${JSON.stringify({ ok: true, file, ...found })}\n` : `${file} is right: ${found.upstreams} upstreams, ${found.policies ?? 'default'} policies, ${found.keys} keys.\n`);
  },
});

const show = defineCommand({
  meta: { name: 'show', description: 'Print a configuration file as it is understood: with the environment and defaults, without secrets.' },
  args: ARGUMENTS,
  async run({ rawArgs }) {
    const { file, json } = fileOf(rawArgs);
    const { config } = await loadAll(file);
    const upstreams = config.upstreams.map((upstream) => ({
      ...upstream, url: withoutCredential(upstream.url), proxy: withoutCredential(upstream.proxy),
      ...(typeof upstream.apiKey === 'string' ? { apiKey: '[redacted]' } : {}),
    }));
    const shown = { ...config, upstreams };
    process.stdout.write(json ? `${JSON.stringify(shown)}\n` : stringify(shown));
  },
});

function withoutCredential(text: string): string {
  if (!URL.canParse(text)) return text;
  const url = new URL(text);
  if (url.username === '' && url.password === '') return text;
  url.username = '';
  url.password = '';
  return url.href;
}

const schema = defineCommand({
  meta: { name: 'schema', description: 'Print the JSON Schema of the configuration file, for editors.' },
  args: { json: { type: 'boolean', description: 'On one line' } },
  run({ rawArgs }) {
    const { json } = fileOf(rawArgs);
    process.stdout.write(`${JSON.stringify(configJsonSchema(configSchema), null, json ? 0 : 2)}\n`);
  },
});

export default defineCommand({
  meta: { name: 'config', description: 'Check, show and describe the configuration file.' },
  subCommands: { check, show, schema },
});
