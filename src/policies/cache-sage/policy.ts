import { definePolicy, type CacheTarget, type Coordinate, type Intent, type LearnerSource, type Query, type SessionId, type TenantId, type WorkloadId } from '../../core/index.ts';
import { SageIndex } from './retention-index.ts';
import type { ValueUnit } from './group-values.ts';

/** Workloads whose learners `predict` can ask, latest first to go. */
const WORKLOAD_CAPACITY = 1024;
/** Sessions whose last caller is known, for intents. */
const CALLER_CAPACITY = 1024;
/** Sessions between two steps that are looked at per tick, those first that were looked at longest ago. */
const LOOKS_PER_TICK = 16;

export const cacheSage = definePolicy({
  name: 'cache-sage',
  summary: 'Evicts KV cache by survival: what each session is likely to use again, and when, learned online.',
  parameters: {
    value: { default: 'hits', choices: ['hits', 'milliseconds'], description: 'What is to be saved: blocks found in the cache, or milliseconds of prefill (late blocks of a prompt cost more).' },
    tolerance: { default: 0.05, minimum: 0, maximum: 1, description: 'Share of its idle time after which the forecast of a session is made anew; 0: everything is valued anew at each decision, to measure by.' },
    guard: { default: true, description: 'Two ghost caches watch whether survival or plain LRU saves more; the leader decides.' },
    prefetch: { default: false, description: 'Between the steps of a session, ask the engine to bring its history back from a lower tier in time, if that saves more than its room would save others.' },
    demote: { default: false, description: 'Between the steps of a session, ask the engine to move its history to a lower tier, if its room would save others more than bringing it back costs.' },
  },
  decisions: ['retention'],
  observes: ['request-arrive'],
  intents: ['prefetch', 'demote'],
  create({ tenant, learners, parameters, cache }) {
    const index = new SageIndex({
      learners,
      tenant,
      value: valueUnit(parameters.value),
      tolerance: parameters.tolerance,
      guard: parameters.guard,
      capacityBlocks: cache?.capacityBlocks,
      keepsEvicted: cache?.keepsEvicted,
    });
    const workloads = new Set<WorkloadId>();
    /** Who called last in each session. */
    const callers = new Map<SessionId, Coordinate>();
    /** Sessions between two steps. */
    const waiting = new Set<SessionId>();
    const intentsFor = (session: SessionId, atMs: number): Intent[] => {
      const by = callers.get(session);
      const choice = by === undefined ? 'nothing' : index.chooseForGap(by, atMs);
      if (by === undefined || choice === 'nothing') return [];
      const target: CacheTarget = { kind: 'lineage', tenant, workload: by.workload, session, agent: by.agent };
      if (choice === 'bring-back') return parameters.prefetch ? [{ kind: 'prefetch', target }] : [];
      return parameters.demote ? [{ kind: 'demote', target, tier: 'host' }] : [];
    };
    return {
      observe(event) {
        if (event.type !== 'request-arrive') return;
        const { by } = event;
        workloads.delete(by.workload);
        workloads.add(by.workload);
        if (workloads.size > WORKLOAD_CAPACITY) workloads.delete(first(workloads));
        if (!parameters.prefetch && !parameters.demote) return;
        callers.delete(by.session);
        callers.set(by.session, by);
        waiting.delete(by.session);
        if (callers.size <= CALLER_CAPACITY) return;
        const oldest = first(callers.keys());
        callers.delete(oldest);
        waiting.delete(oldest);
      },
      score: { retention: index },
      snapshot: () => index.snapshot(),
      restore: (bytes) => index.restore(bytes),
      predict: (query) => ask(learners, tenant, workloads, query),
      act(moment): readonly Intent[] {
        if (!parameters.prefetch && !parameters.demote) return [];
        if (moment.kind === 'step-end') {
          if (callers.has(moment.session)) waiting.add(moment.session);
          return intentsFor(moment.session, moment.atMs);
        }
        if (moment.kind !== 'tick') return [];
        const turn = [...waiting].slice(0, LOOKS_PER_TICK);
        for (const session of turn) {
          waiting.delete(session);
          waiting.add(session);
        }
        return turn.flatMap((session) => intentsFor(session, moment.atMs));
      },
    };
  },
});

function valueUnit(name: string): ValueUnit {
  return name === 'milliseconds' ? 'milliseconds' : 'hits';
}

/** Queries name a session, not its workload: the workloads seen are asked, the latest first. */
function ask(learners: LearnerSource, tenant: TenantId, workloads: ReadonlySet<WorkloadId>, query: Query) {
  for (const workload of [...workloads].toReversed()) {
    const learner = learners.of(tenant, workload);
    if ('session' in query && learner.sessions.session(query.session) === undefined) continue;
    const forecast = learner.predict(query);
    if (forecast.kind !== 'unknown') return forecast;
  }
  return { kind: 'unknown' } as const;
}

function first<Value>(values: Iterable<Value>): Value {
  const [value] = values;
  return value;
}
