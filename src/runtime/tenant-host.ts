import type { ReplicaId, TenantId } from '../core/index.ts';
import type { HostedPolicy, HostedServices } from './hosted-policy.ts';
import type { RetentionFanout } from './retention-fanout.ts';

/** What answers for a tenant's units in one engine. */
export interface HostedRetention {
  readonly fanout: RetentionFanout;
  /** Absent: the tenant's own policies serve it. Else instances of its own, made with these services. */
  readonly services?: HostedServices;
  policies: readonly HostedPolicy[];
}

export const retains = ({ ledger }: HostedPolicy): boolean => ledger.definition.decisions.includes('retention');

/**
 * The policies of one tenant. Nothing is shared with another. Asleep it has no instances: what engines hold of the
 * tenant is then kept by least recent use, in the same index, until the tenant's next call.
 */
export class TenantHost {
  openRequests = 0;
  #asleep = false;
  /** Retention by engine: the first engine is served by the tenant's own policies, each further one by instances of its own. */
  readonly retention = new Map<ReplicaId, HostedRetention>();
  #policies: readonly HostedPolicy[];

  constructor(readonly tenant: TenantId, policies: readonly HostedPolicy[]) {
    this.#policies = policies;
  }

  /** Those that answer decisions and act, in the order of configuration. */
  get policies(): readonly HostedPolicy[] { return this.#policies; }
  /** Those that are told events: with the instances that serve further engines. */
  get observers(): readonly HostedPolicy[] {
    if (this.retention.size < 2) return this.#policies;
    return [...this.#policies, ...[...this.retention.values()].flatMap(({ services, policies }) => (services === undefined ? [] : policies))];
  }

  /** @param replace answers the policies to have now, of those that there are and new ones made with `services` (absent: the tenant's) */
  replacePolicies(replace: (policies: readonly HostedPolicy[], services?: HostedServices) => readonly HostedPolicy[]): void {
    this.#policies = replace(this.#policies);
    for (const retention of this.retention.values()) {
      const { services } = retention;
      retention.policies = (services === undefined ? this.#policies : replace(retention.policies, services)).filter(retains);
      retention.fanout.setPolicies(retention.policies);
    }
    if (this.#asleep) this.sleep();
  }

  /** The engine is gone: what it held is forgotten, and the instances that served it alone are ended. */
  removeEngine(replica: ReplicaId): void {
    const gone = this.retention.get(replica);
    if (gone === undefined) return;
    gone.fanout.clear();
    this.retention.delete(replica);
    if (gone.services !== undefined) for (const policy of gone.policies) policy.drop();
  }

  get asleep(): boolean { return this.#asleep; }
  /** No engine has told of anything of the tenant that it has not forgotten since. */
  get knownToEngines(): boolean { return [...this.retention.values()].some(({ fanout }) => fanout.tree.size > 0); }

  sleep(): void {
    this.#asleep = true;
    for (const policy of this.observers) policy.sleep();
  }

  wake(): void {
    this.#asleep = false;
    for (const policy of this.observers) policy.wake();
  }
}

/**
 * Tenants with policies, the one used longest ago first. As many as the bound says are awake; beyond it the one that
 * has been without an open request for longest goes to sleep. Those asleep are bounded by what engines know of them.
 */
export class TenantTable {
  readonly #hosts = new Map<TenantId, TenantHost>();
  readonly #maximum: number;
  readonly #create: (tenant: TenantId) => TenantHost;
  #awake = 0;
  /** Used last: most calls tell a dozen events of one tenant in a row. */
  #latest: TenantHost | undefined;

  constructor(maximum: number, create: (tenant: TenantId) => TenantHost) {
    this.#maximum = Math.max(1, maximum);
    this.#create = create;
  }

  /** Awake, and used last from now on. Undefined: the table is full of tenants at work. */
  of(tenant: TenantId): TenantHost | undefined {
    if (this.#latest?.tenant === tenant && !this.#latest.asleep) return this.#latest;
    const known = this.#hosts.get(tenant);
    if (known?.asleep !== false && this.#awake >= this.#maximum && !this.#makeRoom()) return undefined;
    this.#hosts.delete(tenant);
    const host = known ?? this.#create(tenant);
    this.#hosts.set(tenant, host);
    if (known?.asleep !== false) this.#awake += 1;
    if (host.asleep) host.wake();
    this.#latest = host;
    return host;
  }

  /** As it is, asleep or not; undefined where there is none. */
  get(tenant: TenantId): TenantHost | undefined { return this.#hosts.get(tenant); }

  #makeRoom(): boolean {
    for (const host of this.#hosts.values()) {
      if (host.asleep) {
        if (!host.knownToEngines) this.#hosts.delete(host.tenant);
        continue;
      }
      if (host.openRequests > 0) continue;
      host.sleep();
      this.#awake -= 1;
      if (!host.knownToEngines) this.#hosts.delete(host.tenant);
      return true;
    }
    return false;
  }

  all(): readonly TenantHost[] { return [...this.#hosts.values()]; }
}
