import { definePolicy, type CacheTarget, type Coordinate, type EngineLoad, type Intent, type LearnerSource, type Outcome, type Query, type ReplicaId, type SessionId, type TenantId, type WorkloadId } from '../../core/index.ts';
import type { ValueUnit } from './group-values.ts';
import { SageIndex } from './retention-index.ts';
import { WaitingSessions } from './waiting-sessions.ts';

type Lineage = Extract<CacheTarget, { kind: 'lineage' }>;
type WarmsUp = NonNullable<EngineLoad['warmsUp']>;

/** It may be asked for again. */
const NOTHING_DONE: ReadonlySet<Outcome['status']> = new Set(['deferred', 'unsupported']);

/** Workloads whose learners `predict` can ask, latest first to go. */
const WORKLOAD_CAPACITY = 1024;
/** Sessions between two steps that are looked at per moment. */
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
  observes: ['request-arrive', 'request-dispatch', 'session-end', 'engine-load', 'engine-down', 'intent-done'],
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
    const sessions = new WaitingSessions();
    /** Engines that would compute ahead of a call now. */
    const idle = new Map<ReplicaId, WarmsUp>();
    const targetOf = ({ workload, session, agent }: Coordinate): Lineage => ({ kind: 'lineage', tenant, workload, session, agent });
    const forGap = (session: SessionId, atMs: number): Intent[] => {
      const by = sessions.latestCaller(session);
      const choice = by === undefined ? 'nothing' : index.chooseForGap(by, atMs);
      if (by === undefined || choice === 'nothing') return [];
      if (choice === 'bring-back') return parameters.prefetch ? [{ kind: 'prefetch', target: targetOf(by) }] : [];
      return parameters.demote ? [{ kind: 'demote', target: targetOf(by), tier: 'host' }] : [];
    };
    /** One at a time: what comes next is chosen when it is done. Only what would be computed where the session runs, and only while that is idle. */
    const toWarmUp = (turn: readonly SessionId[], atMs: number): Intent[] => {
      const [anywhere] = idle.values();
      const by = index.chooseWarmUp(turn.flatMap((session) => {
        const replica = sessions.replicaOf(session);
        const there = replica === undefined ? anywhere : idle.get(replica);
        return there === undefined ? [] : sessions.notAsked(session).map((each) => ({ by: each, ...there }));
      }), atMs);
      if (by === undefined) return [];
      sessions.asked(by);
      return [{ kind: 'prefetch', target: targetOf(by) }];
    };
    const arrived = (by: Coordinate): void => {
      const { workload } = by;
      workloads.delete(workload);
      workloads.add(workload);
      if (workloads.size > WORKLOAD_CAPACITY) workloads.delete(first(workloads));
      if (acts) sessions.called(by);
    };
    const engineTold = (event: EngineLoad): void => {
      if (event.warmsUp === undefined) idle.delete(event.replica);
      else idle.set(event.replica, event.warmsUp);
    };
    return {
      observe(event) {
        if (event.type === 'request-arrive') arrived(event.by);
        else if (event.type === 'request-dispatch') sessions.dispatched(event.by, event.replica);
        else if (event.type === 'session-end') sessions.ended(event.by);
        else if (event.type === 'engine-load') engineTold(event);
        else if (event.type === 'engine-down') idle.delete(event.replica);
        else if (event.type === 'intent-done' && event.intent.kind === 'prefetch' && event.intent.target.kind === 'lineage' && NOTHING_DONE.has(event.outcome.status)) {
          sessions.askAgain(event.intent.target);
        }
      },
      score: { retention: index },
      snapshot: () => index.snapshot(),
      restore: (bytes) => index.restore(bytes),
      predict: (query) => ask(learners, tenant, workloads, query),
      act(moment): readonly Intent[] {
        if (!acts || moment.kind === 'tool-call-streamed') return [];
        const { atMs } = moment;
        const ended = moment.kind === 'step-end' ? moment.session : undefined;
        if (ended !== undefined) sessions.waits(ended);
        const tiers = parameters.prefetch || parameters.demote;
        const warms = parameters.warmUps && idle.size > 0;
        const turn = warms || (tiers && moment.kind === 'tick') ? sessions.turn(LOOKS_PER_MOMENT, (by) => index.isLive(by)) : [];
        const intents = !tiers ? [] : (ended !== undefined ? [ended] : moment.kind === 'tick' ? turn : []).flatMap((session) => forGap(session, atMs));
        return warms ? [...intents, ...toWarmUp(turn, atMs)] : intents;
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
