/** One slot manager under a load in virtual time: seconds instead of minutes, and the same figures every time. */
import { LOCAL_TENANT, agentId, defaultParameters, instanceId, replicaId, requestId, seededRandom, sessionId, workloadId } from '../../core/index.ts';
import type { Coordinate, EngineHost, Event, LearnerSource, PolicyDefinition, PolicyInstance, RequestView } from '../../core/index.ts';
import { SimulatedTokenEngine } from '../../engines/simulated/token-engine.ts';
import type { TokenCost } from '../../engines/simulated/token-cost.ts';
import { VirtualClock } from '../../engines/simulated/virtual-clock.ts';
import { createSlotManager, DEFAULT_UNIT_TOKENS, type SlotManagerOptions } from '../../engines/slots/create-slot-manager.ts';
import type { SlotManager, SlotStatistics } from '../../engines/slots/slot-manager.ts';
import { spread, type Spread } from '../bench/measures.ts';
import type { PlannedCall, PlannedSession } from '../bench/planned-session.ts';

export interface SideOptions {
  readonly sessions: readonly PlannedSession[];
  /** Sessions at once. */
  readonly concurrency: number;
  /** Mean pause between two calls of a session. */
  readonly thinkMs: number;
  readonly contextTokens: number;
  readonly cost?: Partial<TokenCost>;
  readonly manager: Omit<SlotManagerOptions, 'tokenEngine' | 'host' | 'replica'>;
  /** What decides retention; absent: the manager's own rule. */
  readonly retention?: { readonly policy: PolicyDefinition; readonly learners: LearnerSource };
}

export interface SideResult {
  readonly calls: number;
  readonly hitRate: number;
  readonly ttftMs: Spread;
  /** The part of it that calls waited for a slot. */
  readonly queueMs: Spread;
  readonly endToEndMs: Spread;
  readonly callsPerSecond: number;
  /** Share of the time that the engine computed. */
  readonly busy: number;
  readonly prefilledTokens: number;
  readonly statistics: SlotStatistics;
}

const WORKLOAD = workloadId('comparison');
const SEED = 1;

interface Sample { readonly ttftMs: number; readonly queueMs: number; readonly endToEndMs: number; readonly promptTokens: number; readonly cachedTokens: number }

export async function runSide(options: SideOptions): Promise<SideResult> {
  const clock = new VirtualClock();
  const engine = new SimulatedTokenEngine({ clock, sequences: options.manager.slots, contextTokens: options.contextTokens, cost: options.cost });
  const capacityTokens = options.manager.slots * options.contextTokens + options.manager.storeTokens;
  const { retention } = options;
  const policy = retention?.policy.create({
    tenant: LOCAL_TENANT, clock, random: seededRandom(SEED), parameters: defaultParameters(retention.policy.parameters), learners: retention.learners,
    cache: { capacityBlocks: Math.floor(capacityTokens / DEFAULT_UNIT_TOKENS), blockTokens: DEFAULT_UNIT_TOKENS },
  });
  const observe = (event: Event): void => {
    retention?.learners.of(LOCAL_TENANT, WORKLOAD).observe(event);
    policy?.observe?.(event);
  };
  const manager = createSlotManager({ ...options.manager, tokenEngine: engine, replica: replicaId('simulated'), host: hostOf(clock, policy, observe) });
  const samples: Sample[] = [];
  let next = 0;
  const place = async (index: number): Promise<void> => {
    await clock.sleep((index / options.concurrency) * options.thinkMs);
    for (let at = next++; at < options.sessions.length; at = next++) {
      const session = options.sessions[at];
      for (const [step, call] of session.calls.entries()) {
        samples.push(await runCall({ clock, manager, observe }, session.id, step, call));
        await clock.sleep(call.pauseUnits * options.thinkMs);
      }
    }
  };
  await clock.runUntil(Promise.all(Array.from({ length: options.concurrency }, (_, index) => place(index))));
  const statistics = manager.statistics();
  const elapsedMs = clock.nowMs();
  const prompts = samples.reduce((sum, { promptTokens }) => sum + promptTokens, 0);
  return {
    calls: samples.length,
    hitRate: samples.reduce((sum, { cachedTokens }) => sum + cachedTokens, 0) / prompts,
    ttftMs: spread(samples.map(({ ttftMs }) => ttftMs)),
    queueMs: spread(samples.map(({ queueMs }) => queueMs)),
    endToEndMs: spread(samples.map(({ endToEndMs }) => endToEndMs)),
    callsPerSecond: (1000 * samples.length) / elapsedMs,
    busy: await engine.cpuMs() / elapsedMs,
    prefilledTokens: engine.prefilledTokens,
    statistics,
  };
}

interface Bench { readonly clock: VirtualClock; readonly manager: SlotManager; observe(event: Event): void }

async function runCall({ clock, manager, observe }: Bench, session: string, step: number, call: PlannedCall): Promise<Sample> {
  const by: Coordinate = {
    tenant: LOCAL_TENANT, workload: WORKLOAD, session: sessionId(session), agent: agentId(call.agent), instance: instanceId(call.instance), step,
  };
  const id = requestId(`${session}/${step}`);
  const sentAtMs = clock.nowMs();
  const request: RequestView = {
    id, by, model: 'simulated', arrivedAtMs: sentAtMs, promptTokens: call.prompt.length, promptTokensExact: true, residentTokens: 0, tools: [], stream: true, final: false,
  };
  if (step === 0) observe({ type: 'session-start', atMs: sentAtMs, by });
  observe({ type: 'request-arrive', atMs: sentAtMs, by, request: id, model: request.model, promptTokens: call.prompt.length, warmup: false });
  let firstAtMs: number | undefined;
  const result = await manager.submit({
    request, tokens: call.prompt,
    generate: { maxTokens: call.output.length, temperature: 0, forced: call.output, onToken: () => { firstAtMs ??= clock.nowMs(); } },
  });
  const endedAtMs = clock.nowMs();
  const { promptTokens, cachedTokens } = result;
  observe({
    type: 'request-end', atMs: endedAtMs, by, request: id, status: 'ok', promptTokens, cachedTokens, outputTokens: result.output.length,
    ttftMs: (firstAtMs ?? endedAtMs) - sentAtMs, stop: result.stop, tools: [], warmup: false,
  });
  return { ttftMs: (firstAtMs ?? endedAtMs) - sentAtMs, queueMs: result.queueMs, endToEndMs: endedAtMs - sentAtMs, promptTokens, cachedTokens };
}

function hostOf(clock: VirtualClock, policy: PolicyInstance | undefined, observe: (event: Event) => void): EngineHost {
  return {
    clock,
    emit: observe,
    order: () => undefined,
    retention: () => policy?.score?.retention,
    log: () => { /* figures only */ },
    trouble: () => { /* none: nothing comes from outside */ },
    warmedUp: () => undefined,
  };
}
