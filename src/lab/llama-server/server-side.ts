/** One side of a comparison on real llama-servers: a server process of its own, alone or with Entresol before it. */
import { mkdtemp, rm, readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setMaxListeners } from 'node:events';
import type OpenAI from 'openai';
import { EntresolError } from '../../core/index.ts';
import { LlamaServerEngine } from '../../engines/llama-server/engine.ts';
import { llamaServerSettings } from '../../engines/llama-server/settings.ts';
import type { PolicySetting } from '../../runtime/index.ts';
import { openClient, type StartGateway } from '../bench/bench-side.ts';
import { drive } from '../bench/drive.ts';
import type { LoadSide } from '../bench/load-run.ts';
import type { CallSample, SliceSample } from '../bench/measures.ts';
import { SideClock } from '../bench/side-clock.ts';
import { sideTimers } from '../bench/side-timers.ts';
import type { BenchWorkload } from '../bench/workload.ts';
import { LlamaServer } from './server.ts';

export interface ServerSideSpec {
  readonly name: string;
  readonly slots: number;
  readonly contextTokens: number;
  /** Beside the slots: the server's own prompt cache, or states that Entresol saves. */
  readonly storeMiB: number;
  /** Absent: clients speak to the server itself. */
  readonly policies?: readonly PolicySetting[];
  /** How Entresol compares prompts. */
  readonly prompts?: 'exact' | 'text';
}

export interface ServerSideParts {
  readonly binary: string;
  readonly modelPath: string;
  readonly threads: number;
  readonly startGateway: StartGateway;
}

interface Front { readonly url: string; close(): Promise<unknown> }

const TICKS_PER_SECOND = 100;

/** In memory where the platform has a folder for it. */
function stateParent(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
}

interface Opened {
  readonly clock: SideClock;
  readonly server: LlamaServer;
  readonly front: Front;
  readonly folder: string;
  readonly client: OpenAI;
  readonly model: string;
}

export class ServerSide implements LoadSide {
  readonly name: string;
  readonly clock: SideClock;
  readonly slices: SliceSample[] = [];
  readonly samples: CallSample[] = [];
  ranDry = false;
  readonly #opened: Opened;
  readonly #abort = new AbortController();
  #driving: Promise<void> = Promise.resolve();
  #failure: unknown;

  private constructor(name: string, opened: Opened) {
    this.name = name;
    this.clock = opened.clock;
    this.#opened = opened;
    setMaxListeners(0, this.#abort.signal);
  }

  /** Starts server and gateway; they stand still until the first slice. */
  static async start(spec: ServerSideSpec, parts: ServerSideParts): Promise<ServerSide> {
    const { slots, contextTokens, storeMiB, policies } = spec;
    const folder = await mkdtemp(join(stateParent(), 'entresol-bench-'));
    const clock = new SideClock();
    let server: LlamaServer | undefined;
    let front: Front | undefined;
    try {
      server = await LlamaServer.start({
        binary: parts.binary, modelPath: parts.modelPath, threads: parts.threads, slots, contextTokens,
        ...(policies === undefined ? { cacheMiB: storeMiB } : { cacheMiB: 0, slotSavePath: `${folder}/` }),
      });
      front = policies === undefined ? { url: server.url, close: () => Promise.resolve() } : await before(server, spec, folder, policies, clock, parts);
      const client = await openClient(front.url);
      const [first] = (await client.models.list()).data;
      const side = new ServerSide(spec.name, { clock, server, front, folder, client, model: first.id });
      await side.pause();
      return side;
    } catch (error) {
      await front?.close();
      await server?.close();
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  begin(workload: BenchWorkload, thinkMs: number): void {
    const { client, model } = this.#opened;
    this.#driving = drive(workload, {
      connection: { client, model, clock: this.clock }, thinkMs, signal: this.#abort.signal,
      onCall: (sample) => { this.samples.push(sample); },
    }, () => { this.ranDry = true; });
    this.#driving.catch((error: unknown) => { this.#failure ??= error; });
  }

  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  resume(): void { process.kill(this.#processId, 'SIGCONT'); }

  pause(): Promise<void> {
    process.kill(this.#processId, 'SIGSTOP');
    return Promise.resolve();
  }

  /** User and system time of the server's process: proc(5), fields 14 and 15 of `stat`. */
  async engineCpuMs(): Promise<number> {
    const stat = await readFile(`/proc/${this.#processId}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (1000 * (Number(fields[11]) + Number(fields[12]))) / TICKS_PER_SECOND;
  }

  completedCalls(): number { return this.samples.length; }

  async close(): Promise<void> {
    const { server, front, folder } = this.#opened;
    this.#abort.abort();
    this.resume();
    this.clock.start();
    await this.#driving.catch(() => undefined);
    await front.close();
    this.clock.stop();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }

  get #processId(): number {
    const { processId } = this.#opened.server;
    if (processId === undefined) throw new EntresolError('ENT_ENGINE_CRASHED', `the llama-server of ${this.name} is gone.`);
    return processId;
  }
}

async function before(server: LlamaServer, { storeMiB, prompts }: ServerSideSpec, stateFolder: string, policies: readonly PolicySetting[], clock: SideClock, parts: ServerSideParts): Promise<Front> {
  const engine = new LlamaServerEngine({ url: server.url }, llamaServerSettings.parse({ stateMiB: storeMiB, stateFolder, prompts }));
  // The engine looks at its server on this clock.
  clock.start();
  const gateway = await parts.startGateway({ engines: [engine], policies, clock, timers: sideTimers(clock), log: () => undefined });
  clock.stop();
  if (engine.discovery()?.features.every(({ available }) => available === 'yes') === true) return { url: gateway.url, close: () => gateway.close(0) };
  await gateway.close(0);
  throw new EntresolError('ENT_ENGINE_UNAVAILABLE', 'the llama-server cannot do what the bench needs.', { at: server.url });
}
