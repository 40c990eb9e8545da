/** One side: a real vLLM of its own, a gateway of its own before it, counted by vLLM's own counters. */
import { VllmEngine } from '../../engines/vllm/engine.ts';
import { readMetricsPage } from '../../engines/vllm/metrics-page.ts';
import { vllmSettings } from '../../engines/vllm/settings.ts';
import { EntresolError } from '../../core/index.ts';
import type { PolicySetting } from '../../runtime/index.ts';
import type { StartGateway } from '../bench/bench-side.ts';
import type { CallSample } from '../bench/measures.ts';
import { startVllm, type VllmEnvironment, type VllmServer, type VllmServerOptions } from '../vllm-server/index.ts';
import { processClock } from '../../runtime/index.ts';
import { playAll } from './clients.ts';
import type { VllmLoad } from './load.ts';

export interface SideOptions {
  /** `warm`: as `on`, and warmed up where the policies ask for it. */
  readonly name: 'off' | 'on' | 'warm';
  readonly environment: VllmEnvironment;
  readonly vllm: Omit<VllmServerOptions, 'plugin'>;
  readonly policies: readonly PolicySetting[];
  readonly startGateway: StartGateway;
  /** Told what the gateway warns of: a policy in shadow would make the figures those of none. */
  say(line: string): void;
}

export interface Counters { readonly queries: number; readonly hits: number; readonly preemptions: number }

const KNOWN_WITHIN_MS = 30_000;
const LOG_LINES = 30;
const WARM_UP_BYTES = 2 ** 26;

/** On a busy machine a server takes a while to say what it is: no call goes out before it is known, and before it can be steered. */
async function known(engine: VllmEngine, steered: boolean): Promise<void> {
  for (const deadline = performance.now() + KNOWN_WITHIN_MS; ;) {
    if (engine.discovery() !== undefined && (!steered || engine.capabilities.retention !== undefined)) return;
    if (performance.now() > deadline) throw new EntresolError('ENT_VLLM_UNAVAILABLE', steered ? 'the package in vLLM does not answer.' : 'vLLM does not say what it is.');
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

export class VllmSide {
  readonly name: SideOptions['name'];
  readonly samples: CallSample[] = [];
  readonly engine: VllmEngine;
  readonly #vllm: VllmServer;
  readonly #gateway: Awaited<ReturnType<StartGateway>>;

  private constructor(name: SideOptions['name'], vllm: VllmServer, engine: VllmEngine, gateway: Awaited<ReturnType<StartGateway>>) {
    this.name = name;
    this.#vllm = vllm;
    this.engine = engine;
    this.#gateway = gateway;
  }

  /** `off`: stock, nothing installed and nothing steered; the gateway stands before both. */
  static async start({ name, environment, vllm: options, policies, startGateway, say }: SideOptions): Promise<VllmSide> {
    const vllm = await startVllm(environment, { ...options, plugin: name !== 'off' });
    try {
      const control = name === 'off' ? 'none' : { endpoints: vllm.controlEndpoint };
      const engine = new VllmEngine({ url: vllm.url }, vllmSettings.parse({ control, ...(name === 'off' ? { kvEvents: 'none' } : {}), ...(name === 'warm' ? { warmUp: { memoryBytes: WARM_UP_BYTES } } : {}) }));
      const gateway = await startGateway({ engines: [engine], policies, clock: processClock, log: (level, message) => { if (level !== 'info') say(`${name}: ${message}`); } });
      await known(engine, name !== 'off');
      return new VllmSide(name, vllm, engine, gateway);
    } catch (error) {
      await vllm.stop();
      throw error;
    }
  }

  /** @throws EntresolError with the end of vLLM's log, where a call fails: whether it has ended shows there alone */
  async play(load: VllmLoad, thinkMs: number): Promise<void> {
    try {
      await playAll(load, { url: this.#gateway.url, model: this.#vllm.model, thinkMs, onCall: (sample) => { this.samples.push(sample); } });
    } catch (error) {
      const state = await fetch(`${this.#vllm.url}/health`).then(({ status }) => `its /health answers ${status}`, () => 'it does not answer any more');
      throw new EntresolError('ENT_UPSTREAM_FAILED', `${this.name}: ${error instanceof Error ? error.message : String(error)} vLLM: ${state}. The end of its log:\n${this.#vllm.logged().split('\n').slice(-LOG_LINES).join('\n')}`, { at: this.#vllm.url, cause: error });
    }
  }

  /** vLLM's own. */
  async counters(): Promise<Counters> {
    const page = readMetricsPage(await (await fetch(`${this.#vllm.url}/metrics`)).text());
    if (page?.prefixQueries === undefined || page.prefixHits === undefined) throw new EntresolError('ENT_VLLM_UNAVAILABLE', 'vLLM does not count its prefix cache.', { at: this.#vllm.url });
    return { queries: page.prefixQueries, hits: page.prefixHits, preemptions: page.preemptions ?? 0 };
  }

  async close(): Promise<void> {
    await this.#gateway.close(0);
    await this.#vllm.stop();
  }
}
