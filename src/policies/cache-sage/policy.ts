import { definePolicy, type CacheTarget, type Intent, type LearnerSource, type Query, type SessionId, type TenantId, type WorkloadId } from '../../core/index.ts';
import { SageIndex } from './retention-index.ts';
import type { ValueUnit } from './group-values.ts';

/** Workloads whose learners `predict` can ask, latest first to go. */
const WORKLOAD_CAPACITY = 1024;

export const cacheSage = definePolicy({
  name: 'cache-sage',
  summary: 'Evicts KV cache by survival: what each session is likely to use again, and when, learned online.',
  parameters: {
    value: { default: 'hits', choices: ['hits', 'milliseconds'], description: 'What is to be saved: blocks found in the cache, or milliseconds of prefill (late blocks of a prompt cost more).' },
    tolerance: { default: 0.05, minimum: 0.01, maximum: 1, description: 'Share of its idle time after which the forecast of a session is made anew.' },
    guard: { default: true, description: 'Two ghost caches watch whether survival or plain LRU saves more; the leader decides.' },
    prefetch: { default: false, description: 'Ask the engine, after each step, to bring back what the session will very likely use at once.' },
    prefetchConfidence: { default: 0.8, minimum: 0.5, maximum: 1, description: 'How likely the session must be to call again for a prefetch.' },
  },
  decisions: ['retention'],
  intents: ['prefetch'],
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
    const lineages = new Map<SessionId, CacheTarget>();
    return {
      observe(event) {
        if (event.type !== 'request-arrive') return;
        const { by } = event;
        workloads.delete(by.workload);
        workloads.add(by.workload);
        if (workloads.size > WORKLOAD_CAPACITY) workloads.delete(first(workloads));
        if (!parameters.prefetch) return;
        lineages.delete(by.session);
        lineages.set(by.session, { kind: 'lineage', tenant, workload: by.workload, session: by.session, agent: by.agent });
        if (lineages.size > WORKLOAD_CAPACITY) lineages.delete(first(lineages.keys()));
      },
      score: { retention: index },
      snapshot: () => index.snapshot(),
      restore: (bytes) => index.restore(bytes),
      predict: (query) => ask(learners, tenant, workloads, query),
      act(moment): readonly Intent[] {
        if (!parameters.prefetch || moment.kind !== 'step-end') return [];
        const target = lineages.get(moment.session);
        if (target === undefined) return [];
        const forecast = ask(learners, tenant, workloads, { kind: 'session-end', session: moment.session, nowMs: moment.atMs });
        if (forecast.kind !== 'session-end' || 1 - forecast.probability < parameters.prefetchConfidence) return [];
        return [{ kind: 'prefetch', target }];
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
