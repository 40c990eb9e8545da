import { definePolicy, type AgentId, type CacheTarget, type Coordinate, type Intent, type LearnerSource, type Query, type ReplicaId, type SessionId, type TenantId, type WorkloadId } from '../../core/index.ts';
import { SageIndex } from './retention-index.ts';
import type { ValueUnit } from './group-values.ts';

type Lineage = Extract<CacheTarget, { kind: 'lineage' }>;

/** Workloads whose learners `predict` can ask, latest first to go. */
const WORKLOAD_CAPACITY = 1024;
/** Sessions whose last caller is known, for intents. */
const CALLER_CAPACITY = 1024;
/** Agents of a session whose latest calls could be warmed up. */
const AGENTS_PER_SESSION = 8;
/** Sessions between two steps that are looked at per moment, those first that were looked at longest ago. */
const LOOKS_PER_MOMENT = 16;

export const cacheSage = definePolicy({
  name: 'cache-sage',
  summary: 'Evicts KV cache by survival: what each session is likely to use again, and when, learned online.',
  parameters: {
    value: { default: 'hits', choices: ['hits', 'milliseconds'], description: 'What is to be saved: blocks found in the cache, or milliseconds of prefill (late blocks of a prompt cost more).' },
    tolerance: { default: 0.05, minimum: 0, maximum: 1, description: 'Share of its idle time after which the forecast of a session is made anew; 0: everything is valued anew at each decision, to measure by.' },
    guard: { default: true, description: 'Two ghost caches watch whether survival or plain LRU saves more; the leader decides.' },
    prefetch: { default: false, description: 'Between the steps of a session, ask the engine to bring its history back from a lower tier in time, if that saves more than its room would save others.' },
    warmUps: { default: true, description: 'While an engine that offers it has nothing else to do, ask it to compute what a waiting session is likely to need next and has lost, if that saves more than what it displaces.' },
    demote: { default: false, description: 'Between the steps of a session, ask the engine to move its history to a lower tier, if its room would save others more than bringing it back costs.' },
  },
  decisions: ['retention'],
  observes: ['request-arrive', 'engine-load', 'intent-done'],
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
    const acts = parameters.prefetch || parameters.demote || parameters.warmUps;
    const workloads = new Set<WorkloadId>();
    /** The latest call of each agent of each session, the latest first. */
    const callers = new Map<SessionId, readonly Coordinate[]>();
    /** Sessions between two steps. */
    const waiting = new Set<SessionId>();
    /** Engines that would compute ahead of a call now, and how long that takes there. */
    const idle = new Map<ReplicaId, { readonly prefillScale: number }>();
    /** What was asked for since the session's last call: once is enough. */
    const asked = new Map<SessionId, Set<AgentId>>();
    const targetOf = ({ workload, session, agent }: Coordinate): Lineage => ({ kind: 'lineage', tenant, workload, session, agent });
    const forGap = (session: SessionId, atMs: number): Intent[] => {
      const by = callers.get(session)?.[0];
      const choice = by === undefined ? 'nothing' : index.chooseForGap(by, atMs);
      if (by === undefined || choice === 'nothing') return [];
      if (choice === 'bring-back') return parameters.prefetch ? [{ kind: 'prefetch', target: targetOf(by) }] : [];
      return parameters.demote ? [{ kind: 'demote', target: targetOf(by), tier: 'host' }] : [];
    };
    /** One at a time: what comes next is chosen when it is done. */
    const toWarmUp = (turn: readonly SessionId[], atMs: number): Intent[] => {
      const lineages = turn.flatMap((session) => (callers.get(session) ?? []).filter(({ agent }) => asked.get(session)?.has(agent) !== true));
      const by = index.chooseWarmUp(lineages, Math.max(...[...idle.values()].map(({ prefillScale }) => prefillScale)), atMs);
      if (by === undefined) return [];
      asked.set(by.session, (asked.get(by.session) ?? new Set()).add(by.agent));
      return [{ kind: 'prefetch', target: targetOf(by) }];
    };
    const arrived = (by: Coordinate): void => {
      const { session, workload } = by;
      workloads.delete(workload);
      workloads.add(workload);
      if (workloads.size > WORKLOAD_CAPACITY) workloads.delete(first(workloads));
      if (!acts) return;
      const others = (callers.get(session) ?? []).filter(({ agent }) => agent !== by.agent);
      callers.delete(session);
      callers.set(session, [by, ...others.slice(0, AGENTS_PER_SESSION - 1)]);
      forget(session);
      if (callers.size <= CALLER_CAPACITY) return;
      const oldest = first(callers.keys());
      callers.delete(oldest);
      forget(oldest);
    };
    const forget = (session: SessionId): void => {
      waiting.delete(session);
      asked.delete(session);
    };
    return {
      observe(event) {
        if (event.type === 'request-arrive') arrived(event.by);
        else if (event.type === 'engine-load') {
          if (event.warmsUp === undefined) idle.delete(event.replica);
          else idle.set(event.replica, event.warmsUp);
        } else if (event.type === 'intent-done' && event.intent.kind === 'prefetch' && event.intent.target.kind === 'lineage' && event.outcome.status === 'deferred') {
          // Nothing has been done: it may be asked for again.
          asked.get(event.intent.target.session)?.delete(event.intent.target.agent);
        }
      },
      score: { retention: index },
      snapshot: () => index.snapshot(),
      restore: (bytes) => index.restore(bytes),
      predict: (query) => ask(learners, tenant, workloads, query),
      act(moment): readonly Intent[] {
        if (!acts || moment.kind === 'tool-call-streamed') return [];
        const { atMs } = moment;
        if (moment.kind === 'step-end' && callers.has(moment.session)) waiting.add(moment.session);
        const turn = [...waiting].slice(0, LOOKS_PER_MOMENT);
        if (moment.kind === 'tick') {
          for (const session of turn) {
            waiting.delete(session);
            waiting.add(session);
          }
        }
        const tiered = !parameters.prefetch && !parameters.demote ? [] : moment.kind === 'step-end' ? [moment.session] : moment.kind === 'tick' ? turn : [];
        const intents = tiered.flatMap((session) => forGap(session, atMs));
        return parameters.warmUps && idle.size > 0 ? [...intents, ...toWarmUp(turn, atMs)] : intents;
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
