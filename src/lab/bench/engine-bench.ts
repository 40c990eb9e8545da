/** `bench engine`: the same engine alone and with Entresol, over workloads, capacities and loads. */
import { registeredPolicy } from '../../runtime/load-policy.ts';
import type { PolicySetting } from '../../runtime/index.ts';
import { locateTrace, traceName } from '../trace/index.ts';
import { checkBars, SIX_AGENTS } from './bars.ts';
import { BenchSide, loadClient, type SideParts, type SideSpec } from './bench-side.ts';
import { calibrate, type Calibration } from './calibration.ts';
import type { EngineBenchDocument, EngineDescription, WorkloadReport } from './document.ts';
import { runLoad } from './load-run.ts';
import { layOut, totalMemoryTokens, type LayoutKind } from './memory-split.ts';
import { sixAgentsWorkload } from './six-agents-workload.ts';
import { sharedShare } from './shared-share.ts';
import { findThinkMs, rehearsedThinkMs, type Rehearsal } from './think-time.ts';
import { scaleTrace } from './trace-sessions.ts';
import { traceWorkload } from './trace-workload.ts';
import { workingSetTokens } from './working-set.ts';
import type { BenchWorkload } from './workload.ts';

export interface LoadPlan {
  readonly capacityFraction: number;
  readonly thinkTimes: boolean;
}

export interface EngineBenchOptions extends SideParts {
  readonly seed: number;
  /** The six agents' first where asked for, then traces by name or path. */
  readonly sixAgents: boolean;
  readonly traces: readonly string[];
  /** Of every workload. */
  readonly loads: readonly LoadPlan[];
  /** Of the six agents and of the trace whose sessions share least, without baselines: a cache that holds everything. */
  readonly ampleLoads: readonly LoadPlan[];
  readonly baselines: boolean;
  /** The load is tried on the real engine before it is measured, so that the engine alone is as busy as it should be. */
  readonly rehearses: boolean;
  /** Seconds of each side and load that are measured. */
  readonly durationSeconds: number;
  /** Active seconds before them, in which caches warm and sessions come apart. */
  readonly settleSeconds: number;
  say(line: string): void;
  onEngine?(engine: EngineDescription): void;
  onRound?(report: WorkloadReport): void;
  onLoad?(report: WorkloadReport): void;
}

export const CONTEXT_TOKENS = 2_048;
const SLICE_MS = 2_000;
/** Time of the engine alone, after it has settled, in which its load is tried before it is measured. */
const REHEARSAL_MS = 8_000;
/** Contracts, section 2: 0.8 to 0.9. The upper end: with a dozen sessions there is hardly a queue below it. */
const WANTED_OFF_UTILISATION = 0.88;
const SIX_AGENTS_CONCURRENCY = 12;
/** As the replay rules have it. */
const TRACE_CONCURRENCY = 16;
/** More than any side can play in its time. */
const SIX_AGENTS_SESSIONS = 40;
const TRACE_SESSIONS = 60;

export async function benchEngine(options: EngineBenchOptions): Promise<EngineBenchDocument> {
  const { choice, say } = options;
  if (choice.because !== undefined) say(`SIMULATED engine: ${choice.because}`);
  // What is missing is told before the engine is tried, which takes a while.
  await loadClient();
  const traces = options.traces.map((trace) => locateTrace(trace));
  const calibration = await calibrate(choice, CONTEXT_TOKENS);
  const engine: EngineDescription = { kind: choice.kind, model: calibration.model.id, synthetic: calibration.model.synthetic, threads: choice.threads };
  options.onEngine?.(engine);
  const workloads: BenchWorkload[] = [];
  const skipped: { trace: string; why: string }[] = [];
  try {
    if (options.sixAgents) {
      workloads.push(await sixAgentsWorkload({ seed: options.seed, concurrency: SIX_AGENTS_CONCURRENCY, sessions: SIX_AGENTS_SESSIONS, tokenise: calibration.tokenise }));
    }
    for (const trace of traces) {
      const scaled = await scaleTrace(trace, { contextTokens: CONTEXT_TOKENS, sessions: TRACE_SESSIONS });
      if (scaled === undefined) skipped.push({ trace: traceName(trace), why: 'it does not scale: fewer than two of its sessions fit a small context' });
      else workloads.push(traceWorkload(scaled, TRACE_CONCURRENCY));
    }
  } finally {
    await calibration.close();
  }
  for (const { trace, why } of skipped) say(`${trace} is left out: ${why}`);
  const reports: WorkloadReport[] = [];
  // llama-server loses what sessions share even with room to spare: where least is shared, an ample cache shows what we cost.
  const [apart] = workloads.filter(({ name }) => name !== SIX_AGENTS).map((workload) => ({ workload, share: sharedShare(workload.sessions) })).sort((a, b) => a.share - b.share);
  for (const workload of workloads) {
    const ample = options.ampleLoads.length > 0 && (workload.name === SIX_AGENTS || workload === apart?.workload) ? options.ampleLoads : [];
    const done = new Map<string, number>();
    for (const load of [...options.loads, ...ample]) {
      // Small workloads need the least memory that llama-server takes at several fractions: that is one load.
      const same = `${totalTokensOf(workload, load)} ${load.thinkTimes}`;
      const before = done.get(same);
      if (before !== undefined) {
        say(`${workload.name}, capacity ${load.capacityFraction}: the same memory as at ${before}, the least that llama-server takes; measured once`);
        continue;
      }
      done.set(same, load.capacityFraction);
      const report = await benchLoad(workload, load, calibration, ample.includes(load) ? { ...options, baselines: false } : options);
      reports.push(report);
      options.onLoad?.(report);
    }
  }
  return { engine, workloads: reports, skipped, bars: checkBars(reports) };
}

