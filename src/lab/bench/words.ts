/** The comparison in words, for people who watch it run. */
import type { EngineBenchDocument, WorkloadReport } from './document.ts';
import type { Interval } from './bootstrap.ts';

export const FIRST_GAIN_CALLS = 50;

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
const ms = (value: number): string => `${value.toFixed(0)} ms`;
const times = (ratio: number): string => `×${ratio.toFixed(2)}`;
const range = (interval: Interval | null, digits = 2): string => (interval === null ? '' : ` [${interval.low.toFixed(digits)}, ${interval.high.toFixed(digits)}]`);

/** At least fifty calls on each side, and an interval of the hit rate or of TTFT that excludes no gain. */
export function showsGain(report: WorkloadReport): boolean {
  const { hitRateGainPoints: gain, ttftMean: ttft } = report.interval;
  return report.pairedCalls >= FIRST_GAIN_CALLS && ((gain !== null && gain.low > 0) || (ttft !== null && ttft.high < 1));
}

/** One line of the growing comparison. */
export function progressLine(report: WorkloadReport): string {
  const { off, on, ratio } = report;
  return [
    `${String(report.pairedCalls).padStart(4)} calls each`,
    `hit rate ${percent(off.hitRate)} → ${percent(on.hitRate)}`,
    `first token ${ms(off.ttftMs.mean)} → ${ms(on.ttftMs.mean)} (${times(ratio.ttftMean)})`,
    `turns per second ${off.turnsPerSecond.toFixed(2)} → ${on.turnsPerSecond.toFixed(2)} (${times(ratio.throughput)})`,
  ].join(' · ');
}

/** Why: what the engine alone lost and the same engine with Entresol kept. */
export function reasonLine(report: WorkloadReport): string {
  const { off: { lostHistories: off }, on: { lostHistories: on } } = report;
  const worst = off.byAgent[0];
  if (off.returns === 0 || worst === undefined) return 'No agent has come back to a lost history yet.';
  return `Alone, the engine had lost the history of an agent that came back ${off.lost} times of ${off.returns} (the ${worst.agent}'s ${worst.lost} times) and computed ${off.tokensComputedAgain} tokens again; with Entresol ${on.lost} times of ${on.returns} and ${on.tokensComputedAgain} tokens.`;
}

export function resultLines(report: WorkloadReport): string[] {
  const { load, off, on, ratio, interval } = report;
  const name = `${report.trace}, ${load.concurrency} sessions at once, memory for ${load.memory.totalTokens} tokens (${(load.memory.totalTokens / load.memory.workingSetTokens).toFixed(2)} of the working set)${load.thinkTimes ? '' : ', no think times'}`;
  const rows: [string, string, string, string][] = [
    ['', 'engine alone', 'with Entresol', 'ratio [95 %]'],
    ['hit rate', percent(off.hitRate), percent(on.hitRate), `+${report.hitRateGainPoints.toFixed(1)} points${range(interval.hitRateGainPoints, 1)}`],
    ['first token, mean', ms(off.ttftMs.mean), ms(on.ttftMs.mean), times(ratio.ttftMean) + range(interval.ttftMean)],
    ['first token, p50 / p99', `${ms(off.ttftMs.p50)} / ${ms(off.ttftMs.p99)}`, `${ms(on.ttftMs.p50)} / ${ms(on.ttftMs.p99)}`, ''],
    ['end to end, mean', ms(off.endToEndMs.mean), ms(on.endToEndMs.mean), times(ratio.endToEndMean) + range(interval.endToEndMean)],
    ['turns per second', off.turnsPerSecond.toFixed(2), on.turnsPerSecond.toFixed(2), times(ratio.throughput) + range(interval.throughput)],
    ['CPU per call', ms(1000 * off.cpuSecondsPerCall), ms(1000 * on.cpuSecondsPerCall), times(ratio.cpu) + range(interval.cpu)],
  ];
  const lines = rows.map(([what, before, after, change]) => `  ${what.padEnd(24)}${before.padStart(18)}${after.padStart(18)}   ${change}`.trimEnd());
  const baselines = Object.entries(report.baselines).map(([baseline, measured]) =>
    `  ${baseline}: hit rate ${percent(measured.hitRate)}, first token ${times(measured.ratio.ttftMean)}, turns ${times(measured.ratio.throughput)}, CPU ${times(measured.ratio.cpu)} against the engine alone`);
  return [name, ...lines, `  ${report.pairedCalls} calls on both sides; the engine alone was busy ${percent(load.offUtilisation)} of the time`, ...baselines];
}

export function engineLine(document: Pick<EngineBenchDocument, 'engine'>): string {
  const { kind, model, synthetic, threads } = document.engine;
  if (kind === 'simulated') return "Engine: SIMULATED: latencies are a cost model's, not a machine's";
  return `Engine: llama.cpp in process, model ${model}${synthetic ? ' (synthetic weights: its text is noise, caches and latencies are real)' : ''}, ${threads} thread${threads === 1 ? '' : 's'}`;
}
