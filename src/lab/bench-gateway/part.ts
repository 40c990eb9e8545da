/**
 * What one process of the bench does, and what it is told over its channel. The load generator, the upstream and each
 * path have a process of their own: CPU time and memory are each one's alone.
 */
import { startBareProxy } from './bare-proxy.ts';
import { startBenchUpstream, type BenchUpstream } from './bench-upstream.ts';
import { LoadGenerator, type AbortsOrder, type SliceOrder } from './load-generator.ts';

export const PARTS = ['upstream', 'bare', 'entresol-none', 'entresol-all', 'load'] as const;
export type PartName = (typeof PARTS)[number];

export interface Usage {
  readonly cpuMs: number;
  readonly rssMiB: number;
  /** Sockets, servers, timers that keep the process alive. */
  readonly handles: number;
}

export type Order =
  | { readonly kind: 'usage' }
  /** Collects garbage first, where the process may: for memory that is really held. */
  | { readonly kind: 'settled-usage' }
  | { readonly kind: 'slice'; readonly order: SliceOrder }
  | { readonly kind: 'aborts'; readonly order: AbortsOrder }
  | { readonly kind: 'given-up' };

export interface Asked { readonly id: number; readonly order: Order }
export type Answered = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: string };
export interface Ready { readonly ready: true; readonly url: string }

/** Starts the gateway of a path: the composition root is the caller's. */
export type StartGateway = (upstream: string, policies: 'none' | 'all') => Promise<{ url: string; close(): Promise<unknown> }>;

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  return { cpuMs: (user + system) / 1000, rssMiB: process.memoryUsage().rss / 2 ** 20, handles: process.getActiveResourcesInfo().filter((name) => !/^(?:PipeWrap|Pipe|TTYWrap)$/.test(name)).length };
}

async function settledUsage(): Promise<Usage> {
  const collect = (globalThis as { gc?: () => void }).gc;
  for (let round = 0; round < 3; round++) {
    collect?.();
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  return usage();
}

/** Runs a part until its channel closes. */
export async function runPart(name: PartName, upstream: string, startGateway: StartGateway): Promise<void> {
  const generator = new LoadGenerator();
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
    if (order.kind === 'given-up') return Object.fromEntries(own?.givenUpAtMs ?? []);
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
