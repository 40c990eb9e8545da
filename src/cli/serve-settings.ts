/** What `entresol serve` starts: the configuration file, with flags in place of what they name. */
import type { Config } from '../config/index.ts';
import { EntresolError } from '../core/index.ts';
import { HOSTED_TOOLS } from '../gateway/index.ts';
import { processClock } from '../runtime/index.ts';
import { createLogger, logSink, type LogSink } from '../telemetry/index.ts';
import { defaultPolicies, type ServerOptions } from './compose.ts';
import { LiveConfiguration } from './live-configuration.ts';
import { LOCAL_ENGINE_ARGUMENTS, localEngine, localEngineOf } from './local-engine-flags.ts';
import type { Options } from './parse-options.ts';
import { policySettings } from './policy-settings.ts';
import { openState } from './state-directory.ts';
import { upstreamEngines } from './upstreams.ts';

export interface ServeSettings {
  readonly server: ServerOptions;
  readonly log: LogSink;
  /** Absent: flags say everything. */
  readonly live?: LiveConfiguration;
}

/** @throws EntresolError `ENT_USAGE`, `ENT_CONFIG_INVALID`, `ENT_POLICY_UNKNOWN`, `ENT_POLICY_INVALID` */
export async function serveSettings(options: Options): Promise<ServeSettings> {
  const file = options.text('config');
  const flagged = {
    host: options.text('host'),
    port: options.number('port', { minimum: 0, maximum: 65_535, integer: true }),
    bodyBytes: options.number('body-limit', { minimum: 1, integer: true }),
    hostedTools: options.choice('hosted-tools', HOSTED_TOOLS),
    drainSeconds: options.number('drain', { minimum: 0, maximum: 86_400 }),
    upstreams: upstreamEngines(options.list('upstream')),
    policies: options.list('policies'),
    files: options.list('policy'),
    engine: Object.keys(LOCAL_ENGINE_ARGUMENTS).filter((name) => options.flag(name) || options.text(name) !== undefined),
  };
  if (flagged.upstreams.length > 0 && flagged.engine.length > 0) {
    throw new EntresolError('ENT_USAGE', 'it is for an engine within Entresol, and --upstream takes the place of that.', { at: `--${flagged.engine[0]}` });
  }
  const insecure = options.flag('insecure');
  const byFlags = flagged.policies.length > 0 || flagged.files.length > 0;
  const live = file === undefined ? undefined : new LiveConfiguration({
    file,
    fixed: { upstreams: flagged.upstreams.length > 0 || flagged.engine.length > 0, policies: byFlags, ...(flagged.host === undefined ? {} : { host: flagged.host }), ...(insecure ? { insecure } : {}) },
  });
  const opened = await live?.open();
  const config: Config | undefined = opened?.config;
  const log = logSink(createLogger(config === undefined ? {} : { level: config.log.level }));
  const upstreams = flagged.upstreams.length > 0 ? flagged.upstreams : (opened?.engines ?? []);
  const engines = upstreams.length > 0 ? upstreams : [config === undefined || flagged.engine.length > 0 ? localEngine(options) : localEngineOf(config.engine)];
  const state = openState(options.text('state') ?? config?.state, processClock);
  return {
    log,
    ...(live === undefined ? {} : { live }),
    server: {
      engines, log,
      host: flagged.host ?? config?.listen.host ?? '127.0.0.1',
      port: flagged.port ?? config?.listen.port ?? 8080,
      insecure: insecure || config?.listen.insecure === true,
      policies: byFlags || opened === undefined ? await policySettings(flagged.policies, flagged.files) : (opened.policies ?? defaultPolicies),
      hostedTools: flagged.hostedTools ?? config?.translation.hostedTools ?? 'refuse',
      limits: {
        ...config?.limits,
        ...(flagged.bodyBytes === undefined ? {} : { bodyBytes: flagged.bodyBytes }),
        ...(flagged.drainSeconds === undefined ? {} : { drainMs: flagged.drainSeconds * 1000 }),
      },
      ...(live === undefined ? {} : { keys: live.keys, configuration: () => live.status }),
      ...(state === undefined ? {} : { state }),
    },
  };
}
