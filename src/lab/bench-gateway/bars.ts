/** The bars of the gateway, and whether a run meets them. */
import type { GatewayDocument, GatewayRun } from './gateway-bench.ts';

export interface GatewayBar { readonly bar: string; readonly found: string; readonly met: boolean }

export const LEAST_SHARE_OF_BARE = 0.5;
export const MOST_ADDED_MS = { p50: 0.3, p99: 3 } as const;
export const MOST_ABORT_MS = 100;

export const loadName = ({ bodyBytes, stream, cold }: GatewayRun): string => `${Math.round(bodyBytes / 1024)} KB${stream ? ', streamed' : ''}${cold ? ', cold' : ''}`;

/** A cold 600 KB conversation is printed beside: it is read whole, once. */
const counts = (run: GatewayRun): boolean => run.path === 'entresol-all' && !(run.cold && run.bodyBytes > 100_000);

export function gatewayBars({ runs, aborts }: Pick<GatewayDocument, 'runs' | 'aborts'>): GatewayBar[] {
  const bars: GatewayBar[] = [];
  for (const run of runs.filter(counts)) {
    const name = loadName(run);
    const share = run.shareOfBare?.median ?? 0;
    bars.push({ bar: `${name}: requests per second at least ${LEAST_SHARE_OF_BARE} of bare`, found: share.toFixed(2), met: share >= LEAST_SHARE_OF_BARE && run.failed === 0 });
    const { p50, p99 } = run.addedMs;
    bars.push({ bar: `${name}: added at a steady rate p50 at most ${MOST_ADDED_MS.p50} ms, p99 at most ${MOST_ADDED_MS.p99} ms`, found: `${p50.toFixed(2)} and ${p99.toFixed(2)} ms`, met: p50 <= MOST_ADDED_MS.p50 && p99 <= MOST_ADDED_MS.p99 });
  }
  for (const report of aborts.filter(({ path }) => path === 'entresol-all')) {
    bars.push({ bar: `an abort reaches the upstream within ${MOST_ABORT_MS} ms`, found: `${report.reached} of ${report.calls}, at most ${report.maxMs.toFixed(1)} ms`, met: report.reached === report.calls && report.maxMs <= MOST_ABORT_MS });
  }
  return bars;
}

/** One run, for people. */
export function runLine(run: GatewayRun): string {
  const fixed = (value: number | null, digits: number, width: number): string => (value === null ? '-' : value.toFixed(digits)).padStart(width);
  const share = run.shareOfBare === null ? '' : `${run.shareOfBare.median.toFixed(2)} of bare (${run.shareOfBare.low.toFixed(2)} to ${run.shareOfBare.high.toFixed(2)})`;
  return `${loadName(run).padEnd(24)}${run.path.padEnd(15)}${fixed(run.requestsPerSecond, 0, 7)} rps  ${share.padEnd(30)}${fixed(run.cpuMsPerRequest, 3, 8)} ms CPU  added p50 ${fixed(run.addedMs.p50, 2, 6)}  p99 ${fixed(run.addedMs.p99, 2, 7)} ms  ${fixed(run.rssMiB, 0, 5)} MiB${run.failed > 0 ? `  ${run.failed} FAILED` : ''}`;
}
