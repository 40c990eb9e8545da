import {
  DEFAULT_ORDER_RULE, EntresolError, seededRandom,
  type AdmissionVerdict, type CallReport, type CallSignal, type Clock, type Coordinate, type EngineHost, type Event, type Forecast, type Identity, type Moment, type PolicyMode, type Query,
  type Replica, type ReplicaId, type RequestEnd, type RequestId, type RequestView, type RetentionIndex, type SessionId, type TenantId, type ToolCallStreamed, type ToolCallVerdict, type ToolCallView, type WorkloadId,
} from '../core/index.ts';
import { createLogger, logSink, Metrics, type AgentAccount, type LogSink } from '../telemetry/index.ts';
import { DecisionLog } from './decision-log.ts';
import { Decisions } from './decisions.ts';
import { Delivery, type EventListener } from './delivery.ts';
import { EngineTable, type EnginePort } from './engine-table.ts';
import { EngineTroubles } from './engine-troubles.ts';
import { explanationOf, type Explanation } from './explanation.ts';
import { Guard } from './guard.ts';
import { Holds, type AdmissionAnswer } from './holds.ts';
import type { HostedServices } from './hosted-policy.ts';
import { IntentDispatcher } from './intents.ts';
import { isAgentEvent, Lifecycle } from './lifecycle.ts';
import { DEFAULT_LIMITS, type PolicySetting, type RuntimeLimits, type RuntimeOptions } from './options.ts';
import { orderAcrossTenants } from './order-tenants.ts';
import { PolicySet } from './policy-set.ts';
import type { PolicyStatus } from './policy-status.ts';
import type { IntentRecord, RequestRecord } from './request-record.ts';
import { RetentionTable } from './retention-table.ts';
import { SavedState } from './saved-state.ts';
import { SessionTable, type Session } from './sessions.ts';
import { TenantHost, TenantTable } from './tenant-host.ts';
import { stateOfPolicies, type TenantState } from './tenant-state.ts';
import { processClock, processStopwatch, processTimers, type Cancel, type Timers } from './timers.ts';
import { wellFormedIntent } from './well-formed.ts';

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

const NOTHING_DONE: Promise<readonly IntentRecord[]> = Promise.resolve([]);
const TOO_MANY_TENANTS = { code: 'ENT_OVERLOADED', why: 'more tenants are at work than the runtime has room for' } as const;

/**
 * Hosts policies, per tenant, on the four primitives: it tells them what happens (`observe`), asks them in decisions
 * and combines the answers (`admission`, `toolCall`, `order`, `placement`, `retention`), forecasts (`predict`), and has
 * done what they want (`act`). The course of a request: `arrive`, `admit`, `placement`, `observe` of what happens,
 * `finish`. `explain` tells all of it again.
 */
export class Runtime {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly limits: RuntimeLimits;
  readonly #options: RuntimeOptions;
  readonly #timers: Timers;
  readonly #logSink: LogSink;
  readonly #policies: PolicySet;
  readonly #retention: RetentionTable;
  readonly #guard: Guard;
  readonly #engines = new EngineTable();
  readonly #troubles: EngineTroubles;
  readonly #sessions: SessionTable;
  readonly #tenants: TenantTable;
  readonly #log: DecisionLog;
  readonly #saved: SavedState;
  readonly #delivery: Delivery;
  readonly #lifecycle: Lifecycle;
  readonly #decisions: Decisions;
  readonly #holds: Holds;
  readonly #intents: IntentDispatcher;
  readonly #services: HostedServices;
  readonly #idleReplicas = new Set<ReplicaId>();
  /** Calls that have ended in this turn of the event loop. */
  #justEnded: RequestRecord[] = [];
  readonly #cancels: Cancel[] = [];
  #closed = false;

