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
}

const REPLICA = replicaId('simulated-paged');
/** Nobody reads the answers. */
const SILENT = { head: () => undefined, write: () => undefined, end: () => undefined, destroy: () => undefined };

export async function predictedHitRate({ load, blocks, blockTokens, thinkMs, policies, cost }: PredictedOptions): Promise<number> {
  const clock = new VirtualClock();
  const engine = new PagedEngine({ clock, capacityBlocks: blocks, blockTokens, cost, replica: REPLICA });
  const runtime = virtualRuntime(clock, policies);
  await engine.start(runtime.registerEngine(engine));
  let prompt = 0;
  let cached = 0;
  const play = async ({ id, calls }: PlannedSession): Promise<void> => {
    for (const [step, planned] of calls.entries()) {
      const request = requestOf(planned, { session: id, step, nowMs: clock.nowMs(), workload: 'bench', model: PAGED_MODEL, stream: false });
      runtime.arrive(request);
      const report = await engine.handle(pagedCall(request, planned), SILENT);
      runtime.finish(request.id, report);
      prompt += report.promptTokens;
      cached += report.cachedTokens;
      await clock.sleep(planned.pauseUnits * thinkMs);
    }
  };
  await playPlaces(clock, { sessions: load.sessions, concurrency: load.concurrency, thinkMs }, play);
  return prompt === 0 ? 0 : cached / prompt;
}
