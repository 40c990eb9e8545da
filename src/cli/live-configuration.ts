/** The configuration of a running server: read at its start, and again on SIGHUP or when a file of it changes. */
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { Counter, Gauge, type Registry } from 'prom-client';
import { EntresolError, type Engine } from '../core/index.ts';
import { loadConfig, RELOADED, type Config, type LoadedConfig } from '../config/index.ts';
import { isLoopbackName, KeyRing, type KeySetting } from '../gateway/index.ts';
import type { PolicySetting } from '../runtime/index.ts';
import type { LogSink } from '../telemetry/index.ts';
import type { RunningServer } from './compose.ts';
import { configSchema } from './config-schema.ts';
import { ConfiguredPolicies, keySettings, upstreamPlans, type UpstreamPlan } from './configured.ts';

/** What flags have fixed: the file does not change it. */
export interface FixedByFlags {
  readonly upstreams: boolean;
  readonly policies: boolean;
  readonly host?: string;
  readonly insecure?: boolean;
}

/** All that a file asks for, made and checked, not yet in force. */
interface Wanted {
  readonly loaded: LoadedConfig;
  /** All that was read, by path: the file, and what it refers to. */
  readonly files: ReadonlyMap<string, string>;
  readonly plans: readonly UpstreamPlan[];
  readonly keys: readonly KeySetting[];
  readonly policies: readonly PolicySetting[] | undefined;
}

export interface ConfigurationStatus {
  /** How often a file was taken into force. */
  readonly generation: number;
  readonly loadedAt: string;
  /** The latest file that was not, if the one in force is older. */
  readonly refused?: { readonly at: string; readonly code: string; readonly since: string };
}

export class LiveConfiguration {
  readonly keys = new KeyRing();
  readonly #file: string;
  readonly #fixed: FixedByFlags;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #policies = new ConfiguredPolicies();
  #wanted: Wanted | undefined;
  #engines = new Map<string, Engine>();
  #status: ConfigurationStatus = { generation: 0, loadedAt: '' };
  #reloading: Promise<void> = Promise.resolve();
  #watched: string[] = [];
  #metrics: { readonly reloads: Counter; readonly good: Gauge } | undefined;

  constructor(options: { readonly file: string; readonly fixed: FixedByFlags; readonly environment?: NodeJS.ProcessEnv }) {
    this.#file = options.file;
    this.#fixed = options.fixed;
    this.#environment = options.environment ?? process.env;
  }

