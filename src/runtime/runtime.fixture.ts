/** What tests of the runtime are made of: a clock and timers in the test's hand, requests, a learner that knows nothing. */
import {
  agentId, instanceId, LOCAL_TENANT, replicaId, requestId, sessionId, workloadId, DEFAULT_WORKLOAD,
  type CallReport, type Clock, type Coordinate, type Intent, type IntentKind, type Learner, type LearnerSource, type Outcome, type ReplicaId, type RequestView, type TenantId, type WorkloadId,
} from '../core/index.ts';
import { WorkloadLearner } from '../learner/index.ts';
import type { EnginePort } from './engine-table.ts';
import type { RuntimeOptions } from './options.ts';
import { Runtime } from './runtime.ts';
import type { Timers } from './timers.ts';

export class NullLearner implements Learner {
  readonly seen: string[] = [];
  restored?: Uint8Array;
  readonly sessions = new WorkloadLearner().sessions;
  observe(event: { readonly type: string }): void { this.seen.push(event.type); }
  predict(): { readonly kind: 'unknown' } { return { kind: 'unknown' }; }
  snapshot(): Uint8Array { return new TextEncoder().encode(String(this.seen.length)); }
  restore(bytes: Uint8Array): void { this.restored = bytes; }
  learnedBytes(): number { return 0; }
}

export class NullLearners implements LearnerSource<NullLearner> {
  readonly made = new Map<string, NullLearner>();
  of(tenant: TenantId, workload: WorkloadId): NullLearner {
    const key = `${tenant}/${workload}`;
    let learner = this.made.get(key);
    if (learner === undefined) {
      learner = new NullLearner();
      this.made.set(key, learner);
    }
    return learner;
  }
}

/** Time passes when the test says so. */
export class ManualTime implements Clock, Timers {
  #nowMs = 1000;
  #due: { atMs: number; order: number; run: () => void; everyMs?: number }[] = [];
  #order = 0;

  nowMs(): number { return this.#nowMs; }
  after(delayMs: number, run: () => void): () => void { return this.#add(delayMs, run); }
  every(intervalMs: number, run: () => void): () => void { return this.#add(intervalMs, run, intervalMs); }
  soon(run: () => void): void { this.#add(0, run); }

  #add(delayMs: number, run: () => void, everyMs?: number): () => void {
    const timer = { atMs: this.#nowMs + delayMs, order: this.#order++, run, ...(everyMs === undefined ? {} : { everyMs }) };
    this.#due.push(timer);
    return () => { this.#due = this.#due.filter((other) => other !== timer); };
  }

  /** Lets `ms` pass; what is due runs in its order. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      this.#due.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
      const next = this.#due[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#due.shift();
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      if (next.everyMs !== undefined) this.#due.push({ ...next, atMs: next.atMs + next.everyMs, order: this.#order++ });
      next.run();
      await settled();
    }
    this.#nowMs = untilMs;
    await settled();
  }
}

/** Lets promises that are ready run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

export interface LogLine { readonly level: string; readonly message: string; readonly fields?: Record<string, unknown> }

export interface Bench {
  readonly runtime: Runtime;
  readonly time: ManualTime;
  readonly learners: NullLearners;
  readonly logs: LogLine[];
}

export function bench(options: Partial<RuntimeOptions> & Pick<RuntimeOptions, 'policies'>): Bench {
  const time = new ManualTime();
  const learners = new NullLearners();
  const logs: LogLine[] = [];
  const runtime = new Runtime({
    clock: time, timers: time, learners, stopwatch: () => 0,
    log: (level, message, fields) => logs.push({ level, message, ...(fields === undefined ? {} : { fields }) }),
    ...options,
  });
  return { runtime, time, learners, logs };
}

export function coordinate(over: { readonly tenant?: TenantId; readonly workload?: string; readonly session?: string; readonly agent?: string; readonly step?: number } = {}): Coordinate {
  const session = sessionId(over.session ?? 's1');
  const agent = over.agent ?? 'planner';
  return {
    tenant: over.tenant ?? LOCAL_TENANT, workload: over.workload === undefined ? DEFAULT_WORKLOAD : workloadId(over.workload), session,
    agent: agentId(agent), instance: instanceId(`${session}/${agent}`), step: over.step ?? 0,
  };
}

export function request(id: string, over: Partial<Omit<RequestView, 'id'>> = {}): RequestView {
  return {
    id: requestId(id), by: coordinate(), model: 'test', arrivedAtMs: 1000, promptTokens: 100, promptTokensExact: true, residentTokens: 0,
    tools: [], stream: false, final: false, ...over,
  };
}

export const report = (over: Partial<CallReport> = {}): CallReport => ({ status: 'ok', promptTokens: 100, cachedTokens: 60, outputTokens: 20, stop: 'stop', tools: [], ...over });

/** An engine that notes what it is asked and answers as told. */
export class RecordingEngine implements EnginePort {
  readonly performed: Intent[] = [];
  readonly replica: ReplicaId;
  readonly capabilities: EnginePort['capabilities'];
  readonly #answer: (intent: Intent) => Promise<Outcome>;

  constructor(name: string, intents: readonly IntentKind[], answer: (intent: Intent) => Promise<Outcome> = () => Promise.resolve({ status: 'accepted' })) {
    this.replica = replicaId(name);
    this.capabilities = { dialects: ['chat'], intents, retention: { mode: 'pull' }, cache: { capacityBlocks: 100, blockTokens: 16 }, ordersQueue: true, countsCachedTokens: true };
    this.#answer = answer;
  }

  perform(intent: Intent): Promise<Outcome> {
    this.performed.push(intent);
    return this.#answer(intent);
  }
}
