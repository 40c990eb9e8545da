/** `bench vllm`: a real vLLM, stock and with the package under `cache-sage`, with identical requests. */
import { registeredPolicy } from '../../runtime/load-policy.ts';
import type { StartGateway } from '../bench/bench-side.ts';
import { bootstrapInterval } from '../bench/bootstrap.ts';
import { completedByAll, spread, type CallSample, type Spread } from '../bench/measures.ts';
import type { CacheLink } from '../../engines/vllm/cache-link.ts';
import type { VllmEnvironment, VllmServerOptions } from '../vllm-server/index.ts';
import { checkVllmBars } from './bars.ts';
import type { BenchExecutor, VllmBenchDocument, VllmSideReport, VllmWorkloadReport, WarmSideReport } from './document.ts';
import { boundlessHitRate, longestCall, planLoad, type VllmLoad } from './load.ts';
import { predict, scaleOfCost, type Predicted, type PredictedOptions } from './predicted.ts';
import { VllmSide, type Counters } from './side.ts';

export interface VllmBenchOptions {
  readonly environment: VllmEnvironment;
  readonly startGateway: StartGateway;
  readonly traces: readonly string[];
  readonly capacities: readonly number[];
  readonly executor: BenchExecutor;
  readonly seed: number;
  readonly calls: number;
  readonly thinkMs: number;
  /** A third side, with the package and warm-ups between steps. */
  readonly warmUps: boolean;
  /** One side after the other, each with the whole machine; else all at the same time. */
  readonly apart: boolean;
  say(line: string): void;
}

export const CONTEXT_TOKENS = 2048;
const BLOCK_TOKENS = 32;
const MAXIMUM_SEQUENCES = 64;
/**
 * A step of the fake executor takes what vLLM's own scheduling and HTTP do, and how long that is hangs on what else the
 * machine does. Calls that run hold blocks: the simulated ones must run as long as those that they are compared with.
 */
const FAKE_COST = { stepMs: 4, prefillMsPerToken: 0, attentionMsPerPair: 0, decodeMsPerSequence: 0 } as const;
/** Stated for the timed executor: a model as small as the real one, on a machine of its own. */
const TIMED = { prefillUs: 300, decodeMs: 8 } as const;
const TIMED_COST = { stepMs: TIMED.decodeMs, prefillMsPerToken: TIMED.prefillUs / 1000, attentionMsPerPair: 0, decodeMsPerSequence: 0 } as const;
/** Of the small model on one core: 0.35 ms a token (a cold prompt of 2,000 tokens took 0.6 to 0.74 s). */
const REAL_COST = { stepMs: 8, prefillMsPerToken: 0.3, attentionMsPerPair: 2e-5, decodeMsPerSequence: 1 } as const;

export async function benchVllm(options: VllmBenchOptions): Promise<VllmBenchDocument> {
  const workloads: VllmWorkloadReport[] = [];
  const skipped: { trace: string; why: string }[] = [];
  let product = 'vLLM';
  let packageVersion = 'unknown';
  for (const trace of options.traces) {
    const load = await planLoad({ trace, seed: options.seed, calls: options.calls, contextTokens: CONTEXT_TOKENS });
    if (load === undefined) {
      skipped.push({ trace, why: 'it does not scale: fewer than two of its sessions fit a small context' });
      continue;
    }
    for (const capacity of options.capacities) {
      const sides = await startSides(options, load, blocksFor(load, capacity));
      try {
        product = sides.on.engine.discovery()?.product ?? product;
        packageVersion = sides.on.engine.link?.hellos()[0]?.packageVersion ?? packageVersion;
        const report = await measure(options, load, capacity, sides);
        workloads.push(report);
        for (const line of wordsOf(report)) options.say(line);
      } finally {
        await Promise.all(allOf(sides).map((side) => side.close()));
      }
    }
  }
  return { engine: { kind: 'vllm', product, executor: options.executor, package: packageVersion }, workloads, skipped, bars: checkVllmBars(workloads, options.executor) };
}

