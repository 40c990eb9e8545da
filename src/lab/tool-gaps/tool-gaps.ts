/**
 * What it is worth to move a session's history below between its steps, and to bring it back in time: the same sessions
 * on the simulated paged engine with a second tier, in virtual time, by what the policy may ask of the engine.
 */
import { LOCAL_TENANT, agentId, instanceId, replicaId, requestId, sessionId, workloadId, type EngineCall, type RequestView } from '../../core/index.ts';
import type { HostTierOptions } from '../../engines/simulated/paged/host-tier.ts';
import { PAGED_MODEL, PagedEngine } from '../../engines/simulated/paged/paged-engine.ts';
import { VirtualClock } from '../../engines/simulated/virtual-clock.ts';
import { createLearnerSource } from '../../learner/index.ts';
import { Runtime, type PolicySetting, type Timers } from '../../runtime/index.ts';
import type { PlannedCall, PlannedSession } from '../bench/planned-session.ts';

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

/** What a runtime's timers do, on the virtual clock; a repeated one ends with the run. */
function virtualTimers(clock: VirtualClock, running: () => boolean): Timers {
  return {
    after: (delayMs, run) => clock.schedule(clock.nowMs() + delayMs, run),
    every: (intervalMs, run) => {
      let stopped = false;
      const again = (): void => {
        if (stopped || !running()) return;
        run();
        clock.schedule(clock.nowMs() + intervalMs, again);
      };
      clock.schedule(clock.nowMs() + intervalMs, again);
      return () => { stopped = true; };
    },
    soon: (run) => { clock.schedule(clock.nowMs(), run); },
  };
}

export async function runToolGaps(load: ToolGapLoad): Promise<ToolGapResult> {
  const clock = new VirtualClock();
  let running = true;
  const intents: Record<string, number> = {};
  const engine = new PagedEngine({ clock, capacityBlocks: load.capacityBlocks, hostTier: load.hostTier, replica: REPLICA });
  const runtime = new Runtime({ policies: load.policies, learners: createLearnerSource(), clock, timers: virtualTimers(clock, () => running), log: () => undefined, stopwatch: () => 0 });
  const counted = Object.assign(Object.create(engine) as PagedEngine, {
    perform: (intent: Parameters<PagedEngine['perform']>[0]) => {
      intents[intent.kind] = (intents[intent.kind] ?? 0) + 1;
      return engine.perform(intent);
    },
  });
  await engine.start(runtime.registerEngine(counted));
  await runtime.start();
  let [promptTokens, cachedTokens, ttftMs, calls] = [0, 0, 0, 0];
  let next = 0;

  const call = async (session: PlannedSession, planned: PlannedCall, step: number): Promise<void> => {
    const request = requestOf(session.id, planned, step, clock.nowMs());
    runtime.arrive(request);
    let firstAtMs: number | undefined;
    const report = await engine.handle(engineCall(request, planned), { head: () => { firstAtMs ??= clock.nowMs(); }, write: () => undefined, end: () => undefined, destroy: () => undefined });
    runtime.finish(request.id, report);
    promptTokens += report.promptTokens;
    cachedTokens += report.cachedTokens;
    ttftMs += (firstAtMs ?? clock.nowMs()) - request.arrivedAtMs;
    calls++;
  };
  const place = async (index: number): Promise<void> => {
    await clock.sleep((index / load.concurrency) * load.thinkMs);
    for (let at = next++; at < load.sessions.length; at = next++) {
      const session = load.sessions[at];
      for (const [step, planned] of session.calls.entries()) {
        await call(session, planned, step);
        await clock.sleep(planned.pauseUnits * load.thinkMs);
      }
    }
  };
  await clock.runUntil(Promise.all(Array.from({ length: load.concurrency }, (_, index) => place(index))));
  running = false;
  return { calls, hitRate: cachedTokens / promptTokens, ttftMsMean: ttftMs / calls, restoredBlocks: engine.restoredBlocks, intents };
}

function requestOf(session: string, call: PlannedCall, step: number, nowMs: number): RequestView {
  return {
    id: requestId(`${session}/${step}`),
    by: { tenant: LOCAL_TENANT, workload: workloadId('tool-gaps'), session: sessionId(session), agent: agentId(call.agent), instance: instanceId(call.instance), step },
    model: PAGED_MODEL, arrivedAtMs: nowMs, promptTokens: call.prompt.length, promptTokensExact: true, residentTokens: 0, tools: [], stream: true, final: false,
  };
}

function engineCall(request: RequestView, { prompt, output }: PlannedCall): EngineCall {
  return {
    request, dialect: 'completions', method: 'POST', path: '/v1/completions', headers: [], body: Buffer.alloc(0), signal: new AbortController().signal,
    parsed: { model: PAGED_MODEL, prompt: Array.from(prompt), max_tokens: output.length, stream: true, entresol_force: { tokens: Array.from(output) } },
  };
}
