/** Planned sessions in virtual time: what every simulation of them needs, whichever engine they are played on. */
import { LOCAL_TENANT, agentId, instanceId, requestId, sessionId, workloadId, type EngineCall, type RequestView } from '../../core/index.ts';
import { PAGED_MODEL } from '../../engines/simulated/paged/paged-engine.ts';
import type { VirtualClock } from '../../engines/simulated/virtual-clock.ts';
import { createLearnerSource } from '../../learner/index.ts';
import { Runtime, type PolicySetting, type Timers } from '../../runtime/index.ts';
import type { PlannedCall, PlannedSession } from './planned-session.ts';

const NEVER = { aborted: false, addEventListener: () => undefined, removeEventListener: () => undefined };

/** @param ticksWhile repeated timers run for as long as it says so; absent: not at all, for they would never let the clock come to an end */
function virtualTimers(clock: VirtualClock, ticksWhile: (() => boolean) | undefined): Timers {
  return {
    after: (delayMs, run) => clock.schedule(clock.nowMs() + delayMs, run),
    every: (intervalMs, run) => {
      if (ticksWhile === undefined) return () => undefined;
      let stopped = false;
      const again = (): void => {
        if (stopped || !ticksWhile()) return;
        run();
        clock.schedule(clock.nowMs() + intervalMs, again);
      };
      clock.schedule(clock.nowMs() + intervalMs, again);
      return () => { stopped = true; };
    },
    soon: (run) => { clock.schedule(clock.nowMs(), run); },
  };
}

/** In virtual time a policy takes none: else a busy machine would put it in shadow. */
export function virtualRuntime(clock: VirtualClock, policies: readonly PolicySetting[], ticksWhile?: () => boolean): Runtime {
  return new Runtime({ policies, learners: createLearnerSource(), clock, timers: virtualTimers(clock, ticksWhile), stopwatch: () => 0, log: () => undefined });
}

export interface Played { readonly session: string; readonly step: number; readonly nowMs: number; readonly workload: string; readonly model: string; readonly stream: boolean }

export function requestOf(call: PlannedCall, { session, step, nowMs, workload, model, stream }: Played): RequestView {
  return {
    id: requestId(`${session}/${step}`),
    by: { tenant: LOCAL_TENANT, workload: workloadId(workload), session: sessionId(session), agent: agentId(call.agent), instance: instanceId(call.instance), step },
    model, arrivedAtMs: nowMs, promptTokens: call.prompt.length, promptTokensExact: true, residentTokens: 0, tools: [], stream, final: false,
  };
}

/** The call as the simulated paged engine takes it, its answer forced. */
export function pagedCall(request: RequestView, { prompt, output }: PlannedCall): EngineCall {
  return {
    request, dialect: 'completions', method: 'POST', path: '/v1/completions', headers: [], body: Buffer.alloc(0), memory: undefined, signal: NEVER,
    parsed: { model: PAGED_MODEL, prompt: Array.from(prompt), max_tokens: output.length, stream: request.stream, entresol_force: { tokens: Array.from(output) } },
  };
}

export interface Places { readonly sessions: readonly PlannedSession[]; readonly concurrency: number; readonly thinkMs: number }

/** A number of places, which start apart, each playing one session after another until none is left. */
export async function playPlaces(clock: VirtualClock, { sessions, concurrency, thinkMs }: Places, play: (session: PlannedSession) => Promise<void>): Promise<void> {
  let next = 0;
  const place = async (index: number): Promise<void> => {
    await clock.sleep((index / concurrency) * thinkMs);
    for (let session = next++; session < sessions.length; session = next++) await play(sessions[session]);
  };
  await clock.runUntil(Promise.all(Array.from({ length: concurrency }, (_, index) => place(index))));
}