/** A share of the working set, and never less than the longest call needs. */
function blocksFor(load: VllmLoad, capacity: number): number {
  return Math.max(Math.ceil(longestCall(load) / BLOCK_TOKENS) + 1, Math.round((capacity * load.workingSetTokens) / BLOCK_TOKENS));
}

function cacheSage(): { definition: NonNullable<ReturnType<typeof registeredPolicy>> }[] {
  const definition = registeredPolicy('cache-sage');
  return definition === undefined ? [] : [{ definition }];
}

interface Sides { readonly off: VllmSide; readonly on: VllmSide; readonly warm?: VllmSide }

const allOf = ({ off, on, warm }: Sides): VllmSide[] => [off, on, ...(warm === undefined ? [] : [warm])];

async function startSides({ environment, executor, startGateway, say, warmUps }: VllmBenchOptions, load: VllmLoad, blocks: number): Promise<Sides> {
  const vllm: Omit<VllmServerOptions, 'plugin'> = { executor: executor === 'real' ? 'real' : 'fake', ...(executor === 'timed' ? TIMED : {}), blocks, blockSize: BLOCK_TOKENS, contextTokens: Math.min(CONTEXT_TOKENS, blocks * BLOCK_TOKENS), maxSequences: MAXIMUM_SEQUENCES };
  say(`${load.trace}: ${load.sessions.length} sessions, ${load.calls} calls, lengths × ${load.scale.toFixed(3)}; ${blocks} blocks of ${BLOCK_TOKENS} tokens, ${((blocks * BLOCK_TOKENS) / load.workingSetTokens).toFixed(2)} of the working set; starting ${warmUps ? 'three' : 'both'} servers`);
  const started = await Promise.allSettled([
    VllmSide.start({ name: 'off', environment, vllm, policies: [], startGateway, say }),
    VllmSide.start({ name: 'on', environment, vllm, policies: cacheSage(), startGateway, say }),
    ...(warmUps ? [VllmSide.start({ name: 'warm', environment, vllm, policies: cacheSage(), startGateway, say })] : []),
  ]);
  const sides = started.flatMap((side) => (side.status === 'fulfilled' ? [side.value] : []));
  const failed = started.find((side) => side.status === 'rejected');
  const [off, on, warm] = sides;
  if (failed === undefined) return { off, on, ...(warm === undefined ? {} : { warm }) };
  await Promise.all(sides.map((side) => side.close()));
  throw failed.reason;
}

