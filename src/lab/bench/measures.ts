/** What a client measured of one call, and what follows from many. */
import { bootstrapInterval, type Interval } from './bootstrap.ts';

export interface CallSample {
  readonly session: string;
  readonly step: number;
  readonly agent: string;
  /** On the side's own clock. */
  readonly endedAtMs: number;
  readonly ttftMs: number;
  readonly endToEndMs: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  /** Equal on two sides that sent the same. */
  readonly requestHash: string;
}

/** What one slice brought. */
export interface SliceSample {
  readonly activeMs: number;
  readonly calls: number;
  /** Of the engine's process and of this one. */
  readonly cpuMs: number;
  /** Of the engine's process alone. */
  readonly engineCpuMs: number;
}

export interface Spread { readonly mean: number; readonly p50: number; readonly p99: number }

export interface SideMeasures {
  /** Calls that the means are over. */
  readonly calls: number;
  readonly hitRate: number;
  readonly ttftMs: Spread;
  readonly endToEndMs: Spread;
  readonly turnsPerSecond: number;
  /** Of engine and server, per call; the whole run's is `cpuSeconds`. */
  readonly cpuSecondsPerCall: number;
  readonly cpuSeconds: number;
}

export interface Ratios<Value> { readonly ttftMean: Value; readonly endToEndMean: Value; readonly throughput: Value; readonly cpu: Value }

export interface Comparison {
  readonly pairedCalls: number;
  readonly ratio: Ratios<number>;
  /** null where there is too little for an interval. */
  readonly interval: Ratios<Interval | null> & { readonly hitRateGainPoints: Interval | null };
  readonly hitRateGainPoints: number;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  return { mean: sorted.length === 0 ? 0 : sum(sorted) / sorted.length, p50: at(0.5), p99: at(0.99) };
}

const keyOf = (sample: CallSample): string => `${sample.session}\n${sample.step}`;

/** The calls that every side has completed, each side's in the order of the first. */
export function completedByAll(sides: readonly (readonly CallSample[])[]): CallSample[][] {
  const byKey = sides.map((samples) => new Map(samples.map((sample) => [keyOf(sample), sample])));
  const keys = [...byKey[0].keys()].filter((key) => byKey.every((side) => side.has(key)));
  return byKey.map((side) => keys.map((key) => side.get(key) as CallSample));
}

/** @param samples the calls that the means are over */
export function measureSide(samples: readonly CallSample[], slices: readonly SliceSample[]): SideMeasures {
  const calls = sum(slices.map((slice) => slice.calls));
  const cpuSeconds = sum(slices.map((slice) => slice.cpuMs)) / 1000;
  const promptTokens = sum(samples.map((sample) => sample.promptTokens));
  return {
    calls: samples.length,
    hitRate: promptTokens === 0 ? 0 : sum(samples.map((sample) => sample.cachedTokens)) / promptTokens,
    ttftMs: spread(samples.map((sample) => sample.ttftMs)),
    endToEndMs: spread(samples.map((sample) => sample.endToEndMs)),
    turnsPerSecond: calls === 0 ? 0 : (1000 * calls) / sum(slices.map((slice) => slice.activeMs)),
    cpuSecondsPerCall: calls === 0 ? 0 : cpuSeconds / calls,
    cpuSeconds,
  };
}

/** Sums over each session's calls, both sides in one row. */
function sessionRows(off: readonly CallSample[], on: readonly CallSample[], read: (sample: CallSample) => readonly number[]): number[][] {
  const rows = new Map<string, number[]>();
  const width = off.length === 0 ? 0 : read(off[0]).length;
  for (const [index, sample] of off.entries()) {
    const row = rows.get(sample.session) ?? Array.from({ length: 2 * width }, () => 0);
    rows.set(sample.session, row);
    [...read(sample), ...read(on[index])].forEach((value, column) => { row[column] += value; });
  }
  return [...rows.values()];
}

const ratioOf = ([off, on]: readonly number[]): number => on / off;
const perUnitRatio = ([off, offUnits, on, onUnits]: readonly number[]): number => (on / onUnits) / (off / offUnits);
const hitGain = ([offCached, prompt, onCached, onPrompt]: readonly number[]): number => 100 * (onCached / onPrompt - offCached / prompt);
const total = (rows: readonly (readonly number[])[], statistic: (sums: readonly number[]) => number): number =>
  rows.length === 0 ? 0 : statistic(rows[0].map((_, column) => sum(rows.map((row) => row[column]))));

/** Rounds run forwards and backwards in turn: two neighbours are one cluster, in which what began in one slice and ended in the next counts once. */
const SLICES_PER_CLUSTER = 2;

function clustered(rows: readonly number[][]): number[][] {
  const clusters: number[][] = [];
  rows.forEach((row, at) => {
    const cluster = Math.floor(at / SLICES_PER_CLUSTER);
    clusters[cluster] = clusters[cluster]?.map((value, column) => value + row[column]) ?? row;
  });
  return clusters;
}

/** Ratios are on / off. Means by session over paired calls; throughput and CPU by pairs of slices over all calls. */
export function compare(offSamples: readonly CallSample[], onSamples: readonly CallSample[], offSlices: readonly SliceSample[], onSlices: readonly SliceSample[]): Comparison {
  const [off, on] = completedByAll([offSamples, onSamples]);
  const ttft = sessionRows(off, on, (sample) => [sample.ttftMs]);
  const endToEnd = sessionRows(off, on, (sample) => [sample.endToEndMs]);
  const hits = sessionRows(off, on, (sample) => [sample.cachedTokens, sample.promptTokens]);
  const slices = Math.min(offSlices.length, onSlices.length);
  const rate = Array.from({ length: slices }, (_, slice) => [offSlices[slice].calls, offSlices[slice].activeMs, onSlices[slice].calls, onSlices[slice].activeMs]);
  const cpu = Array.from({ length: slices }, (_, slice) => [offSlices[slice].cpuMs, offSlices[slice].calls, onSlices[slice].cpuMs, onSlices[slice].calls]);
  return {
    pairedCalls: off.length,
    ratio: { ttftMean: total(ttft, ratioOf), endToEndMean: total(endToEnd, ratioOf), throughput: total(rate, perUnitRatio), cpu: total(cpu, perUnitRatio) },
    interval: {
      ttftMean: bootstrapInterval(ttft, ratioOf) ?? null,
      endToEndMean: bootstrapInterval(endToEnd, ratioOf) ?? null,
      throughput: bootstrapInterval(clustered(rate), perUnitRatio) ?? null,
      cpu: bootstrapInterval(clustered(cpu), perUnitRatio) ?? null,
      hitRateGainPoints: bootstrapInterval(hits, hitGain) ?? null,
    },
    hitRateGainPoints: total(hits, hitGain),
  };
}

/** Share of its active time in which the engine computed. */
export function engineUtilisation(slices: readonly SliceSample[], threads: number): number {
  const activeMs = sum(slices.map((slice) => slice.activeMs));
  return activeMs === 0 ? 0 : sum(slices.map((slice) => slice.engineCpuMs)) / (activeMs * threads);
}
