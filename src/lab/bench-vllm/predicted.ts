/** What the simulated paged engine makes of the same sessions, blocks and concurrency, in virtual time. */
import { replicaId } from '../../core/index.ts';
import { PAGED_MODEL, PagedEngine } from '../../engines/simulated/paged/paged-engine.ts';
import type { StepCost } from '../../engines/simulated/paged/step-cost.ts';
import { VirtualClock } from '../../engines/simulated/virtual-clock.ts';
import type { PolicySetting } from '../../runtime/index.ts';
import type { PlannedSession } from '../bench/planned-session.ts';
import { pagedCall, playPlaces, requestOf, virtualRuntime } from '../bench/virtual-play.ts';
import type { VllmLoad } from './load.ts';

export interface PredictedOptions {
  readonly load: VllmLoad;
  readonly blocks: number;
  readonly blockTokens: number;
  readonly thinkMs: number;
  readonly policies: readonly PolicySetting[];
  readonly cost: Partial<StepCost>;
  /** It computes ahead of calls where the policies ask for it. */
  readonly warmsUp?: boolean;
}

export interface Predicted {
  /** Of calls alone. */
  readonly hitRate: number;
  readonly ttftMsMean: number;
  readonly endToEndMsMean: number;
  readonly warmUps: { readonly made: number; readonly givenUp: number; readonly computedTokens: number };
  readonly promptTokens: number;
}

const REPLICA = replicaId('simulated-paged');
/** How often a scale is halved in on. */
const HALVINGS = 7;
const LARGEST_SCALE = 32;
/** Nobody reads the answers. */
const SILENT = { head: () => undefined, write: () => undefined, end: () => undefined, destroy: () => undefined };

export async function predict({ load, blocks, blockTokens, thinkMs, policies, cost, warmsUp = false }: PredictedOptions): Promise<Predicted> {
  const clock = new VirtualClock();
  const engine = new PagedEngine({ clock, capacityBlocks: blocks, blockTokens, cost, replica: REPLICA, warmsUp });
  let playing = true;
  const runtime = virtualRuntime(clock, policies, () => warmsUp && playing);
  await runtime.start();
  await engine.start(runtime.registerEngine(engine));
  let prompt = 0;
  let cached = 0;
  let calls = 0;
  let ttftMs = 0;
  let endToEndMs = 0;
  const play = async ({ id, calls: own }: PlannedSession): Promise<void> => {
    for (const [step, planned] of own.entries()) {
      const request = requestOf(planned, { session: id, step, nowMs: clock.nowMs(), workload: 'bench', model: PAGED_MODEL, stream: false });
      runtime.arrive(request);
      const sentMs = clock.nowMs();
      const report = await engine.handle(pagedCall(request, planned), SILENT);
      runtime.finish(request.id, report);
      calls += 1;
      ttftMs += (report.queueMs ?? 0) + (report.prefillMs ?? 0);
      endToEndMs += clock.nowMs() - sentMs;
      prompt += report.promptTokens;
      cached += report.cachedTokens;
      await clock.sleep(planned.pauseUnits * thinkMs);
    }
  };
  await playPlaces(clock, { sessions: load.sessions, concurrency: load.concurrency, thinkMs }, play);
  playing = false;
  return { hitRate: prompt === 0 ? 0 : cached / prompt, ttftMsMean: ttftMs / Math.max(1, calls), endToEndMsMean: endToEndMs / Math.max(1, calls), warmUps: engine.warmUps, promptTokens: prompt };
}

/** The cost at which simulated calls take as long in the mean as this: by how much the given one is to be multiplied. */
export async function scaleOfCost(options: PredictedOptions, endToEndMs: number): Promise<number> {
  const scaled = (factor: number): Partial<StepCost> => Object.fromEntries(Object.entries(options.cost).map(([name, value]) => [name, value * factor]));
  let [low, high] = [1 / LARGEST_SCALE, LARGEST_SCALE];
  for (let halving = 0; halving < HALVINGS; halving++) {
    const middle = Math.sqrt(low * high);
    const { endToEndMsMean } = await predict({ ...options, cost: scaled(middle) });
    if (endToEndMsMean < endToEndMs) low = middle;
    else high = middle;
  }
  return Math.sqrt(low * high);
}