  /** For `/healthz`, which anyone may read: where and since when, not what the file says. */
  get status(): ConfigurationStatus { return this.#status; }

  /** Reads the file for the start. @throws EntresolError `ENT_CONFIG_INVALID` */
  async open(): Promise<{ readonly config: Config; readonly engines: readonly Engine[]; readonly policies: readonly PolicySetting[] | undefined }> {
    const wanted = await this.#read();
    this.keys.replace(wanted.keys);
    const engines = this.#made(wanted);
    this.#taken(wanted, engines);
    return { config: wanted.loaded.config, engines: [...engines.values()], policies: wanted.policies };
  }

  async #read(): Promise<Wanted> {
    const loaded = loadConfig(this.#file, configSchema, this.#environment);
    const plans = this.#fixed.upstreams ? [] : upstreamPlans(loaded);
    const keys = keySettings(loaded);
    const { listen } = loaded.config;
    // The address itself cannot change while the server runs.
    const host = this.#fixed.host ?? this.#wanted?.loaded.config.listen.host ?? listen.host;
    if (keys.length === 0 && !isLoopbackName(host) && this.#fixed.insecure !== true && !listen.insecure) {
      throw new EntresolError('ENT_CONFIG_INVALID', `without keys anyone who reaches ${host} could use the engine; keep a key, or listen on 127.0.0.1.`, { at: loaded.at(['keys']) });
    }
    const files = new Map(loaded.files);
    const readText = (path: string): string => {
      const text = readFileSync(path, 'utf8');
      files.set(path, text);
      return text;
    };
    const policies = this.#fixed.policies ? undefined : await this.#policies.settings(loaded, readText);
    return { loaded, files, plans, keys, policies };
  }

  /** Engines by fingerprint; those that are there already are kept. */
  #made({ plans }: Wanted): Map<string, Engine> {
    return new Map(plans.map((plan) => [plan.fingerprint, this.#engines.get(plan.fingerprint) ?? plan.make()]));
  }

  #taken(wanted: Wanted, engines: Map<string, Engine>): void {
    this.#wanted = wanted;
    this.#engines = engines;
    this.#status = { generation: this.#status.generation + 1, loadedAt: new Date().toISOString() };
  }

  /** Reads the file again from now on. @returns ends that */
  follow(server: RunningServer, log: LogSink, registry: Registry, pollMs = 1000): () => void {
    this.#metrics = {
      reloads: new Counter({ name: 'entresol_config_reloads_total', help: 'Configuration files read while serving, by what became of them.', labelNames: ['result'], registers: [registry] }),
      good: new Gauge({ name: 'entresol_config_last_reload_successful', help: '1 while the file that is there is the one in force.', registers: [registry] }),
    };
    this.#metrics.good.set(1);
    const reload = (): void => void this.reload(server, log);
    // By its state each second: that sees editors that replace the file, and mounted secrets that are swapped.
    const watch = (): void => {
      for (const file of this.#watched) unwatchFile(file, changed);
      this.#watched = [...(this.#wanted?.files.keys() ?? [])];
      for (const file of this.#watched) watchFile(file, { persistent: false, interval: pollMs }, changed);
    };
    const changed = (): void => void this.reload(server, log).then(watch);
    process.on('SIGHUP', reload);
    watch();
    return () => {
      process.off('SIGHUP', reload);
      for (const file of this.#watched) unwatchFile(file, changed);
    };
  }

  /** Takes the file into force as it is now. If it is wrong nothing changes, and log, metrics and status say so. */
  reload(server: RunningServer, log: LogSink): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reload(server, log));
    return this.#reloading;
  }

  async #reload(server: RunningServer, log: LogSink): Promise<void> {
    try {
      const wanted = await this.#read();
      if (sameFiles(wanted.files, this.#wanted?.files) && this.#status.refused === undefined) return;
      await this.#apply(wanted, server, log);
      this.#metrics?.reloads.inc({ result: 'taken' });
      this.#metrics?.good.set(1);
      log('info', 'the configuration was read again and is in force', { file: this.#file, generation: this.#status.generation });
    } catch (error) {
      const { code, at, message } = error instanceof EntresolError ? { code: error.code, at: error.at ?? this.#file, message: error.message } : { code: 'ENT_INTERNAL', at: this.#file, message: String(error) };
      this.#status = { ...this.#status, refused: { at, code, since: new Date().toISOString() } };
      this.#metrics?.reloads.inc({ result: 'refused' });
      this.#metrics?.good.set(0);
      log('error', 'the new configuration is wrong: the one before stays in force', { code, at, error: message });
    }
  }

  async #apply(wanted: Wanted, server: RunningServer, log: LogSink): Promise<void> {
    const before = this.#wanted?.loaded.config;
    const now = wanted.loaded.config;
    const hadUpstreams = (before?.upstreams.length ?? 0) > 0;
    if (!this.#fixed.upstreams && (now.upstreams.length > 0) !== hadUpstreams) {
      throw new EntresolError('ENT_CONFIG_INVALID', `${hadUpstreams ? 'the last upstream is gone' : 'an upstream takes the place of the engine within'}: that takes a restart.`, { at: wanted.loaded.at(['upstreams']) });
    }
    // A file that is half written may lack them too: a server that was shut is never opened by reading.
    if (!this.keys.empty && wanted.keys.length === 0) throw new EntresolError('ENT_CONFIG_INVALID', 'the last key is gone: to serve without keys takes a restart.', { at: wanted.loaded.at(['keys']) });
    const engines = this.#made(wanted);
    const serving = this.#fixed.upstreams || !hadUpstreams ? server.engines : [...engines.values()];
    if (!this.#fixed.policies) server.configurePolicies(wanted.policies);
    this.keys.replace(wanted.keys);
    if (serving !== server.engines) await server.replaceEngines(serving);
    this.#taken(wanted, engines);
    const later = before === undefined ? [] : (Object.keys(now) as (keyof Config)[]).filter((name) => !RELOADED.includes(name) && JSON.stringify(now[name]) !== JSON.stringify(before[name]));
    if (later.length > 0) log('warn', 'some settings take effect at the next start only', { settings: later });
  }
}

function sameFiles(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string> | undefined): boolean {
  return b !== undefined && a.size === b.size && [...a].every(([path, text]) => b.get(path) === text);
}