async function measure(options: VllmBenchOptions, load: VllmLoad, capacity: number, sides: Sides): Promise<VllmWorkloadReport> {
  const { executor, seed, thinkMs } = options;
  const blocks = blocksFor(load, capacity);
  const before = await Promise.all([sides.off.counters(), sides.on.counters()]);
  // At the same time: whatever else the machine does, it does to all. But servers that compute on the same cores slow each other down.
  if (options.apart) for (const side of allOf(sides)) await side.play(load, thinkMs);
  else await Promise.all(allOf(sides).map((side) => side.play(load, thinkMs)));
  const after = await Promise.all([sides.off.counters(), sides.on.counters()]);
  const mirrorAgreement = await sides.on.engine.link?.reconcile(0) ?? null;
  const [off, on] = [sides.off, sides.on].map((side, index) => reportOf(side.samples, before[index], after[index], executor));
  const [pairedOff, pairedOn] = completedByAll([sides.off.samples, sides.on.samples]);
  const stockLike: PredictedOptions = { load, blocks, blockTokens: BLOCK_TOKENS, thinkMs, policies: [], cost: executor === 'fake' ? { ...FAKE_COST, stepMs: stepMsOf([...sides.off.samples, ...sides.on.samples]) } : executor === 'timed' ? TIMED_COST : REAL_COST };
  const factor = executor === 'fake' ? 1 : await scaleOfCost(stockLike, spread(sides.off.samples.map(({ endToEndMs }) => endToEndMs))?.mean ?? 0);
  const cost = Object.fromEntries(Object.entries(stockLike.cost).map(([name, value]) => [name, value * factor]));
  const predicted = (policies: ReturnType<typeof cacheSage>, warmsUp = false): Promise<Predicted> => predict({ ...stockLike, cost, policies, warmsUp });
  const simulated = { off: (await predicted([])).hitRate, on: (await predicted(cacheSage())).hitRate };
  const gainPoints = 100 * (simulated.on - simulated.off);
  const hitRateGainPoints = 100 * (on.hitRate - off.hitRate);
  const link = sides.on.engine.link;
  return {
    trace: load.trace,
    load: { concurrency: load.concurrency, capacityFraction: capacity, scale: load.scale, seed, thinkMsMean: thinkMs, calls: load.calls, blocks, blockTokens: BLOCK_TOKENS, workingSetTokens: load.workingSetTokens, contextTokens: CONTEXT_TOKENS },
    off, on, hitRateGainPoints,
    warm: sides.warm === undefined ? null : warmReport(sides.warm, sides.off.samples, off, executor, (await predicted(cacheSage(), true)).hitRate),
    ratio: on.ttftMs === null || off.ttftMs === null || on.endToEndMs === null || off.endToEndMs === null ? null : { ttftMean: on.ttftMs.mean / off.ttftMs.mean, endToEndMean: on.endToEndMs.mean / off.endToEndMs.mean },
    interval: {
      ttftMean: executor === 'fake' ? null : bootstrapInterval(rowsBySession(pairedOff, pairedOn, ({ ttftMs }) => [ttftMs]), ([a, b]) => b / a) ?? null,
      hitRateGainPoints: bootstrapInterval(rowsBySession(pairedOff, pairedOn, ({ cachedTokens, promptTokens }) => [cachedTokens, promptTokens]), ([a, b, c, d]) => 100 * (c / d - a / b)) ?? null,
    },
    simulated: { ...simulated, gainPoints, stepMs: cost.stepMs, costFactor: factor, boundless: boundlessHitRate(load, BLOCK_TOKENS) },
    shareOfSimulatedGain: gainPoints <= 0 ? null : hitRateGainPoints / gainPoints,
    steering: { leaseKeys: link?.leases.counts.keys ?? 0, leaseMessages: link?.leases.counts.messages ?? 0, callsReported: link?.touches.counts.touched ?? 0, mirrorAgreement, ...paceOf(link) },
  };
}

/** Of a call without a model, a step makes a token; the first comes after one more. */
function stepMsOf(samples: readonly CallSample[]): number {
  const steps = samples.reduce((sum, { outputTokens }) => sum + outputTokens + 1, 0);
  return steps === 0 ? FAKE_COST.stepMs : samples.reduce((sum, { endToEndMs }) => sum + endToEndMs, 0) / steps;
}

function paceOf(link: CacheLink | undefined): { leaseLagMs: number; leaseMakingMs: number } {
  const { followed, lagMs, flushes, tookMs } = link?.pace ?? { followed: 0, lagMs: 0, flushes: 0, tookMs: 0 };
  return { leaseLagMs: followed === 0 ? 0 : lagMs / followed, leaseMakingMs: flushes === 0 ? 0 : tookMs / flushes };
}

function reportOf(samples: readonly CallSample[], before: Counters, after: Counters, executor: BenchExecutor): VllmSideReport {
  const queries = after.queries - before.queries;
  return {
    calls: samples.length, hitRate: queries === 0 ? 0 : (after.hits - before.hits) / queries, preemptions: after.preemptions - before.preemptions,
    ttftMs: executor === 'fake' ? null : spread(samples.map(({ ttftMs }) => ttftMs)), endToEndMs: executor === 'fake' ? null : spread(samples.map(({ endToEndMs }) => endToEndMs)),
  };
}

