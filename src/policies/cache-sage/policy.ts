import { definePolicy, type CacheTarget, type Coordinate, type Intent, type LearnerSource, type Query, type SessionId, type TenantId, type WorkloadId } from '../../core/index.ts';
import { SageIndex } from './retention-index.ts';
import type { ValueUnit } from './group-values.ts';

/** Workloads whose learners `predict` can ask, latest first to go. */
const WORKLOAD_CAPACITY = 1024;
/** Sessions whose last caller is known, for intents. */
const CALLER_CAPACITY = 1024;

export const cacheSage = definePolicy({
  name: 'cache-sage',
  summary: 'Evicts KV cache by survival: what each session is likely to use again, and when, learned online.',
  parameters: {
    value: { default: 'hits', choices: ['hits', 'milliseconds'], description: 'What is to be saved: blocks found in the cache, or milliseconds of prefill (late blocks of a prompt cost more).' },
    tolerance: { default: 0.05, minimum: 0, maximum: 1, description: 'Share of its idle time after which the forecast of a session is made anew; 0: everything is valued anew at each decision, to measure by.' },
    guard: { default: true, description: 'Two ghost caches watch whether survival or plain LRU saves more; the leader decides.' },
    prefetch: { default: false, description: 'While a session waits for a tool, ask the engine to bring its history back from a lower tier, if that saves more than its room would save others.' },
    demote: { default: false, description: 'While a session waits for a tool, ask the engine to move its history to a lower tier, if its room would save others more than bringing it back costs.' },
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
    });
    const workloads = new Set<WorkloadId>();
    /** Who called last in each session. */
    const callers = new Map<SessionId, Coordinate>();
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
        if (callers.size > CALLER_CAPACITY) callers.delete(first(callers.keys()));
      },
      score: { retention: index },
      snapshot: () => index.snapshot(),
      restore: (bytes) => index.restore(bytes),
      predict: (query) => ask(learners, tenant, workloads, query),
      act(moment): readonly Intent[] {
        const by = moment.kind === 'step-end' ? callers.get(moment.session) : undefined;
        if (by === undefined) return [];
        const choice = index.chooseForGap(by, moment.atMs);
        const target: CacheTarget = { kind: 'lineage', tenant, workload: by.workload, session: by.session, agent: by.agent };
        if (choice === 'at-hand' && parameters.prefetch) return [{ kind: 'prefetch', target }];
        return choice === 'below' && parameters.demote ? [{ kind: 'demote', target, tier: 'host' }] : [];
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
