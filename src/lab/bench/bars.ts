/** The bars of the engine bench. A run that measured nothing that a bar is about does not state it. */
import type { Interval } from './bootstrap.ts';
import type { BarResult, WorkloadReport } from './document.ts';

export const SIX_AGENTS = 'six-agents';
/** Loads with at least this share of the working set are ample: nothing has to be evicted. */
export const AMPLE_FRACTION = 1;

const figure = (value: number): string => value.toFixed(2);
const range = (interval: Interval | null): string => (interval === null ? 'no interval' : `${figure(interval.low)} to ${figure(interval.high)}`);

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function sixAgentBars(report: WorkloadReport): BarResult[] {
  const at = `six agents at capacity ${report.load.capacityFraction}`;
  const { ratio, interval } = report;
  return [
    { bar: `${at}: hit rate at least +20 points`, met: report.hitRateGainPoints >= 20, found: `${report.hitRateGainPoints.toFixed(1)} points` },
    { bar: `${at}: mean TTFT at most 0.6, interval below 1`, met: ratio.ttftMean <= 0.6 && interval.ttftMean !== null && interval.ttftMean.high < 1, found: `${figure(ratio.ttftMean)} (${range(interval.ttftMean)})` },
    { bar: `${at}: throughput at least 1.2, interval above 1`, met: ratio.throughput >= 1.2 && interval.throughput !== null && interval.throughput.low > 1, found: `${figure(ratio.throughput)} (${range(interval.throughput)})` },
  ];
}

function traceBars(reports: readonly WorkloadReport[]): BarResult[] {
  const of = (read: (report: WorkloadReport) => number): number => median(reports.map(read));
  const gain = of((report) => report.hitRateGainPoints);
  const ttft = of((report) => report.ratio.ttftMean);
  const cpu = of((report) => report.ratio.cpu);
  const over = `median over ${reports.length} loads of traces`;
  return [
    { bar: `${over}: hit rate at least +10 points`, met: gain >= 10, found: `${gain.toFixed(1)} points` },
    { bar: `${over}: mean TTFT at most 0.7`, met: ttft <= 0.7, found: figure(ttft) },
    { bar: `${over}: CPU per call at most 0.8`, met: cpu <= 0.8, found: figure(cpu) },
  ];
}

function ampleBar(report: WorkloadReport): BarResult {
  const { cpu } = report.interval;
  const met = cpu !== null && ((cpu.low <= 1 && cpu.high >= 1) || (cpu.low >= 0.95 && cpu.high <= 1.05));
  return { bar: `${report.trace} with an ample cache: CPU per call the same`, met, found: `${figure(report.ratio.cpu)} (${range(cpu)})` };
}

export function checkBars(reports: readonly WorkloadReport[]): BarResult[] {
  const ample = reports.filter((report) => report.load.capacityFraction >= AMPLE_FRACTION);
  const scarce = reports.filter((report) => report.load.thinkTimes && report.load.capacityFraction < AMPLE_FRACTION);
  const traces = scarce.filter((report) => report.trace !== SIX_AGENTS);
  return [
    ...scarce.filter((report) => report.trace === SIX_AGENTS).flatMap(sixAgentBars),
    ...(traces.length === 0 ? [] : traceBars(traces)),
    ...ample.map(ampleBar),
  ];
}