/** vLLM's counters hold warm-ups too: clients' calls are counted by what vLLM says of each. */
function warmReport({ samples, engine }: VllmSide, stock: readonly CallSample[], off: VllmSideReport, executor: BenchExecutor, simulatedHitRate: number): WarmSideReport {
  const sum = (read: (sample: CallSample) => number): number => samples.reduce((total, sample) => total + read(sample), 0);
  const promptTokens = sum((sample) => sample.promptTokens);
  const hitRate = hitRateOf(samples);
  const times = (read: (sample: CallSample) => number): Spread | null => (executor === 'fake' ? null : spread(samples.map(read)));
  const ttftMs = times((sample) => sample.ttftMs);
  const endToEndMs = times((sample) => sample.endToEndMs);
  const { made, givenUp, promptTokens: sent, cachedTokens: found } = engine.warmUpCounts ?? { made: 0, givenUp: 0, promptTokens: 0, cachedTokens: 0 };
  return {
    calls: samples.length, hitRate, ttftMs, endToEndMs, hitRateGainPoints: 100 * (hitRate - hitRateOf(stock)), simulatedHitRate,
    ttftRatio: ttftMs === null || off.ttftMs === null ? null : ttftMs.mean / off.ttftMs.mean,
    endToEndRatio: endToEndMs === null || off.endToEndMs === null ? null : endToEndMs.mean / off.endToEndMs.mean,
    warmUps: { made, givenUp, computedTokens: sent - found, shareOfPrompts: promptTokens === 0 ? 0 : (sent - found) / promptTokens },
  };
}

/** By what vLLM said of each call. */
function hitRateOf(samples: readonly CallSample[]): number {
  const prompts = samples.reduce((sum, { promptTokens }) => sum + promptTokens, 0);
  return prompts === 0 ? 0 : samples.reduce((sum, { cachedTokens }) => sum + cachedTokens, 0) / prompts;
}

/** Sums over each session's calls, both sides in one row. */
function rowsBySession(off: readonly CallSample[], on: readonly CallSample[], read: (sample: CallSample) => readonly number[]): number[][] {
  const rows = new Map<string, number[]>();
  for (const [index, sample] of off.entries()) {
    const values = [...read(sample), ...read(on[index])];
    const row = rows.get(sample.session);
    rows.set(sample.session, row === undefined ? values : row.map((value, column) => value + values[column]));
  }
  return [...rows.values()];
}

function wordsOf({ trace, load, off, on, warm, hitRateGainPoints, simulated, shareOfSimulatedGain, ratio, steering }: VllmWorkloadReport): string[] {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const share = shareOfSimulatedGain === null ? '' : `, ${shareOfSimulatedGain.toFixed(2)} of the simulated engine's`;
  return [
    `${trace} at ${load.capacityFraction}: hit rate ${percent(off.hitRate)} → ${percent(on.hitRate)} (${hitRateGainPoints >= 0 ? '+' : ''}${hitRateGainPoints.toFixed(1)} points${share})`,
    `  simulated: ${percent(simulated.off)} → ${percent(simulated.on)} (+${simulated.gainPoints.toFixed(1)}), ${simulated.stepMs.toFixed(1)} ms a token; a cache that keeps everything: ${percent(simulated.boundless)}`,
    ...(ratio === null || off.ttftMs === null || on.ttftMs === null ? [] : [`  first token, mean: ${off.ttftMs.mean.toFixed(0)} → ${on.ttftMs.mean.toFixed(0)} ms (×${ratio.ttftMean.toFixed(2)}); end to end ×${ratio.endToEndMean.toFixed(2)}`]),
    ...(warm === null ? [] : [`  with warm-ups: ${percent(off.hitRate)} → ${percent(warm.hitRate)} (+${warm.hitRateGainPoints.toFixed(1)} points; simulated ${percent(warm.simulatedHitRate)})${warm.ttftMs === null || warm.ttftRatio === null ? '' : `, first token ${warm.ttftMs.mean.toFixed(0)} ms (×${warm.ttftRatio.toFixed(2)})`}; ${warm.warmUps.givenUp} warm-ups were given up, ${warm.warmUps.made} computed ${warm.warmUps.computedTokens} tokens, ${percent(warm.warmUps.shareOfPrompts)} of those of clients' prompts`]),
    `  ${steering.callsReported} calls reported, ${steering.leaseKeys} leases in ${steering.leaseMessages} messages, ${steering.leaseLagMs.toFixed(0)} ms after what they follow from (${steering.leaseMakingMs.toFixed(1)} ms to make); the mirror agreed on ${steering.mirrorAgreement === null ? 'nothing that was told' : percent(steering.mirrorAgreement)}`,
  ];
}
