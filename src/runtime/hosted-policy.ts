import type { CacheFacts, Clock, EngineEvent, EventType, LearnerSource, PolicyInstance, Random, StateBytes, TenantId } from '../core/index.ts';
import type { LogSink } from '../telemetry/index.ts';
import { messageOf, type Guard } from './guard.ts';
import type { PolicyLedger } from './policy-ledger.ts';

export interface HostedServices {
  readonly clock: Clock;
  readonly random: Random;
  readonly learners: LearnerSource;
  /** Facts of the cache that is steered, if there is one by now. */
  cache(): CacheFacts | undefined;
  /** How engines were last seen, for a policy that has not heard it. */
  engineEvents(): Iterable<EngineEvent>;
  /** The last saved state, given out once. */
  takeSnapshot(policy: string, tenant: TenantId): Uint8Array | undefined;
  keepSnapshot(policy: string, tenant: TenantId, bytes: Uint8Array): void;
  readonly log: LogSink;
}

/**
 * One policy for one tenant: made on first use, dropped while the policy is off or the tenant is asleep (its state is
 * kept). If `create` throws there is no instance: the policy counts as throwing in every decision.
 */
export class HostedPolicy {
  readonly ledger: PolicyLedger;
  readonly tenant: TenantId;
  readonly #services: HostedServices;
  readonly #guard: Guard;
  #instance?: PolicyInstance;
  #failed = false;
  #asleep = false;

  constructor(ledger: PolicyLedger, tenant: TenantId, services: HostedServices, guard: Guard) {
    this.ledger = ledger;
    this.tenant = tenant;
    this.#services = services;
    this.#guard = guard;
  }

  get name(): string { return this.ledger.name; }
  /** It could not be made. */
  get failed(): boolean { return this.#failed; }
  /** The instance if there is one now. */
  get current(): PolicyInstance | undefined { return this.#instance; }

  /** The instance, made if need be; undefined while the policy is off or asleep, or cannot be made. */
  instance(): PolicyInstance | undefined {
    if (this.#asleep || this.ledger.mode === 'off') {
      if (this.#instance !== undefined) this.drop();
      return undefined;
    }
    if (this.#instance !== undefined || this.#failed) return this.#instance;
    const { definition, parameters } = this.ledger;
    const cache = this.#services.cache();
    const made = this.#guard.call(this.ledger, undefined, 'create', () => definition.create({
      tenant: this.tenant, clock: this.#services.clock, random: this.#services.random, learners: this.#services.learners, parameters,
      ...(cache === undefined ? {} : { cache }),
    }));
    if (!made.ok) {
      this.#failed = true;
      return undefined;
    }
    this.#instance = made.value;
    this.#restore(made.value);
    this.#tellOfEngines(made.value);
    return made.value;
  }

  /** The instance where it wants to be told events of that type. */
  listener(type: EventType): PolicyInstance | undefined {
    const instance = this.instance();
    if (instance?.observe === undefined) return undefined;
    const { observes } = this.ledger.definition;
    return observes === undefined || observes.includes(type) ? instance : undefined;
  }

  #tellOfEngines(instance: PolicyInstance): void {
    if (instance.observe === undefined) return;
    const { observes } = this.ledger.definition;
    for (const event of this.#services.engineEvents()) if (observes === undefined || observes.includes(event.type)) this.#guard.bare(this.ledger, `observe ${event.type}`, () => instance.observe?.(event));
  }

  #restore(instance: PolicyInstance): void {
    if (instance.restore === undefined) return;
    const bytes = this.#services.takeSnapshot(this.name, this.tenant);
    if (bytes === undefined) return;
    try {
      instance.restore(bytes);
    } catch (error) {
      this.#services.log('warn', `the saved state of policy ${this.name} was refused; it starts afresh`, { policy: this.name, tenant: this.tenant, error: messageOf(error) });
    }
  }

  /** Bytes to save, or undefined if it has none. */
  snapshot(): Uint8Array | undefined {
    const instance = this.#instance;
    if (instance?.snapshot === undefined) return undefined;
    return this.#guard.bare(this.ledger, 'snapshot', () => instance.snapshot?.());
  }

  /** Ends the instance; what it knew is there again when it is next made. */
  drop(): void {
    const bytes = this.snapshot();
    if (bytes !== undefined) this.#services.keepSnapshot(this.name, this.tenant, bytes);
    this.#instance = undefined;
    this.#failed = false;
  }

  /** Ends the instance, and none is made until `wake`. */
  sleep(): void {
    this.drop();
    this.#asleep = true;
  }

  wake(): void { this.#asleep = false; }

  /** Bytes of state: the retention index's own count, else the size of the snapshot. */
  state(): StateBytes {
    const index = this.#instance?.score?.retention;
    const counted = index === undefined ? undefined : this.#guard.bare(this.ledger, 'stateBytes', () => index.stateBytes());
    if (counted !== undefined) return { learned: counted.learned, working: counted.working, ghosts: counted.ghosts };
    return { learned: index === undefined ? this.snapshot()?.byteLength ?? 0 : 0, working: 0, ghosts: 0 };
  }
}
