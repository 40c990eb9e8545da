/**
 * What the gateway costs: the same load straight to the upstream, through a bare proxy, through the gateway without and
 * with policies, in slices that alternate within one run.
 */
import { PartProcess, type PartCommand } from './process.ts';
import type { AbortTimes, SliceOrder, SliceResult } from './load-generator.ts';
import type { Usage } from './part.ts';

export const PATHS = ['direct', 'bare', 'entresol-none', 'entresol-all'] as const;
export type PathName = (typeof PATHS)[number];

export interface GatewayLoad { readonly bodyBytes: number; readonly stream: boolean; readonly cold: boolean }

export interface GatewayRun extends GatewayLoad {
  readonly path: PathName;
  /** As many as 16 callers get answered. */
  readonly requestsPerSecond: number;
  /** The same as a share of the bare proxy's, round by round: median and range. */
  readonly shareOfBare: Range | null;
  /** User and system time of the path's process; null for `direct`, which has none. */
  readonly cpuMsPerRequest: number | null;
  /** Over `direct`, at the steady rate, to the last byte of the answer: median over the rounds. */
  readonly addedMs: { readonly p50: number; readonly p99: number };
  readonly rssMiB: number | null;
  readonly failed: number;
}

export interface Range { readonly median: number; readonly low: number; readonly high: number }

export interface AbortReport { readonly path: PathName; readonly calls: number; readonly reached: number; readonly p50Ms: number; readonly maxMs: number }

export interface GatewayDocument {
  readonly node: string;
  /** The paths ran on one core, load and upstream on another. */
  readonly pinned: boolean;
  readonly rounds: number;
  readonly sliceMs: number;
  readonly ratePerSecond: number;
  /** Each path had answered so many calls of a load before its first figure of it. */
  readonly warmCalls: number;
  readonly policies: readonly string[];
  readonly runs: readonly GatewayRun[];
  /** From the client's letting go to the upstream's noticing. */
  readonly aborts: readonly AbortReport[];
}

export interface GatewayBenchOptions {
  readonly part: Pick<PartCommand, 'command'>;
  readonly pinned: boolean;
  readonly loads: readonly GatewayLoad[];
  readonly rounds: number;
  readonly sliceMs: number;
  readonly ratePerSecond: number;
  /** A gateway runs for months: its code is compiled for speed once it has run some thousand times. */
  readonly warmCalls: number;
  readonly aborts: number;
  readonly policies: readonly string[];
  onProgress(text: string): void;
  onRun(run: GatewayRun): void;
}

const CONNECTIONS = 16;
const LONGEST_WARMING_MS = 60_000;

interface Round { readonly requestsPerSecond: number; readonly cpuMsPerRequest: number | null; readonly steadyMs: readonly number[]; readonly failed: number; readonly rssMiB: number | null }

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
export const quantile = (values: readonly number[], share: number): number => sorted(values)[Math.floor(share * (values.length - 1))] ?? 0;
const rangeOf = (values: readonly number[]): Range => ({ median: quantile(values, 0.5), low: Math.min(...values), high: Math.max(...values) });

class Bench {
  readonly #options: GatewayBenchOptions;
  readonly #urls: ReadonlyMap<PathName, string>;
  readonly #processes: ReadonlyMap<PathName, PartProcess>;
  readonly #load: PartProcess;

  constructor(options: GatewayBenchOptions, upstream: PartProcess, processes: ReadonlyMap<PathName, PartProcess>, load: PartProcess) {
    this.#options = options;
    this.#processes = processes;
    this.#load = load;
    this.#urls = new Map(PATHS.map((path) => [path, processes.get(path)?.url ?? upstream.url]));
  }

  slice(path: PathName, load: GatewayLoad, durationMs: number, ratePerSecond?: number): Promise<SliceResult> {
    const order: SliceOrder = {
      ...load, url: this.#urls.get(path) ?? '', durationMs, connections: ratePerSecond === undefined ? CONNECTIONS : 4,
      ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
    };
    return this.#load.ask<SliceResult>({ kind: 'slice', order });
  }

