/** One side of a comparison: an engine process of its own, a gateway of its own, clients of its own, on one side clock. */
import { setMaxListeners } from 'node:events';
import type OpenAI from 'openai';
import type { Clock, Engine } from '../../core/index.ts';
import { EntresolError } from '../../core/index.ts';
import type { PolicySetting, Timers } from '../../runtime/index.ts';
import type { LocalEngine } from '../../engines/embedded/local-engine.ts';
import { makeEngine, type EngineChoice, type EngineLayout } from './bench-engine.ts';
import { drive } from './drive.ts';
import type { CallSample, SliceSample } from './measures.ts';
import { SideClock } from './side-clock.ts';
import { sideTimers } from './side-timers.ts';
import type { LoadSide } from './load-run.ts';
import type { BenchWorkload } from './workload.ts';

/** The composition root of the gateway, handed in: it belongs to the command line. A clock that stops goes with timers that stop with it. */
export type StartGateway = (options: { readonly engines: readonly Engine[]; readonly policies: readonly PolicySetting[]; readonly clock: Clock; readonly timers?: Timers; readonly log: (level: string, message: string) => void }) => Promise<{ readonly url: string; close(drainMs?: number): Promise<number> }>;

export interface SideSpec extends Omit<EngineLayout, 'clock'> {
  readonly policies: readonly PolicySetting[];
}

export interface SideParts {
  readonly choice: EngineChoice;
  readonly startGateway: StartGateway;
}

/** @throws EntresolError `ENT_CLIENT_MISSING`: an installed package brings no client along */
export async function loadClient(): Promise<typeof OpenAI> {
  try {
    return (await import('openai')).default;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new EntresolError('ENT_CLIENT_MISSING', 'The bench speaks through the openai package, which is not installed.', { cause: error });
  }
}

export async function openClient(url: string): Promise<OpenAI> {
  const Client = await loadClient();
  return new Client({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0, timeout: 10 * 60_000 });
}

export class BenchSide implements LoadSide {
  readonly name: string;
  readonly clock: SideClock;
  readonly slices: SliceSample[] = [];
  readonly samples: CallSample[] = [];
  readonly spec: SideSpec;
  /** A place found no session left: the load is over. */
  ranDry = false;
  readonly #engine: LocalEngine;
  readonly #gateway: Awaited<ReturnType<StartGateway>>;
  readonly #client: OpenAI;
  readonly #abort = new AbortController();
  #driving: Promise<void> = Promise.resolve();
  #failure: unknown;

  private constructor(spec: SideSpec, clock: SideClock, engine: LocalEngine, gateway: Awaited<ReturnType<StartGateway>>, client: OpenAI) {
    this.name = spec.name;
    this.spec = spec;
    this.clock = clock;
    this.#engine = engine;
    this.#gateway = gateway;
    this.#client = client;
    // Every client of the side listens to it at once.
    setMaxListeners(0, this.#abort.signal);
  }

  /** Starts engine and gateway; the engine stands still and no client runs until the first slice. */
  static async start(spec: SideSpec, parts: SideParts): Promise<BenchSide> {
    const clock = new SideClock();
    const engine = makeEngine(parts.choice, { ...spec, clock });
    const gateway = await parts.startGateway({ engines: [engine], policies: spec.policies, clock, timers: sideTimers(clock), log: () => undefined });
    try {
      const side = new BenchSide(spec, clock, engine, gateway, await openClient(gateway.url));
      await side.pause();
      return side;
    } catch (error) {
      await gateway.close(0);
      throw error;
    }
  }

  /** Sets the clients going; they wait for the side's clock. */
  begin(workload: BenchWorkload, thinkMs: number): void {
    const [model] = this.#engine.models();
    this.#driving = drive(workload, {
      connection: { client: this.#client, model: model.id, clock: this.clock }, thinkMs, signal: this.#abort.signal,
      onCall: (sample) => { this.samples.push(sample); },
    }, () => { this.ranDry = true; });
    this.#driving.catch((error: unknown) => { this.#failure ??= error; });
  }

  /** @throws what a client of this side met */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  resume(): void { this.#engine.parts.model.tokenEngine.resume(); }
  pause(): Promise<void> { return this.#engine.parts.model.tokenEngine.pause(); }
  engineCpuMs(): Promise<number> { return this.#engine.parts.model.tokenEngine.cpuMs(); }
  completedCalls(): number { return this.samples.length; }

  async close(): Promise<void> {
    this.#abort.abort();
    this.resume();
    this.clock.start();
    await this.#driving.catch(() => undefined);
    // The simulated engine ends its last batch on this clock.
    await this.#gateway.close(0);
    this.clock.stop();
  }
}
