import type { AgentEvent, EngineEvent, Event, IntentDone, LearnerSource } from '../core/index.ts';
import type { LogSink, Metrics } from '../telemetry/index.ts';
import { messageOf, type Guard } from './guard.ts';
import type { RequestRecord } from './request-record.ts';
import type { SavedState } from './saved-state.ts';
import type { TenantHost, TenantTable } from './tenant-host.ts';

/** Brings events to the learner first, then to the policies of the tenant that they are about. */
export class Delivery {
  readonly #learners: LearnerSource;
  readonly #saved: SavedState;
  readonly #tenants: TenantTable;
  readonly #guard: Guard;
  readonly #metrics: Metrics;
  readonly #log: LogSink;
  readonly #listeners = new Set<(event: Event) => void>();
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
  subscribe(listener: (event: Event) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #publish(event: Event): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** @param record the request whose budget the policies' time counts against */
  agentEvent(event: AgentEvent, record?: RequestRecord): void {
    this.#learn(event);
    const host = this.#tenants.of(event.by.tenant);
    if (host === undefined) this.#metrics.eventIgnored('too-many-tenants');
    else this.#tell(host, event, record);
    this.#publish(event);
  }

  /** Engines serve all tenants. */
  engineEvent(event: EngineEvent): void {
    for (const host of this.#tenants.all()) this.#tell(host, event);
    this.#publish(event);
  }

  /** To the tenant whose policy wanted it, and to no other. */
  intentDone(event: IntentDone, host: TenantHost): void {
    this.#tell(host, event);
    this.#publish(event);
  }

  #tell(host: TenantHost, event: Event, record?: RequestRecord): void {
    for (const policy of host.observers) {
      const instance = policy.instance();
      if (instance?.observe !== undefined) this.#guard.call(policy.ledger, record, `observe ${event.type}`, () => instance.observe?.(event));
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
