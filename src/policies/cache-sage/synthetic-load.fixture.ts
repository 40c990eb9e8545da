/** A load whose truth is known, for tests: sessions over one cache, driven through the policy as an engine would. */
import {
  LOCAL_TENANT, agentId, defaultParameters, instanceId, requestId, sessionId, unitId, workloadId,
  seededRandom, type Coordinate, type PolicyInstance, type RetentionIndex,
} from '../../core/index.ts';
import { createLearnerSource, type Learners } from '../../learner/index.ts';
import { cacheSage } from './policy.ts';

export interface SyntheticCall {
  readonly session: number;
  readonly agent: string;
  readonly atMs: number;
  readonly chain: readonly number[];
  readonly promptUnits: number;
  readonly tools: readonly string[];
}

/**
 * Half of the sessions stop after 3 calls, told by nothing but the name of the last tool; the others go on to 12 with
 * growing histories. All come around in turn, so that recency is the worst of guides.
 */
export function cyclicLoad(sessions: number, atOnce: number): SyntheticCall[] {
  const random = seededRandom(11);
  const calls: SyntheticCall[] = [];
  let nextUnit = 4;
  let started = 0;
  const running: { session: number; step: number; length: number; chain: number[] }[] = [];
  let nowMs = 0;
  while (started < sessions || running.length > 0) {
    while (running.length < atOnce && started < sessions) {
      running.push({ session: started++, step: 0, length: random() < 0.5 ? 3 : 12, chain: [0, 1, 2, 3] });
    }
    for (const run of running.slice()) {
      nowMs += 400 + 200 * random();
      for (let unit = 0; unit < 6; unit++) run.chain.push(nextUnit++);
      const last = run.step === run.length - 1;
      calls.push({ session: run.session, agent: 'worker', atMs: nowMs, chain: [...run.chain], promptUnits: run.chain.length - 2, tools: [last && run.length === 3 ? 'submit' : 'search'] });
      run.step++;
      if (last) running.splice(running.indexOf(run), 1);
    }
  }
  return calls;
}

export interface LoadResult {
  readonly hitRate: number;
  readonly instance: PolicyInstance;
  readonly learners: Learners;
}

/** Plays the calls by the rules of the replay; prefill of a unit costs 2 ms, and `restoreMs` from a tier below if there is one. `lru` evicts by recency in place of the policy's victims. */
export function play(calls: readonly SyntheticCall[], capacityBlocks: number, lru = false, parameters: Partial<ReturnType<typeof defaultParameters<typeof cacheSage.parameters>>> = {}, restoreMs?: number): LoadResult {
  const learners = createLearnerSource();
  const instance = cacheSage.create({
    tenant: LOCAL_TENANT, clock: { nowMs: () => 0 }, random: seededRandom(1), learners,
    parameters: { ...defaultParameters(cacheSage.parameters), ...parameters }, cache: { capacityBlocks, blockTokens: 16 },
  });
  const index = instance.score?.retention;
  if (index === undefined) throw new Error('no retention index');
  const usedAt = new Map<number, number>();
  const defined = new Set<number>();
  let hits = 0;
  let asked = 0;
  calls.forEach((call, ordinal) => {
    const by: Coordinate = {
      tenant: LOCAL_TENANT, workload: workloadId('w'), session: sessionId(`s${call.session}`), agent: agentId(call.agent), instance: instanceId(call.agent), step: 0,
    };
    const prompt = call.chain.slice(0, call.promptUnits);
    const missing = prompt.findIndex((unit) => !usedAt.has(unit));
    hits += missing < 0 ? prompt.length : missing;
    asked += prompt.length;
    serve(index, instance, learners, call, by, ordinal, defined, restoreMs);
    const busy = new Set(call.chain);
    const overflow = new Set([...usedAt.keys(), ...call.chain]).size - capacityBlocks;
    const victims = lru
      ? [...usedAt].filter(([unit]) => !busy.has(unit)).sort((a, b) => a[1] - b[1]).map(([unit]) => unitId(unit)).slice(0, Math.max(0, overflow))
      : overflow > 0 ? [...index.victims(overflow, (unit) => busy.has(unit), call.atMs)] : [];
    for (const victim of victims) {
      usedAt.delete(victim);
      index.setResident(victim, false);
    }
    call.chain.forEach((unit, depth) => {
      usedAt.set(unit, ordinal - depth * 1e-4);
      index.setResident(unitId(unit), true);
    });
  });
  return { hitRate: hits / asked, instance, learners };
}

function serve(index: RetentionIndex, instance: PolicyInstance, learners: Learners, call: SyntheticCall, by: Coordinate, ordinal: number, defined: Set<number>, restoreMs?: number): void {
  call.chain.forEach((unit, depth) => {
    if (defined.has(unit)) return;
    defined.add(unit);
    index.define({ id: unitId(unit), ...(depth === 0 ? {} : { parent: unitId(call.chain[depth - 1]) }), sizeBlocks: 1, marginalPrefillMs: 2, ...(restoreMs === undefined ? {} : { restoreMs }) });
  });
  const learner = learners.of(by.tenant, by.workload);
  const request = requestId(`r${ordinal}`);
  const arrive = { type: 'request-arrive', atMs: call.atMs, by, request, model: 'm', promptTokens: call.promptUnits * 16, warmup: false } as const;
  const end = {
    type: 'request-end', atMs: call.atMs, by, request, status: 'ok', promptTokens: call.promptUnits * 16, cachedTokens: 0, outputTokens: 32,
    stop: 'tool_calls', tools: call.tools, warmup: false,
  } as const;
  learner.observe(arrive);
  instance.observe?.(arrive);
  index.touch({ by, units: Int32Array.from(call.chain.slice(0, call.promptUnits)), first: 0, origin: 'prompt' }, call.atMs);
  learner.observe(end);
  instance.observe?.(end);
  index.touch({ by, units: Int32Array.from(call.chain), first: call.promptUnits, origin: 'output' }, call.atMs);
}
