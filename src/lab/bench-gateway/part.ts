/**
 * What one process of the bench does, and what it is told over its channel. The load generator, the upstream and each
 * path have a process of their own: CPU time and memory are each one's alone.
 */
import { startBareProxy } from './bare-proxy.ts';
import { startBenchUpstream, type BenchUpstream } from './bench-upstream.ts';
import { LoadGenerator, type AbortsOrder, type SliceOrder } from './load-generator.ts';
import { SoakLoad, type SoakOrder } from './soak-load.ts';

export const PARTS = ['upstream', 'bare', 'entresol-none', 'entresol-all', 'load'] as const;
export type PartName = (typeof PARTS)[number];

export interface Usage {
  readonly cpuMs: number;
  readonly rssMiB: number;
  /** Sockets, servers, timers that keep the process alive. */
  readonly handles: number;
  readonly heapMiB: number;
  /** What the heap has of the system, used or not, and what lies outside of it: buffers, mostly. */
  readonly heapTotalMiB: number;
  readonly externalMiB: number;
  /** Of the process itself. */
  readonly listeners: number;
  /** Warnings that Node has printed: of too many listeners, for one. */
  readonly warnings: number;
}

export type Order =
  | { readonly kind: 'usage' }
  /** Collects garbage first, where the process may: for memory that is really held. */
  | { readonly kind: 'settled-usage' }
  | { readonly kind: 'slice'; readonly order: SliceOrder }
  | { readonly kind: 'soak'; readonly order: SoakOrder }
  | { readonly kind: 'aborts'; readonly order: AbortsOrder }
  /** The upstream's: those that a pool keeps for later are no leak. */
  | { readonly kind: 'close-idle' }
  | { readonly kind: 'given-up' };

export interface Asked { readonly id: number; readonly order: Order }
export type Answered = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: string };
export interface Ready { readonly ready: true; readonly url: string }

/** Starts the gateway of a path: the composition root is the caller's. */
export type StartGateway = (upstream: string, policies: 'none' | 'all') => Promise<{ url: string; close(): Promise<unknown> }>;

/** What comes and goes by itself: the bench's own channel, work of the thread pool, timers. */
const PASSING = /^(?:Pipe|PipeWrap|TTYWrap|Timeout|Immediate|FSReqCallback|ZlibStream)$/;
/** Memory and handles have settled once a look finds what the one before found. */
const SETTLING_ROUNDS = 20;
const SETTLING_MS = 300;
const STILL = 0.995;
let warnings = 0;

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  return {
    cpuMs: (user + system) / 1000, rssMiB: rss / 2 ** 20, heapMiB: heapUsed / 2 ** 20, heapTotalMiB: heapTotal / 2 ** 20, externalMiB: external / 2 ** 20, warnings,
    handles: process.getActiveResourcesInfo().filter((name) => !PASSING.test(name)).length,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
  };
}

async function settledUsage(): Promise<Usage> {
  const collect = (globalThis as { gc?: () => void }).gc;
  let settled = usage();
  for (let round = 0; round < SETTLING_ROUNDS; round++) {
    collect?.();
    await new Promise((resolve) => { setTimeout(resolve, SETTLING_MS); });
    const now = usage();
    if (round > 1 && now.handles === settled.handles && now.heapMiB >= settled.heapMiB * STILL) return now;
    settled = now;
  }
  return settled;
}

/** Runs a part until its channel closes. */
export async function runPart(name: PartName, upstream: string, startGateway: StartGateway): Promise<void> {
  process.on('warning', () => { warnings += 1; });
  const generator = new LoadGenerator();
  let soak: SoakLoad | undefined;
  let own: BenchUpstream | undefined;
  let url = '';
  if (name === 'upstream') {
    own = await startBenchUpstream();
    ({ url } = own);
  } else if (name === 'bare') ({ url } = await startBareProxy(upstream));
  else if (name !== 'load') ({ url } = await startGateway(upstream, name === 'entresol-none' ? 'none' : 'all'));

  const carryOut = (order: Order): unknown => {
    if (order.kind === 'usage') return usage();
    if (order.kind === 'settled-usage') return settledUsage();
    if (order.kind === 'close-idle') return own?.closeIdle();
    if (order.kind === 'given-up') return Object.fromEntries(own?.givenUpAtMs ?? []);
    if (order.kind === 'soak') return (soak ??= new SoakLoad()).run(order.order);
    return order.kind === 'slice' ? generator.slice(order.order) : generator.aborts(order.order);
  };
  process.on('message', (asked: Asked) => {
    Promise.resolve().then(() => carryOut(asked.order)).then(
      (value) => process.send?.({ id: asked.id, value } satisfies Answered),
      (error: unknown) => process.send?.({ id: asked.id, error: error instanceof Error ? error.message : String(error) } satisfies Answered),
    );
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ ready: true, url } satisfies Ready);
}
