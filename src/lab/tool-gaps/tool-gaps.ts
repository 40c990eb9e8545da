/**
 * What it is worth to move a session's history below between its steps, and to bring it back in time: the same sessions
 * on the simulated paged engine with a second tier, in virtual time, by what the policy may ask of the engine.
 */
import { replicaId } from '../../core/index.ts';
import type { HostTierOptions } from '../../engines/simulated/paged/host-tier.ts';
import { PAGED_MODEL, PagedEngine } from '../../engines/simulated/paged/paged-engine.ts';
import { VirtualClock } from '../../engines/simulated/virtual-clock.ts';
import type { PolicySetting } from '../../runtime/index.ts';
import type { PlannedCall, PlannedSession } from '../bench/planned-session.ts';
import { pagedCall, playPlaces, requestOf, virtualRuntime } from '../bench/virtual-play.ts';

export interface ToolGapLoad {
  readonly sessions: readonly PlannedSession[];
  readonly concurrency: number;
  readonly thinkMs: number;
  readonly capacityBlocks: number;
  readonly hostTier: HostTierOptions;
  readonly policies: readonly PolicySetting[];
}

export interface ToolGapResult {
  readonly calls: number;
  /** Of prompt tokens: found on the engine or below. */
  readonly hitRate: number;
  readonly ttftMsMean: number;
  /** Blocks copied up, whoever asked. */
  readonly restoredBlocks: number;
  readonly intents: Readonly<Record<string, number>>;
}

const REPLICA = replicaId('simulated-paged');

export async function runToolGaps(load: ToolGapLoad): Promise<ToolGapResult> {
  const clock = new VirtualClock();
  let running = true;
  const intents: Record<string, number> = {};
  const engine = new PagedEngine({ clock, capacityBlocks: load.capacityBlocks, hostTier: load.hostTier, replica: REPLICA });
  const runtime = virtualRuntime(clock, load.policies, () => running);
  const counted = Object.assign(Object.create(engine) as PagedEngine, {
    perform: (intent: Parameters<PagedEngine['perform']>[0]) => {
      intents[intent.kind] = (intents[intent.kind] ?? 0) + 1;
      return engine.perform(intent);
    },
  });
  await engine.start(runtime.registerEngine(counted));
  await runtime.start();
  let [promptTokens, cachedTokens, ttftMs, calls] = [0, 0, 0, 0];

  const call = async (session: PlannedSession, planned: PlannedCall, step: number): Promise<void> => {
    const request = requestOf(planned, { session: session.id, step, nowMs: clock.nowMs(), workload: 'tool-gaps', model: PAGED_MODEL, stream: true });
    runtime.arrive(request);
    let firstAtMs: number | undefined;
    const report = await engine.handle(pagedCall(request, planned), { head: () => { firstAtMs ??= clock.nowMs(); }, write: () => undefined, end: () => undefined, destroy: () => undefined });
    runtime.finish(request.id, report);
    promptTokens += report.promptTokens;
    cachedTokens += report.cachedTokens;
    ttftMs += (firstAtMs ?? clock.nowMs()) - request.arrivedAtMs;
    calls++;
  };
  await playPlaces(clock, load, async (session) => {
    for (const [step, planned] of session.calls.entries()) {
      await call(session, planned, step);
      await clock.sleep(planned.pauseUnits * load.thinkMs);
    }
  });
  running = false;
  return { calls, hitRate: cachedTokens / promptTokens, ttftMsMean: ttftMs / calls, restoredBlocks: engine.restoredBlocks, intents };
}
