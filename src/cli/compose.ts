/**
 * The composition root: engines, runtime and gateway put together. `entresol serve` and `up` run it, benches run it
 * in their own process with a clock of their own.
 */
import createXxhash from 'xxhash-wasm';
import type { Clock, Engine, LearnerSource, Random } from '../core/index.ts';
import { Gateway, hashingOf, type GatewayLimits, type HostedTools, type KeyRing } from '../gateway/index.ts';
import { createLearnerSource } from '../learner/index.ts';
import { processClock, Runtime, steadyClock, type PolicySetting, type RuntimeLimits, type Stopwatch, type Timers } from '../runtime/index.ts';
import { registeredPolicy } from '../runtime/load-policy.ts';
import type { Store } from '../store/index.ts';
import { createLogger, logSink, type LogSink } from '../telemetry/index.ts';
import { EngineFleet } from './engine-fleet.ts';
import { saltSecretOf } from './salt-secret.ts';

export interface ServerOptions {
  /** Made, not started: they are started here and stopped by `close`. */
  readonly engines: readonly Engine[];
  /** By default: cache-sage where an engine's retention can be steered, else none. A function is asked before the engines have started, and after: some show only then what they can do. */
  readonly policies?: readonly PolicySetting[] | PoliciesFor;
  readonly host?: string;
  /** 0, the default, takes a free one. */
  readonly port?: number;
  readonly insecure?: boolean;
  /** By default none: then loopback alone may connect. */
  readonly keys?: KeyRing;
  /** Makes the salts that keep caches of tenants apart; by default one that the state directory keeps, else a new one. */
  readonly saltSecret?: Buffer;
  readonly limits?: Partial<GatewayLimits>;
  /** What is done with tools that only a vendor's servers have, where a call is translated; refused by default. */
  readonly hostedTools?: HostedTools;
  /** What /healthz tells of the configuration in force. */
  readonly configuration?: () => object;
  readonly runtimeLimits?: Partial<RuntimeLimits>;
  /** Where it jumps (back, or ahead by more than minutes) time goes on as it passes. */
  readonly clock?: Clock;
  readonly timers?: Timers;
  readonly stopwatch?: Stopwatch;
  readonly random?: Random;
  readonly learners?: LearnerSource;
  /** Where what was learned is kept between runs; absent: nothing is. */
  readonly state?: Store;
  readonly log?: LogSink;
}

export interface RunningServer {
  readonly url: string;
  readonly runtime: Runtime;
  /** Its members change with `replaceEngines`. */
  readonly engines: readonly Engine[];
  /** The first of `engines`. */
  readonly engine: Engine;
  readonly gateway: Gateway;
  /** Takes these into force; undefined: those by default, as engines show what they can do. */
  configurePolicies(settings: readonly PolicySetting[] | undefined): void;
  /** Serves new calls with other engines; those that are no longer among them end what they have begun. */
  replaceEngines(engines: readonly Engine[]): Promise<void>;
  /**
   * Takes no new calls, lets those in flight finish for at most `drainMs`, stops engines, saves.
   * @returns how many calls were cut off
   */
  close(drainMs?: number): Promise<number>;
}

/** Policies that depend on what engines can do. */
export type PoliciesFor = (engines: readonly Engine[]) => readonly PolicySetting[];

/** How long an engine gets to stop once no call is left in it. */
const ENGINE_GRACE_MS = 2000;
/** How often policies by default are chosen again: an engine may show what it can do long after we have started. */
const CHOOSE_AGAIN_MS = 2000;

/** What is on when nobody says: retention where there is something to retain. */
export function defaultPolicies(engines: readonly Engine[]): PolicySetting[] {
  const definition = registeredPolicy('cache-sage');
  return definition !== undefined && engines.some((engine) => engine.capabilities.retention !== undefined) ? [{ definition }] : [];
}

/**
 * Starts everything and resolves when calls are served.
 * @throws EntresolError `ENT_PORT_TAKEN`, `ENT_INSECURE_BIND`, or what an engine's start throws; then nothing is left running
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const engines = [...options.engines];
  const { policies = defaultPolicies } = options;
  const choose = typeof policies === 'function' ? policies : defaultPolicies;
  let automatic = typeof policies === 'function';
  let chosen = typeof policies === 'function' ? policies(engines) : policies;
  const log = options.log ?? logSink(createLogger());
  // The process's own never jumps. One that was given may: it is mended, and every engine's troubles tell of it.
  let told: Runtime | undefined;
  const clock = options.clock === undefined || options.clock === processClock ? processClock : steadyClock(options.clock, (byMs) => {
    log('warn', `the clock jumped ${byMs < 0 ? 'back' : 'ahead'} by ${Math.abs(Math.round(byMs / 1000))} s: time goes on as it passes`);
    for (const { replica } of engines) told?.engineTrouble(replica, 'clock-jump');
  });
  const hashing = hashingOf(await createXxhash());
  const runtime = new Runtime({
    policies: chosen,
    learners: options.learners ?? createLearnerSource(),
    clock, log,
    ...(options.timers === undefined ? {} : { timers: options.timers }),
    ...(options.stopwatch === undefined ? {} : { stopwatch: options.stopwatch }),
    ...(options.random === undefined ? {} : { random: options.random }),
    ...(options.state === undefined ? {} : { state: options.state }),
    ...(options.runtimeLimits === undefined ? {} : { limits: options.runtimeLimits }),
  });
  told = runtime;
  const gateway = new Gateway({
    host: options.host ?? '127.0.0.1', port: options.port ?? 0, engines, runtime, clock, log, hashing,
    insecure: options.insecure ?? false,
    ...(options.keys === undefined ? {} : { keys: options.keys }),
    saltSecret: options.saltSecret ?? await saltSecretOf(options.state, log),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.hostedTools === undefined ? {} : { hostedTools: options.hostedTools }),
    ...(options.configuration === undefined ? {} : { configuration: options.configuration }),
  });
  const fleet = new EngineFleet(engines, runtime);
  // What is on stays on: an engine that is down for a moment has not lost what was learned of it.
  const chooseAgain = (): void => {
    if (!automatic) return;
    const now = choose(engines);
    if (now.length <= chosen.length) return;
    chosen = now;
    runtime.configure(now);
    log('info', 'an engine shows that it can be steered: policies by default are on', { policies: now.map(({ definition }) => definition.name) });
  };
  const choosing = setInterval(chooseAgain, CHOOSE_AGAIN_MS).unref();
  let closing: Promise<number> | undefined;
  const close = async (drainMs?: number): Promise<number> => {
    clearInterval(choosing);
    const cut = await gateway.drain(drainMs);
    try {
      await fleet.stop(ENGINE_GRACE_MS);
    } finally {
      // What was learned is saved, whatever an engine says when it is stopped.
      await runtime.close();
    }
    return cut;
  };
  // The port first: whether it is free is known at once, a model may take a minute to load.
  const url = await gateway.listen();
  try {
    await runtime.start();
    await fleet.start();
    chooseAgain();
  } catch (error) {
    await close(0);
    throw error;
  }
  gateway.markReady();
  const replaceEngines = async (next: readonly Engine[]): Promise<void> => {
    await fleet.replace(next);
    chooseAgain();
  };
  const configurePolicies = (settings: readonly PolicySetting[] | undefined): void => {
    if (automatic && settings === undefined) return;
    automatic = settings === undefined;
    chosen = settings ?? defaultPolicies(engines);
    runtime.configure(chosen);
  };
  return { url, runtime, engines, engine: engines[0], gateway, replaceEngines, configurePolicies, close: (drainMs) => (closing ??= close(drainMs)) };
}
