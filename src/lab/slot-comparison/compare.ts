/** Our manager, its variants and llama-server's rule on the same sessions at equal total memory, in virtual time. */
import type { TokenCost } from '../../engines/simulated/token-cost.ts';
import { createLearnerSource } from '../../learner/index.ts';
import { cacheSage } from '../../policies/cache-sage/policy.ts';
import type { SlotManagerOptions } from '../../engines/slots/create-slot-manager.ts';
import { SIX_AGENTS } from '../bench/bars.ts';
import { layOut, totalMemoryTokens } from '../bench/memory-split.ts';
import type { PlannedSession } from '../bench/planned-session.ts';
import { sixAgentsWorkload } from '../bench/six-agents-workload.ts';
import { textTokens } from '../bench/text-tokens.ts';
import { scaleTrace } from '../bench/trace-sessions.ts';
import { workingSetTokens } from '../bench/working-set.ts';
import { locateTrace } from '../trace/locate-trace.ts';
import { runSide, type SideOptions, type SideResult } from './run-side.ts';

export interface ComparisonOptions {
  /** Names of traces; `six-agents` is the example application. */
  readonly traces: readonly string[];
  /** Total memory as fractions of the working set. */
  readonly capacities: readonly number[];
  readonly sessions: number;
  readonly concurrency: number;
  readonly contextTokens: number;
  /** What the engine's work costs, where it is not the simulated engine's default. */
  readonly cost?: Partial<TokenCost>;
  /** Beside the usual variants one with these settings, at the same total memory. */
  readonly tuned?: Partial<Pick<SlotManagerOptions, 'slots' | 'parkedCalls' | 'patienceMs' | 'agingFactor' | 'prefillLimit' | 'spareSlots'>>;
  onRow(row: ComparisonRow): void;
}

export interface ComparisonRow {
  readonly trace: string;
  readonly capacity: number;
  readonly manager: string;
  readonly totalTokens: number;
  readonly thinkMs: number;
  readonly result: SideResult;
  /** Over llama-server's. */
  readonly hitRateGainPoints: number;
  readonly ratio: { readonly ttftMean: number; readonly endToEndMean: number; readonly throughput: number };
}

/** The baseline is to be so busy. */
const BASELINE_BUSY = 0.85;
const SEARCH_STEPS = 8;
const LONGEST_THINK_MS = 60_000;
const SEED = 1;

interface Variant {
  readonly name: string;
  readonly options: Partial<SlotManagerOptions>;
  readonly survival: boolean;
}

const VARIANTS: readonly Variant[] = [
  { name: 'survival', options: {}, survival: true },
  { name: 'survival, LRU', options: {}, survival: false },
  { name: 'survival, no parking', options: { parkedCalls: 0 }, survival: true },
  { name: 'survival, no shared beginnings', options: { anchorTokens: Infinity }, survival: true },
];

export async function compareSlotManagers(options: ComparisonOptions): Promise<ComparisonRow[]> {
  const rows: ComparisonRow[] = [];
  for (const trace of options.traces) {
    const sessions = await sessionsOf(trace, options);
    if (sessions === undefined) continue;
    for (const capacity of options.capacities) {
      for await (const row of compareOn(trace, sessions, capacity, options)) {
        rows.push(row);
        options.onRow(row);
      }
    }
  }
  return rows;
}

async function sessionsOf(trace: string, { sessions, concurrency, contextTokens }: ComparisonOptions): Promise<readonly PlannedSession[] | undefined> {
  if (trace === SIX_AGENTS) return (await sixAgentsWorkload({ seed: SEED, concurrency, sessions, tokenise: textTokens })).sessions;
  return (await scaleTrace(locateTrace(trace), { contextTokens, sessions }))?.sessions;
}

async function* compareOn(trace: string, sessions: readonly PlannedSession[], capacity: number, options: ComparisonOptions): AsyncGenerator<ComparisonRow> {
  const { concurrency, contextTokens, cost } = options;
  const totalTokens = totalMemoryTokens(workingSetTokens(sessions, concurrency), capacity, contextTokens);
  const common = { sessions, concurrency, contextTokens, cost };
  const server = { kind: 'llama-server', ...layOut('llama-server', totalTokens, contextTokens) } as const;
  const thinkMs = await thinkTime((thinkMs) => ({ ...common, thinkMs, manager: server }));
  const baseline = await runSide({ ...common, thinkMs, manager: server });
  const row = (manager: string, result: SideResult): ComparisonRow => ({
    trace, capacity, manager, totalTokens, thinkMs, result,
    hitRateGainPoints: 100 * (result.hitRate - baseline.hitRate),
    ratio: {
      ttftMean: result.ttftMs.mean / baseline.ttftMs.mean,
      endToEndMean: result.endToEndMs.mean / baseline.endToEndMs.mean,
      throughput: result.callsPerSecond / baseline.callsPerSecond,
    },
  });
  yield row('llama-server', baseline);
  const own = layOut('own', totalTokens, contextTokens);
  const { tuned = {} } = options;
  const named = Object.entries(tuned).map(([name, value]) => `${name} ${value}`).join(', ');
  for (const { name, options: extra, survival } of named === '' ? VARIANTS : [...VARIANTS, { name: named, options: tuned, survival: true }]) {
    const retention = survival ? { policy: cacheSage, learners: createLearnerSource() } : undefined;
    const slots = extra.slots ?? own.slots;
    yield row(name, await runSide({ ...common, thinkMs, retention, manager: { kind: 'survival', ...extra, slots, storeTokens: totalTokens - slots * contextTokens } }));
  }
}

/** The pause at which the baseline is as busy as it should be. */
async function thinkTime(side: (thinkMs: number) => SideOptions): Promise<number> {
  let low = 0;
  let high = LONGEST_THINK_MS;
  for (let step = 0; step < SEARCH_STEPS; step++) {
    const middle = (low + high) / 2;
    if ((await runSide(side(middle))).busy > BASELINE_BUSY) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

export function describeRow({ trace, capacity, manager, result, hitRateGainPoints, ratio }: ComparisonRow): string {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  return `${trace} at ${capacity}, ${manager}: hits ${percent(result.hitRate)} (${hitRateGainPoints >= 0 ? '+' : ''}${hitRateGainPoints.toFixed(1)} points), `
    + `mean TTFT ${result.ttftMs.mean.toFixed(0)} ms (x${ratio.ttftMean.toFixed(2)}), end to end x${ratio.endToEndMean.toFixed(2)}, throughput x${ratio.throughput.toFixed(2)}`;
}