function totalTokensOf(workload: BenchWorkload, plan: LoadPlan): number {
  return totalMemoryTokens(workingSetTokens(workload.sessions, workload.concurrency), plan.capacityFraction, CONTEXT_TOKENS);
}

function sageSettings(): PolicySetting[] {
  const definition = registeredPolicy('cache-sage');
  return definition === undefined ? [] : [{ definition }];
}

async function benchLoad(workload: BenchWorkload, plan: LoadPlan, { cost }: Calibration, options: EngineBenchOptions): Promise<WorkloadReport> {
  const workingSet = workingSetTokens(workload.sessions, workload.concurrency);
  const totalTokens = totalMemoryTokens(workingSet, plan.capacityFraction, CONTEXT_TOKENS);
  const spec = (name: string, kind: LayoutKind, policies: readonly PolicySetting[] = []): SideSpec => ({
    name, policies, cost, contextTokens: CONTEXT_TOKENS, slotManager: kind === 'own' ? 'survival' : 'llama-server', ...layOut(kind, totalTokens, CONTEXT_TOKENS),
  });
  const off = spec('off', 'llama-server');
  const sides = [off, spec('on', 'own', sageSettings()), ...(options.baselines ? [spec('no-host-store', 'no-host-store'), spec('own-lru', 'own')] : [])];
  const settleMs = 1_000 * options.settleSeconds;
  const measured = { fromMs: settleMs, untilMs: settleMs + 1_000 * options.durationSeconds };
  const description = {
    thinkTimes: plan.thinkTimes, concurrency: workload.concurrency, capacityFraction: plan.capacityFraction, scale: workload.scale,
    seed: options.seed, settleSeconds: options.settleSeconds,
    memory: {
      workingSetTokens: workingSet, totalTokens, fraction: totalTokens / workingSet, contextTokens: CONTEXT_TOKENS,
      sides: Object.fromEntries(sides.map(({ name, slots, storeTokens }) => [name, { slots, storeTokens }])),
    },
  };
  const parts = { threads: options.choice.threads, startSide: (side: SideSpec) => BenchSide.start(side, options) };
  const rehearsal: Rehearsal = {
    window: { fromMs: settleMs, untilMs: settleMs + REHEARSAL_MS },
    run: async (thinkMs) => (await runLoad<SideSpec>({ workload, sides: [off], sliceMs: SLICE_MS, settleMs, activeMs: settleMs + REHEARSAL_MS, description: { ...description, thinkMsMean: thinkMs } }, parts)).load.offUtilisation,
  };
  const simulated = { sessions: workload.sessions, concurrency: workload.concurrency, rule: 'llama-server', layout: off, contextTokens: CONTEXT_TOKENS, cost } as const;
  const thinkMsMean = plan.thinkTimes ? await (options.rehearses ? rehearsedThinkMs(simulated, measured, rehearsal, WANTED_OFF_UTILISATION) : findThinkMs(simulated, measured)) : 0;
  options.say(`${workload.name}, capacity ${plan.capacityFraction}${plan.thinkTimes ? `, think time ${(thinkMsMean / 1000).toFixed(1)} s` : ', no think times'}: ${sides.map((side) => `${side.name} ${side.slots} slots + ${side.storeTokens} tokens`).join(', ')}`);
  return runLoad({
    workload, sides, sliceMs: SLICE_MS, settleMs, activeMs: measured.untilMs,
    description: { ...description, thinkMsMean },
    ...(options.onRound === undefined ? {} : { onRound: options.onRound }),
  }, parts);
}