  /** One slice, and as many more as it takes. */
  async warm(path: PathName, load: GatewayLoad): Promise<void> {
    const calls = path === 'direct' ? 0 : this.#options.warmCalls;
    const startedAtMs = performance.now();
    for (let answered = 0; ;) {
      answered += (await this.slice(path, load, this.#options.sliceMs)).calls;
      if (answered >= calls || performance.now() - startedAtMs > LONGEST_WARMING_MS) return;
    }
  }

  async round(path: PathName, load: GatewayLoad): Promise<Round> {
    const { sliceMs, ratePerSecond } = this.#options;
    const process = this.#processes.get(path);
    const before = await process?.ask<Usage>({ kind: 'usage' });
    const full = await this.slice(path, load, sliceMs);
    const after = await process?.ask<Usage>({ kind: 'usage' });
    const steady = await this.slice(path, load, sliceMs, ratePerSecond);
    return {
      requestsPerSecond: (1000 * full.calls) / full.elapsedMs,
      cpuMsPerRequest: before === undefined || after === undefined ? null : (after.cpuMs - before.cpuMs) / Math.max(1, full.calls + CONNECTIONS),
      rssMiB: after?.rssMiB ?? null,
      steadyMs: steady.lastByteMs,
      failed: full.failed + steady.failed,
    };
  }

  async aborts(path: PathName, upstream: PartProcess, count: number): Promise<AbortReport> {
    const times = await this.#load.ask<AbortTimes>({ kind: 'aborts', order: { url: this.#urls.get(path) ?? '', count, tag: path } });
    await new Promise((resolve) => { setTimeout(resolve, 500); });
    const noticed = await upstream.ask<AbortTimes>({ kind: 'given-up' });
    const delays = Object.entries(times).filter(([id]) => noticed[id] !== undefined).map(([id, atMs]) => noticed[id] - atMs);
    return { path, calls: count, reached: delays.length, p50Ms: quantile(delays, 0.5), maxMs: Math.max(0, ...delays) };
  }
}

function runOf(path: PathName, load: GatewayLoad, rounds: ReadonlyMap<PathName, readonly Round[]>): GatewayRun {
  const own = rounds.get(path) ?? [];
  const direct = rounds.get('direct') ?? [];
  const bare = rounds.get('bare') ?? [];
  const added = (share: number): number => quantile(own.map((round, index) => quantile(round.steadyMs, share) - quantile(direct[index].steadyMs, share)), 0.5);
  const median = (read: (round: Round) => number | null): number | null => (path === 'direct' ? null : quantile(own.map((round) => read(round) ?? 0), 0.5));
  return {
    path, ...load,
    requestsPerSecond: quantile(own.map((round) => round.requestsPerSecond), 0.5),
    shareOfBare: bare.length === 0 ? null : rangeOf(own.map((round, index) => round.requestsPerSecond / bare[index].requestsPerSecond)),
    cpuMsPerRequest: median((round) => round.cpuMsPerRequest),
    addedMs: { p50: added(0.5), p99: added(0.99) },
    rssMiB: median((round) => round.rssMiB),
    failed: own.reduce((sum, round) => sum + round.failed, 0),
  };
}

export async function benchGateway(options: GatewayBenchOptions): Promise<GatewayDocument> {
  const started: PartProcess[] = [];
  const start = async (name: Parameters<typeof PartProcess.start>[0], upstream: string, core: number): Promise<PartProcess> => {
    const part = await PartProcess.start(name, upstream, { ...options.part, ...(options.pinned ? { core } : {}) });
    started.push(part);
    return part;
  };
  try {
    const upstream = await start('upstream', '', 0);
    const load = await start('load', '', 0);
    const processes = new Map<PathName, PartProcess>();
    for (const path of PATHS) if (path !== 'direct') processes.set(path, await start(path, upstream.url, 1));
    const bench = new Bench(options, upstream, processes, load);
    const runs: GatewayRun[] = [];
    for (const one of options.loads) {
      const rounds = new Map<PathName, Round[]>(PATHS.map((path) => [path, []]));
      for (let round = -1; round < options.rounds; round++) {
        // The order turns, so that no path always follows the same one; the first round warms up.
        for (let place = 0; place < PATHS.length; place++) {
          const path = PATHS[(place + round + PATHS.length) % PATHS.length];
          options.onProgress(`${one.bodyBytes} bytes${one.stream ? ', streamed' : ''}${one.cold ? ', cold' : ''}: round ${round + 1} of ${options.rounds}, ${path}`);
          if (round < 0) await bench.warm(path, one);
          else rounds.get(path)?.push(await bench.round(path, one));
        }
      }
      for (const path of PATHS) {
        const run = runOf(path, one, rounds);
        runs.push(run);
        options.onRun(run);
      }
    }
    const aborts: AbortReport[] = [];
    if (options.aborts > 0) for (const path of PATHS) aborts.push(await bench.aborts(path, upstream, options.aborts));
    const { pinned, rounds, sliceMs, ratePerSecond, warmCalls, policies } = options;
    return { node: process.version, pinned, rounds, sliceMs, ratePerSecond, warmCalls, policies, runs, aborts };
  } finally {
    for (const part of started.toReversed()) await part.end();
  }
}
