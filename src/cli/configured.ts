/** What a configuration file asks for, as the server takes it: engines, policies, keys. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { EntresolError, parameterValues, tenantId, workloadId, type Engine, type PolicyDefinition } from '../core/index.ts';
import { filesNamedIn, type LoadedConfig, type PolicyConfig, type UpstreamConfig } from '../config/index.ts';
import { upstreamKindNamed } from '../engines/registry.ts';
import type { UpstreamOptions } from '../engines/upstream/options.ts';
import { parseUpstreamUrl } from '../engines/upstream/upstream-url.ts';
import type { KeySetting } from '../gateway/index.ts';
import { loadPolicy } from '../runtime/load-policy.ts';
import type { PolicySetting } from '../runtime/index.ts';

/** An upstream that can be made; equal fingerprints make equal ones. */
export interface UpstreamPlan {
  readonly fingerprint: string;
  make(): Engine;
}

const wrong = (at: string, message: string): EntresolError => new EntresolError('ENT_CONFIG_INVALID', message, { at });

/** @throws EntresolError `ENT_CONFIG_INVALID` with the place */
export function upstreamPlans(loaded: LoadedConfig): UpstreamPlan[] {
  const replicas = new Set<string>();
  return loaded.config.upstreams.map((upstream, index) => {
    const at = loaded.at(['upstreams', index, 'url']);
    let options: UpstreamOptions;
    try {
      const { origin, pathPrefix } = parseUpstreamUrl(upstream.url, at);
      const replica = `${upstream.kind}=${origin}${pathPrefix}`;
      if (replicas.has(replica)) throw wrong(at, `${replica} is there twice; name several models in one entry.`);
      replicas.add(replica);
      options = engineOptions(loaded, upstream, index);
    } catch (error) {
      throw error instanceof EntresolError && error.code === 'ENT_USAGE' ? wrong(at, error.message) : error;
    }
    const secret = options.credential?.secret.reveal() ?? '';
    const kind = upstreamKindNamed(upstream.kind)!;
    const own = ownSettings(upstream);
    // What they hold, not only where they are: an engine is made anew when a secret has changed.
    const named = filesNamedIn(own, []).map(({ file }) => loaded.text(file));
    return { fingerprint: createHash('sha256').update(JSON.stringify([upstream.kind, options, own ?? {}, secret, named])).digest('hex'), make: () => kind.make(options, own) };
  });
}

/** The group that has the name of the kind. */
const ownSettings = (upstream: UpstreamConfig): unknown => (upstream as Readonly<Record<string, unknown>>)[upstream.kind];

function engineOptions(loaded: LoadedConfig, upstream: UpstreamConfig, index: number): UpstreamOptions {
  const { timeouts, tls } = upstream;
  const secret = loaded.secret(['upstreams', index, 'apiKey']);
  if (tls !== undefined && (tls.certificateFile === undefined) !== (tls.keyFile === undefined)) throw wrong(loaded.at(['upstreams', index, 'tls']), 'certificateFile and keyFile go together.');
  return {
    url: upstream.url, retryMs: upstream.retryMs, breaker: upstream.breaker,
    connectTimeoutMs: timeouts.connectMs, firstByteTimeoutMs: timeouts.firstByteMs, silenceTimeoutMs: timeouts.silenceMs,
    proxy: upstream.proxy === 'environment' || upstream.proxy === 'none' ? upstream.proxy : new URL(upstream.proxy),
    ...(upstream.models === undefined ? {} : { models: upstream.models }),
    ...(upstream.keepAliveMs === undefined ? {} : { keepAliveMs: upstream.keepAliveMs }),
    ...(upstream.cacheSalt === undefined ? {} : { saltsCache: upstream.cacheSalt }),
    ...(upstream.healthCheck === undefined ? {} : { check: upstream.healthCheck }),
    ...(secret === undefined ? {} : { credential: { secret, use: upstream.apiKeyUse } }),
    ...(tls === undefined ? {} : {
      tls: {
        ...(tls.caFile === undefined ? {} : { ca: loaded.text(tls.caFile) }),
        ...(tls.certificateFile === undefined || tls.keyFile === undefined ? {} : { certificate: loaded.text(tls.certificateFile), key: loaded.text(tls.keyFile) }),
        ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }),
      },
    }),
  };
}

/** @throws EntresolError `ENT_CONFIG_INVALID` with the place */
export function keySettings(loaded: LoadedConfig): KeySetting[] {
  const seen = { name: new Map<string, number>(), hash: new Map<string, number>() };
  return loaded.config.keys.map(({ name, hash, tenant, workload, admin }, index) => {
    for (const [what, value] of [['name', name], ['hash', hash]] as const) {
      if (seen[what].has(value)) throw wrong(loaded.at(['keys', index, what]), `keys[${index}] has the ${what} of keys[${seen[what].get(value)}].`);
      seen[what].set(value, index);
    }
    return { name, hash, tenant: tenantId(tenant), admin, ...(workload === undefined ? {} : { workload: workloadId(workload) }) };
  });
}

/** Files are loaded again when their text has changed. */
export class ConfiguredPolicies {
  readonly #files = new Map<string, PolicyDefinition>();

  /** @throws EntresolError `ENT_CONFIG_INVALID` with the place; undefined: the file names no policies, so defaults hold */
  async settings(loaded: LoadedConfig, readText: (path: string) => string): Promise<PolicySetting[] | undefined> {
    const { policies } = loaded.config;
    if (policies === undefined) return undefined;
    const settings: PolicySetting[] = [];
    for (const [index, entry] of policies.entries()) {
      const at = (part?: string): string => loaded.at(part === undefined ? ['policies', index] : ['policies', index, part]);
      const definition = await this.#definition(loaded, entry, readText).catch((error: unknown) => {
        throw error instanceof EntresolError ? wrong(at(entry.file === undefined ? 'name' : 'file'), error.message) : error;
      });
      if (settings.some((other) => other.definition.name === definition.name)) throw wrong(at(), `the policy ${definition.name} is there twice.`);
      for (const [name, value] of Object.entries(entry.parameters)) checkParameter(definition, name, value, loaded.at(['policies', index, 'parameters', name]));
      settings.push({ definition, mode: entry.mode, parameters: entry.parameters, ...(entry.failure === undefined ? {} : { failure: entry.failure }) });
    }
    return settings;
  }

  async #definition(loaded: LoadedConfig, { name, file }: PolicyConfig, readText: (path: string) => string): Promise<PolicyDefinition> {
    if (file === undefined) return loadPolicy(name ?? '');
    const path = loaded.resolve(file);
    if (!existsSync(path)) throw new EntresolError('ENT_POLICY_INVALID', `there is no file ${file}.`);
    const key = `${path} ${createHash('sha256').update(readText(path)).digest('hex')}`;
    const known = this.#files.get(key);
    if (known !== undefined) return known;
    const definition = await loadPolicy(path);
    for (const other of this.#files.keys()) if (other.startsWith(`${path} `)) this.#files.delete(other);
    this.#files.set(key, definition);
    return definition;
  }
}

function checkParameter(definition: PolicyDefinition, name: string, value: unknown, at: string): void {
  try {
    parameterValues(definition.parameters, { [name]: value });
  } catch (error) {
    throw error instanceof EntresolError ? wrong(at, error.message) : error;
  }
}
