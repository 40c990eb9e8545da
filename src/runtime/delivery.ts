import type { AgentEvent, EngineEvent, Event, IntentDone, LearnerSource, TenantId } from '../core/index.ts';
import type { LogSink, Metrics } from '../telemetry/index.ts';
import { messageOf, type Guard } from './guard.ts';
import type { RequestRecord } from './request-record.ts';
import type { SavedState } from './saved-state.ts';
import type { TenantHost, TenantTable } from './tenant-host.ts';

/** @param tenant whom the event is about; engines serve all of them */
export type EventListener = (event: Event, tenant: TenantId | undefined) => void;

/** Brings events to the learner first, then to the policies of the tenant that they are about. */
export class Delivery {
  readonly #learners: LearnerSource;
  readonly #saved: SavedState;
  readonly #tenants: TenantTable;
  readonly #guard: Guard;
  readonly #metrics: Metrics;
  readonly #log: LogSink;
  readonly #listeners = new Set<EventListener>();
  #learnerFaults = 0;

  constructor(options: {
    readonly learners: LearnerSource; readonly saved: SavedState; readonly tenants: TenantTable;
    readonly guard: Guard; readonly metrics: Metrics; readonly log: LogSink;
  }) {
    this.#learners = options.learners;
    this.#saved = options.saved;
    this.#tenants = options.tenants;
    this.#guard = options.guard;
    this.#metrics = options.metrics;
    this.#log = options.log;
  }

  /** Told every event that is delivered, after the learner and the policies. @returns ends it */
  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #publish(event: Event, tenant: TenantId | undefined): void {
    for (const listener of this.#listeners) {
      try {
        listener(event, tenant);
      } catch (error) {
        this.#listeners.delete(listener);
        this.#log('error', 'a listener to events threw; it is told no more', { error: messageOf(error) });
      }
    }
  }

  /** @param record the request whose budget the policies' time counts against */
  agentEvent(event: AgentEvent, record?: RequestRecord): void {
    this.#learn(event);
    const host = this.#tenants.of(event.by.tenant);
    if (host === undefined) this.#metrics.eventIgnored('too-many-tenants');
    else this.#tell(host, event, record);
    this.#publish(event, event.by.tenant);
  }

  /** Engines serve all tenants. */
  engineEvent(event: EngineEvent): void {
    for (const host of this.#tenants.all()) this.#tell(host, event);
    this.#publish(event, undefined);
  }

  /** To the tenant whose policy wanted it, and to no other. */
  intentDone(event: IntentDone, host: TenantHost): void {
    this.#tell(host, event);
    this.#publish(event, host.tenant);
  }

  #tell(host: TenantHost, event: Event, record?: RequestRecord): void {
    let sinceUs = -1;
    for (const policy of host.observers) {
      // Time that it takes to make one is its own, and no part of an event's.
      if (policy.current === undefined) sinceUs = -1;
      const instance = policy.listener(event.type);
      if (instance === undefined) continue;
      if (sinceUs < 0) sinceUs = this.#guard.now();
      sinceUs = this.#guard.tell(policy.ledger, record, instance, event, sinceUs);
    }
  }

  #learn(event: AgentEvent): void {
    try {
      this.#saved.learner(this.#learners, event.by.tenant, event.by.workload).observe(event);
    } catch (error) {
      this.#learnerFaults += 1;
      this.#metrics.policyFault('learner');
      if ((this.#learnerFaults & (this.#learnerFaults - 1)) === 0) {
        this.#log('error', `the learner threw on ${event.type}`, { error: messageOf(error), faults: this.#learnerFaults, stack: error instanceof Error ? error.stack : undefined });
      }
    }
  }
}
