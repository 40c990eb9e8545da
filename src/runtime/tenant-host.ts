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

/** The policies of one tenant. Nothing is shared with another. */
export class TenantHost {
  openRequests = 0;
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
  }

  /** It may be dropped: no request is open and no engine holds anything of it. */
  get idle(): boolean { return this.openRequests === 0 && this.retention.size === 0; }

  drop(): void { for (const policy of this.observers) policy.drop(); }
}

/** Tenants with policies, the one used longest ago first. Bounded. */
export class TenantTable {
  readonly #hosts = new Map<TenantId, TenantHost>();
  readonly #maximum: number;
  readonly #create: (tenant: TenantId) => TenantHost;

  constructor(maximum: number, create: (tenant: TenantId) => TenantHost) {
    this.#maximum = Math.max(1, maximum);
    this.#create = create;
  }

  /** Undefined: the table is full of tenants at work. */
  of(tenant: TenantId): TenantHost | undefined {
    const known = this.#hosts.get(tenant);
    if (known !== undefined) {
      this.#hosts.delete(tenant);
      this.#hosts.set(tenant, known);
      return known;
    }
    if (this.#hosts.size >= this.#maximum) {
      const idle = [...this.#hosts.values()].find((host) => host.idle);
      if (idle === undefined) return undefined;
      idle.drop();
      this.#hosts.delete(idle.tenant);
    }
    const host = this.#create(tenant);
    this.#hosts.set(tenant, host);
    return host;
  }

  get(tenant: TenantId): TenantHost | undefined { return this.#hosts.get(tenant); }
  all(): readonly TenantHost[] { return [...this.#hosts.values()]; }
}
