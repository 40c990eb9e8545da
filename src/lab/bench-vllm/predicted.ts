/** What the simulated paged engine makes of the same sessions, blocks and concurrency, in virtual time. */
import { agentId, instanceId, LOCAL_TENANT, replicaId, requestId, sessionId, workloadId, type EngineCall, type RequestView } from '../../core/index.ts';
import { PAGED_MODEL, PagedEngine } from '../../engines/simulated/paged/paged-engine.ts';
import type { StepCost } from '../../engines/simulated/paged/step-cost.ts';
import { VirtualClock } from '../../engines/simulated/virtual-clock.ts';
import { createLearnerSource } from '../../learner/index.ts';
import { Runtime, type PolicySetting, type Timers } from '../../runtime/index.ts';
import type { PlannedCall, PlannedSession } from '../bench/planned-session.ts';
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
const NEVER = { aborted: false, addEventListener: () => undefined, removeEventListener: () => undefined };

/** In virtual time a policy takes none: else a busy machine would put it in shadow. */
const STANDING = (): number => 0;

function timersOn(clock: VirtualClock): Timers {
  return {
    after: (delayMs, run) => clock.schedule(clock.nowMs() + delayMs, run),
    every: () => () => undefined,
    soon: (run) => { clock.schedule(clock.nowMs(), run); },
  };
}

function requestOf(session: string, call: PlannedCall, step: number, nowMs: number): RequestView {
  return {
    id: requestId(`${session}/${step}`),
    by: { tenant: LOCAL_TENANT, workload: workloadId('bench'), session: sessionId(session), agent: agentId(call.agent), instance: instanceId(call.instance), step },
    model: PAGED_MODEL, arrivedAtMs: nowMs, promptTokens: call.prompt.length, promptTokensExact: true, residentTokens: 0, tools: [], stream: false, final: false,
  };
}

export async function predictedHitRate({ load, blocks, blockTokens, thinkMs, policies, cost }: PredictedOptions): Promise<number> {
  const clock = new VirtualClock();
  const engine = new PagedEngine({ clock, capacityBlocks: blocks, blockTokens, cost, replica: REPLICA });
  const runtime = new Runtime({ policies, learners: createLearnerSource(), clock, timers: timersOn(clock), stopwatch: STANDING, log: () => undefined });
  await engine.start(runtime.registerEngine(engine));
  let next = 0;
  let prompt = 0;
  let cached = 0;
  const play = async ({ id, calls }: PlannedSession): Promise<void> => {
    for (const [step, planned] of calls.entries()) {
      const request = requestOf(id, planned, step, clock.nowMs());
      runtime.arrive(request);
      const call: EngineCall = {
        request, dialect: 'completions', method: 'POST', path: '/v1/completions', headers: [], body: Buffer.alloc(0), signal: NEVER,
        parsed: { model: PAGED_MODEL, prompt: [...planned.prompt], max_tokens: planned.output.length, entresol_force: { tokens: [...planned.output] } },
      };
      const report = await engine.handle(call, SILENT);
      runtime.finish(request.id, report);
      prompt += report.promptTokens;
      cached += report.cachedTokens;
      await clock.sleep(planned.pauseUnits * thinkMs);
    }
  };
  const place = async (index: number): Promise<void> => {
    await clock.sleep((index / load.concurrency) * thinkMs);
    for (let session = next++; session < load.sessions.length; session = next++) await play(load.sessions[session]);
  };
  await clock.runUntil(Promise.all(Array.from({ length: load.concurrency }, (_, index) => place(index))));
  return prompt === 0 ? 0 : cached / prompt;
}