  /** @throws EntresolError `ENT_CONFIG_INVALID` on a policy named twice or a wrong parameter */
  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.clock = options.clock ?? processClock;
    this.metrics = options.metrics ?? new Metrics();
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#timers = options.timers ?? processTimers;
    this.#logSink = options.log ?? logSink(createLogger());
    const { limits, metrics } = this;
    const log = this.#logSink;
    this.#troubles = new EngineTroubles(this.clock, metrics, log);
    const orderRule = options.orderRule ?? DEFAULT_ORDER_RULE;
    this.#guard = new Guard({ stopwatch: options.stopwatch ?? processStopwatch, limits, log, metrics });
    this.#sessions = new SessionTable({ maximum: limits.sessions, idleMs: limits.sessionIdleMs });
    this.#log = new DecisionLog(limits.recentRequests);
    this.#saved = new SavedState({ ...(options.state === undefined ? {} : { store: options.state }), log, maximumLearners: limits.learners });
    this.#tenants = new TenantTable(limits.tenants, (tenant) => new TenantHost(tenant, this.#policies.hostAll(tenant)));
    this.#services = {
      clock: this.clock, random: options.random ?? seededRandom(1), learners: options.learners, log,
      cache: () => this.#engines.firstCache(), engineEvents: () => this.#engines.latest(),
      takeSnapshot: (policy, tenant) => this.#saved.takePolicy(policy, tenant),
      keepSnapshot: (policy, tenant, bytes) => this.#saved.keepPolicy(policy, tenant, bytes),
    };
    this.#policies = new PolicySet({ settings: options.policies, services: this.#services, guard: this.#guard, metrics, overrunWindow: limits.overrunWindow, log });
    this.#retention = new RetentionTable({ engines: this.#engines, policies: this.#policies, services: this.#services, guard: this.#guard, log: this.#log, metrics, decisionsPerRequest: limits.decisionsPerRequest });
    this.#delivery = new Delivery({ learners: options.learners, saved: this.#saved, tenants: this.#tenants, guard: this.#guard, metrics, log });
    this.#lifecycle = new Lifecycle({
      sessions: this.#sessions, tenants: this.#tenants, log: this.#log, delivery: this.#delivery, metrics,
      maximumOpenRequests: limits.openRequests, ended: (record) => this.#requestEnded(record), sessionEnded: (by) => this.#engines.sessionEnded(by),
    });
    this.#decisions = new Decisions({ guard: this.#guard, metrics, orderRule, decisionsPerRequest: limits.decisionsPerRequest });
    this.#holds = new Holds({
      clock: this.clock, timers: this.#timers, maximum: limits.heldRequests, maximumHoldMs: limits.maximumHoldMs,
      ask: (request, again) => this.#askAdmission(request, again), order: (waiting) => this.order(waiting), count: (held) => metrics.heldRequests(held),
    });
    this.#intents = new IntentDispatcher({
      engines: this.#engines, sessions: this.#sessions, log: this.#log, clock: this.clock, timers: this.#timers, metrics, logSink: log,
      timeoutMs: limits.intentTimeoutMs, intentsPerRequest: limits.intentsPerRequest, done: (event, tenant) => this.#delivery.intentDone(event, tenant),
    });
  }

  /** Reads saved state and starts the timers (ticks, idle sessions, saves). Without it the runtime works on what it is told alone. */
  async start(): Promise<void> {
    await this.#saved.load();
    this.#cancels.push(this.#timers.every(this.limits.tickMs, () => this.#tick()));
    if (this.#options.state !== undefined) this.#cancels.push(this.#timers.every(this.limits.saveIntervalMs, () => void this.save()));
  }

  #tick(): void {
    const atMs = this.clock.nowMs();
    this.#lifecycle.sweep(atMs);
    void this.act({ kind: 'tick', atMs });
  }

  // Engines

  /** Makes an engine known, so that intents reach it; the host is what its `start` wants. */
  registerEngine(engine: EnginePort): EngineHost {
    this.#engines.add(engine);
    return this.host(engine.replica);
  }

  /** The engine is gone, and what it held with it. */
  removeEngine(replica: ReplicaId): void {
    this.#engines.remove(replica);
    this.metrics.engineGone(replica);
    for (const host of this.#tenants.all()) host.removeEngine(replica);
  }

  /** Beyond what an engine tells itself: something in an answer that it passed on. */
  engineTrouble(replica: ReplicaId, kind: string): void { this.#troubles.count(replica, kind, undefined); }
  /** What an engine's server sent that it should not have: how often, by kind. */
  engineTroubles(replica: ReplicaId): Readonly<Record<string, number>> { return this.#troubles.of(replica); }

  /** What the runtime offers the engine of that name. */
  host(replica: ReplicaId): EngineHost {
    return {
      clock: this.clock,
      emit: (event) => this.observe(event),
      order: (waiting) => this.order(waiting),
      retention: (tenant) => this.retention(tenant, replica),
      log: (level, message, fields) => this.#logSink(level, message, { replica, ...fields }),
      trouble: (kind, detail) => this.#troubles.count(replica, kind, detail),
      warmedUp: (outcome, computedTokens) => this.metrics.warmedUp(outcome, computedTokens),
    };
  }

  // observe

  /** Makes a call known. It stays open until `finish`, or a `request-end` that is observed. */
  arrive(request: RequestView, facts: { readonly identity?: Identity; readonly warmup?: boolean } = {}): void {
    const { id, by, model, promptTokens } = request;
    const event = { type: 'request-arrive' as const, atMs: request.arrivedAtMs, by, request: id, model, promptTokens, warmup: facts.warmup ?? false };
    this.#lifecycle.observe(request.final ? { ...event, final: true } : event);
    const record = this.#log.get(request.id);
    if (record !== undefined && facts.identity !== undefined) record.identity = facts.identity;
  }

  /** Ends a call with what the engine reported. A second end is ignored. @param facts when it ended, if not now */
  finish(request: RequestId, report: CallReport, facts: { readonly ttftMs?: number; readonly endedAtMs?: number } = {}): void {
    const record = this.#log.get(request);
    if (record === undefined || record.end !== undefined) {
      this.metrics.eventIgnored('duplicate-end');
      return;
    }
    if (report.notes !== undefined) record.note(report.notes);
    if (report.queueMs !== undefined) record.queueMs = report.queueMs;
    if (report.prefillMs !== undefined) record.prefillMs = report.prefillMs;
    const end: Mutable<RequestEnd> = {
      type: 'request-end', atMs: facts.endedAtMs ?? this.clock.nowMs(), by: record.by, request, status: report.status, promptTokens: report.promptTokens,
      cachedTokens: report.cachedTokens, outputTokens: report.outputTokens, tools: report.tools, warmup: record.warmup,
    };
    if (facts.ttftMs !== undefined) end.ttftMs = facts.ttftMs;
    if (report.cacheWrites !== undefined) end.cacheWrites = report.cacheWrites;
    if (report.stop !== undefined) end.stop = report.stop;
    if (report.outputHash !== undefined) end.outputHash = report.outputHash;
    this.#lifecycle.observe(end);
  }

  /** Adds what an engine did for a request, in words, to its explanation. */
  note(request: RequestId, notes: readonly string[]): void {
    this.#log.get(request)?.note(notes);
  }

  /** Tells the learner, then the policies. Sessions start and end by themselves; ends that do not fit are dropped and counted. */
  observe(event: Event): void {
    if (isAgentEvent(event)) {
      this.#lifecycle.observe(event);
      if (event.type === 'tool-call-streamed') this.#toolCallStreamed(event);
    } else if (event.type === 'intent-done') this.metrics.eventIgnored('foreign-intent-done');
    else {
      this.#delivery.engineEvent(event);
      this.#engines.observe(event);
      if (event.type === 'engine-up' || event.type === 'engine-down') this.metrics.engineUp(event.replica, event.type === 'engine-up');
      if (event.type !== 'engine-load') return;
      this.metrics.engineLoad(event);
      const idle = event.runningRequests === 0 && event.waitingRequests === 0;
      if (!idle) this.#idleReplicas.delete(event.replica);
      else if (!this.#idleReplicas.has(event.replica)) {
        this.#idleReplicas.add(event.replica);
        this.#timers.soon(() => void this.act({ kind: 'engine-idle', atMs: this.clock.nowMs(), replica: event.replica }));
      }
    }
  }

  #toolCallStreamed(event: ToolCallStreamed): void {
    const moment: Moment = { kind: 'tool-call-streamed', atMs: event.atMs, session: event.by.session, toolCall: event.toolCall };
    this.#timers.soon(() => void this.#actFor(this.#tenants.get(event.by.tenant), moment, this.#log.get(event.request)));
  }

  /** Everything that is delivered to policies, after them, with the tenant that it is about (engine events have none): for event streams and tests. @returns ends it */
  subscribe(listener: EventListener): () => void { return this.#delivery.subscribe(listener); }

  #requestEnded(record: RequestRecord): void {
    this.#guard.settle(record, this.#policies.ledgers);
    if (this.#closed) return;
    this.#justEnded.push(record);
    if (this.#justEnded.length === 1) this.#timers.soon(() => this.#afterEnds());
  }

  /** Off the path of the calls that have ended: whoever is held is asked again, and policies may act. */
  #afterEnds(): void {
    const ended = this.#justEnded;
    this.#justEnded = [];
    this.#holds.wake();
    const atMs = this.clock.nowMs();
    for (const record of ended) {
      if (!record.warmup) void this.#actFor(this.#tenants.get(record.by.tenant), { kind: 'step-end', atMs, session: record.by.session }, record);
    }
  }

  // score

  /** One answer, now. Whoever gets `hold` asks again; `admit` does so by itself. */
  admission(request: RequestView): AdmissionVerdict {
    return this.#askAdmission(request, false);
  }

  #askAdmission(request: RequestView, again: boolean): AdmissionVerdict {
    const host = this.#tenants.of(request.by.tenant);
    if (host === undefined) return { kind: 'reject', ...TOO_MANY_TENANTS };
    const nowMs = this.clock.nowMs();
    const verdict = this.#decisions.admission(host.policies, request, this.#log.get(request.id), nowMs, again);
    if (verdict.kind === 'allow') this.#lifecycle.admit(request.id, nowMs);
    return verdict;
  }

  /**
   * Resolves when admission lets the request go or rejects it; while it is held it waits.
   * @throws EntresolError `ENT_CANCELLED` when `signal` aborts, `ENT_DRAINING` when the runtime closes
   */
  async admit(request: RequestView, signal?: CallSignal): Promise<AdmissionAnswer> {
    return this.admitOrHold(request, signal);
  }

  /** As `admit`, with no wait where nothing is held. */
  admitOrHold(request: RequestView, signal?: CallSignal): AdmissionAnswer | Promise<AdmissionAnswer> {
    if (this.#closed) throw new EntresolError('ENT_DRAINING', 'the server is shutting down.');
    return this.#holds.admit(request, signal);
  }

  toolCall(call: ToolCallView): ToolCallVerdict {
    const host = this.#tenants.of(call.by.tenant);
    if (host === undefined) return { kind: 'deny', ...TOO_MANY_TENANTS };
    return this.#decisions.toolCall(host.policies, call, this.#log.latestOf(call.by), this.clock.nowMs());
  }

  /** Indices of `waiting`, best first; undefined if no policy that is on orders. */
  order(waiting: readonly RequestView[]): readonly number[] | undefined {
    if (waiting.length === 0) return undefined;
    const nowMs = this.clock.nowMs();
    return orderAcrossTenants(waiting, (tenant, requests) => {
      const host = this.#tenants.of(tenant);
      return host === undefined ? undefined : this.#decisions.order(host.policies, requests, (request) => this.#log.get(request.id), nowMs);
    });
  }

  /** Indices of `replicas`, best first, without those that are ruled out or unhealthy; undefined if no policy that is on places. */
  placement(request: RequestView, replicas: readonly Replica[]): readonly number[] | undefined {
    const host = this.#tenants.of(request.by.tenant);
    return host === undefined ? undefined : this.#decisions.placement(host.policies, request, replicas, this.#log.get(request.id), this.clock.nowMs());
  }

  /**
   * The index for a tenant's units in an engine: the same object for good, whatever modes policies have; with none in
   * force it answers by least recent use. Undefined if no policy here retains: then the engine's own rule holds.
   */
  retention(tenant: TenantId, replica: ReplicaId): RetentionIndex | undefined {
    // Engines ask for what they hold of tenants that have long had no call: that wakes none of them.
    const host = this.#tenants.get(tenant) ?? this.#tenants.of(tenant);
    return host === undefined ? undefined : this.#retention.of(host, replica);
  }

  // predict

  /** By the first policy that is on and knows, else by the shared learner. */
  predict(tenant: TenantId, workload: WorkloadId, query: Query): Forecast {
    for (const policy of this.#tenants.of(tenant)?.policies ?? []) {
      const instance = policy.ledger.mode === 'on' ? policy.instance() : undefined;
      if (instance?.predict === undefined) continue;
      const forecast = this.#guard.call(policy.ledger, undefined, 'predict', () => instance.predict?.(query));
      if (forecast.ok && forecast.value !== undefined && forecast.value.kind !== 'unknown') return forecast.value;
    }
    return this.#saved.learner(this.#options.learners, tenant, workload).predict(query);
  }

  // act

  /** Asks every policy what it wants now and has it done. Resolves when every intent has its outcome. */
  async act(moment: Moment, tenant?: TenantId): Promise<readonly IntentRecord[]> {
    const hosts = tenant === undefined ? this.#tenants.all() : [this.#tenants.of(tenant)];
    return (await Promise.all(hosts.map((host) => this.#actFor(host, moment, undefined)))).flat();
  }

  #actFor(host: TenantHost | undefined, moment: Moment, record: RequestRecord | undefined): Promise<readonly IntentRecord[]> {
    if (host === undefined || this.#closed) return NOTHING_DONE;
    let work: Promise<IntentRecord>[] | undefined;
    for (const policy of host.policies) {
      const instance = policy.instance();
      if (instance?.act === undefined) continue;
      const wanted = this.#guard.call(policy.ledger, undefined, `act ${moment.kind}`, () => [...(instance.act?.(moment) ?? [])].map(wellFormedIntent));
      if (!wanted.ok) continue;
      if (wanted.value.length > this.limits.intentsPerMoment) {
        this.#guard.fault(policy.ledger, undefined, 'act', new RangeError(`${wanted.value.length} intents at one moment; the bound is ${this.limits.intentsPerMoment}`));
      }
      for (const intent of wanted.value.slice(0, this.limits.intentsPerMoment)) (work ??= []).push(this.#intents.dispatch(intent, policy, host, record));
    }
    return work === undefined ? NOTHING_DONE : Promise.all(work);
  }

  // What can be read and switched

  /** @throws EntresolError `ENT_UNKNOWN_REQUEST`, also for a request of another tenant than `tenant` */
  explain(request: RequestId, tenant?: TenantId): Explanation {
    return explanationOf(this.#log.find(request, tenant), this.limits.budgetUs);
  }

  /** Every recent request of the tenant that has ended by the time of the first one read, in the order of arrival: its decision log. */
  * explainAll(tenant: TenantId): Generator<Explanation> {
    for (const record of this.#log.ended(tenant)) yield explanationOf(record, this.limits.budgetUs);
  }

  /** Whether any policy is on. */
  get acting(): boolean { return this.#policies.acting; }

  policies(): PolicyStatus[] { return this.#policies.statuses(this.#tenants.all()); }

  /** Takes effect at the next call. A policy that is off forgets nothing that it can snapshot. @throws EntresolError `ENT_POLICY_UNKNOWN` */
  setMode(policy: string, mode: PolicyMode): void {
    this.#policies.setMode(policy, mode, this.#tenants.all());
    this.#holds.wake();
  }

  /** Other policies, parameters or modes, from the next decision on. @throws EntresolError `ENT_CONFIG_INVALID`; then nothing has changed */
  configure(policies: readonly PolicySetting[]): void {
    this.#policies.configure(policies, this.#tenants.all());
    this.#holds.wake();
  }

  /** Calls, tokens and TTFT per agent of a tenant, heaviest first. */
  agents(tenant: TenantId): AgentAccount[] { return this.metrics.agents(tenant); }
  sessions(tenant: TenantId): Session[] { return this.#sessions.ofTenant(tenant); }
  /** The latest session of that name, of whatever workload. */
  session(tenant: TenantId, session: SessionId): Session | undefined { return this.#sessions.named(tenant, session); }
  /** The `step` of the session's next call. */
  nextStep(by: Pick<Coordinate, 'tenant' | 'workload' | 'session'>): number { return this.#sessions.get(by)?.calls ?? 0; }
  get openRequests(): number { return this.#lifecycle.openRequests; }
  get heldRequests(): number { return this.#holds.size; }

  // State

  /** How much is kept in mind of a tenant. Measured on each call: for people, not for the path of a request. */
  state(tenant: TenantId): TenantState {
    return { saved: this.#saved.isSaved, liveSessions: this.#sessions.ofTenant(tenant).length, workloads: this.#saved.workloadsOf(tenant), ...stateOfPolicies(this.#tenants.get(tenant)) };
  }

  /** Writes learners and policies to the state store. */
  save(): Promise<void> {
    return this.#saved.save(() => this.#tenants.all().flatMap((host) => host.policies));
  }

  /** Fails what is held, ends what is open as cancelled, saves. The store stays the caller's. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const cancel of this.#cancels) cancel();
    this.#holds.close();
    this.#lifecycle.closeAll('cancelled', this.clock.nowMs());
    await this.save();
  }
}
