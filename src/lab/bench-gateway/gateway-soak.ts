/** Whether the gateway keeps what it should let go: memory, handles and listeners over many mixed calls and sessions. */
import { get } from 'node:http';
import type { GatewayBar } from './bars.ts';
import type { Usage } from './part.ts';
import { PartProcess } from './process.ts';
import type { SoakOrder, SoakTally } from './soak-load.ts';

export interface SoakSettings { readonly v8Flags: readonly string[]; readonly environment: Readonly<Record<string, string>> }

export interface SoakOptions {
  readonly command: readonly string[];
  readonly requests: number;
  readonly sessions: number;
  /** The gateway's process has it beside this one's, whose own goes first. */
  readonly environment: Readonly<Record<string, string>>;
  /** What the gateway runs with, for the document. */
  readonly settings: SoakSettings;
  onProgress(text: string): void;
  /** Memory once each session has made one call more. */
  onRound(text: string): void;
}

export interface SoakDocument {
  readonly node: string;
  readonly settings: SoakSettings;
  readonly requests: number;
  readonly sessions: number;
  readonly seconds: number;
  readonly tally: SoakTally;
  /** After garbage collection: at the start, once every session has made its first call, at the end. */
  readonly rssMiB: { readonly start: number; readonly first: number; readonly end: number; readonly growth: number };
  readonly heapMiB: { readonly start: number; readonly first: number; readonly end: number };
  /** What the heap has of the system, and buffers outside of it. */
  readonly heapTotalMiB: { readonly start: number; readonly first: number; readonly end: number };
  readonly externalMiB: { readonly start: number; readonly first: number; readonly end: number };
  /** Heap by live session, measured from the first tenth of the sessions to the last. */
  readonly sessionBytes: number;
  readonly handles: { readonly start: number; readonly end: number };
  readonly listeners: { readonly start: number; readonly end: number };
  readonly warnings: number;
}

const CONNECTIONS = 16;
const PART_SESSIONS = 500;
export const MOST_GROWTH = 0.05;
export const MOST_SESSION_BYTES = 4096;

/** Asked on a connection of its own, which leaves no handle behind. */
async function liveSessions(url: string): Promise<number> {
  const text = await new Promise<string>((resolve, reject) => {
    get(`${url}/entresol/v1/sessions`, { agent: false }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () => resolve(Buffer.concat(parts).toString()));
    }).on('error', reject);
  });
  return (JSON.parse(text) as { sessions: readonly unknown[] }).sessions.length;
}

export async function soakGateway(options: SoakOptions): Promise<SoakDocument> {
  const parts: PartProcess[] = [];
  const start = async (name: 'upstream' | 'load' | 'entresol-all', upstream: string): Promise<PartProcess> => {
    const [node, ...rest] = options.command;
    const part = await PartProcess.start(name, upstream, { command: [node, '--expose-gc', ...rest], ...(name === 'entresol-all' ? { environment: options.environment } : {}) });
    parts.push(part);
    return part;
  };
  try {
    const upstream = await start('upstream', '');
    const gateway = await start('entresol-all', upstream.url);
    const load = await start('load', '');
    const rounds = Math.max(1, Math.round(options.requests / options.sessions));
    const tally: SoakTally = { calls: 0, givenUp: 0, refused: 0, failed: 0 };
    const startedAtMs = performance.now();
    /** One call of each of some sessions; in parts, so that progress shows. */
    const run = async (from: number, to: number): Promise<void> => {
      for (let firstSession = from; firstSession < to;) {
        const sessions = Math.min(to - firstSession, PART_SESSIONS);
        const order: SoakOrder = { url: gateway.url, firstSession, sessions, connections: CONNECTIONS };
        const part = await load.ask<SoakTally>({ kind: 'soak', order });
        for (const name of ['calls', 'givenUp', 'refused', 'failed'] as const) tally[name] += part[name];
        firstSession += sessions;
        options.onProgress(`${tally.calls} calls of ${rounds * options.sessions}`);
      }
    };
    const settled = async (): Promise<Usage> => {
      await upstream.ask({ kind: 'close-idle' });
      return gateway.ask<Usage>({ kind: 'settled-usage' });
    };
    const live = (): Promise<number> => liveSessions(gateway.url);
    const atStart = await settled();
    const few = Math.ceil(options.sessions / 10);
    await run(0, few);
    const [early, earlyLive] = [await settled(), await live()];
    await run(few, options.sessions);
    const [first, firstLive] = [await settled(), await live()];
    let end = first;
    const show = (): void => options.onRound(`${tally.calls} calls: resident ${end.rssMiB.toFixed(0)} MiB, heap in use ${end.heapMiB.toFixed(0)} of ${end.heapTotalMiB.toFixed(0)}, buffers ${end.externalMiB.toFixed(0)}`);
    show();
    for (let round = 1; round < rounds; round++) {
      await run(0, options.sessions);
      end = await settled();
      show();
    }
    return {
      node: process.version, settings: options.settings, requests: tally.calls, sessions: options.sessions, tally,
      seconds: (performance.now() - startedAtMs) / 1000,
      rssMiB: { start: atStart.rssMiB, first: first.rssMiB, end: end.rssMiB, growth: end.rssMiB / first.rssMiB - 1 },
      heapMiB: { start: atStart.heapMiB, first: first.heapMiB, end: end.heapMiB },
      heapTotalMiB: { start: atStart.heapTotalMiB, first: first.heapTotalMiB, end: end.heapTotalMiB },
      externalMiB: { start: atStart.externalMiB, first: first.externalMiB, end: end.externalMiB },
      sessionBytes: firstLive > earlyLive ? Math.max(0, ((first.heapMiB - early.heapMiB) * 2 ** 20) / (firstLive - earlyLive)) : 0,
      handles: { start: atStart.handles, end: end.handles },
      listeners: { start: atStart.listeners, end: end.listeners },
      warnings: end.warnings,
    };
  } finally {
    for (const part of parts.toReversed()) await part.end();
  }
}

export function soakBars({ rssMiB, sessionBytes, handles, listeners, warnings, tally }: SoakDocument): GatewayBar[] {
  return [
    { bar: 'every call is answered as it should be', found: `${tally.failed} of ${tally.calls} were not`, met: tally.failed === 0 },
    { bar: `resident memory at the end within ${100 * MOST_GROWTH} % of that after the first call of every session`, found: `${rssMiB.first.toFixed(0)} to ${rssMiB.end.toFixed(0)} MiB (${(100 * rssMiB.growth).toFixed(1)} %)`, met: rssMiB.growth <= MOST_GROWTH },
    { bar: 'no handle is left', found: `${handles.start} before, ${handles.end} after`, met: handles.end <= handles.start },
    { bar: 'no listener is left', found: `${listeners.start} before, ${listeners.end} after, ${warnings} warnings`, met: listeners.end <= listeners.start && warnings === 0 },
    { bar: `a live session costs at most ${MOST_SESSION_BYTES} bytes`, found: `${Math.round(sessionBytes)} bytes`, met: sessionBytes <= MOST_SESSION_BYTES },
  ];
}
