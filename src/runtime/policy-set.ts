import { EntresolError, type PolicyMode, type TenantId } from '../core/index.ts';
import type { LogSink, Metrics } from '../telemetry/index.ts';
import type { Guard } from './guard.ts';
import { HostedPolicy, type HostedServices } from './hosted-policy.ts';
import type { PolicySetting } from './options.ts';
import { openLedgers, type PolicyLedger } from './policy-ledger.ts';
import { statusOf, type PolicyStatus } from './policy-status.ts';
import type { TenantHost } from './tenant-host.ts';

export interface PolicySetOptions {
  readonly settings: readonly PolicySetting[];
  readonly services: HostedServices;
  readonly guard: Guard;
  readonly metrics: Metrics;
  readonly overrunWindow: number;
  readonly log: LogSink;
}

/** The policies of a runtime, and what is known of each across tenants. They may be switched and replaced while it runs. */
export class PolicySet {
  readonly #options: PolicySetOptions;
  #settings: readonly PolicySetting[];
  #ledgers: Map<string, PolicyLedger>;
  #inOrder: readonly PolicyLedger[];

  /** @throws EntresolError `ENT_CONFIG_INVALID` on a policy named twice or a wrong parameter */
  constructor(options: PolicySetOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#ledgers = this.#open(options.settings);
    this.#inOrder = [...this.#ledgers.values()];
  }

  get ledgers(): readonly PolicyLedger[] { return this.#inOrder; }
  /** Whether any policy is on. */
  get acting(): boolean { return this.#inOrder.some((ledger) => ledger.mode === 'on'); }

  #open(settings: readonly PolicySetting[]): Map<string, PolicyLedger> {
    return openLedgers(settings, (policy) => this.#options.metrics.policyTime(policy), this.#options.overrunWindow);
  }

  host(ledger: PolicyLedger, tenant: TenantId, services: HostedServices = this.#options.services): HostedPolicy {
    return new HostedPolicy(ledger, tenant, services, this.#options.guard);
  }

  /** For a tenant that is new. */
  hostAll(tenant: TenantId): HostedPolicy[] {
    return [...this.#ledgers.values()].map((ledger) => this.host(ledger, tenant));
  }

  /**
   * Puts other settings in force. A policy whose setting has not changed goes on as it is, in the mode that it was
   * switched to; one that has changed starts with what it could snapshot.
   * @param hosts of all tenants
   * @throws EntresolError `ENT_CONFIG_INVALID`; then nothing has changed
   */
  configure(settings: readonly PolicySetting[], hosts: readonly TenantHost[]): void {
    const opened = this.#open(settings);
    const before = new Map(this.#settings.map((setting) => [setting.definition.name, setting]));
    for (const setting of settings) {
      const { name } = setting.definition;
      const earlier = before.get(name);
      const ledger = this.#ledgers.get(name);
      if (earlier === undefined || ledger === undefined || !samePolicy(earlier, setting)) continue;
      opened.set(name, ledger);
      if ((earlier.mode ?? 'on') !== (setting.mode ?? 'on')) ledger.setMode(setting.mode ?? 'on');
    }
    this.#settings = settings;
    this.#ledgers = opened;
    this.#inOrder = [...opened.values()];
    for (const host of hosts) {
      const ledgers = [...opened.values()];
      host.replacePolicies((policies, services) => {
        for (const policy of policies) if (!ledgers.includes(policy.ledger)) policy.drop();
        return ledgers.map((ledger) => policies.find((policy) => policy.ledger === ledger) ?? this.host(ledger, host.tenant, services));
      });
    }
  }

  /** State is measured on each call: for people and scrapes, not for the path of a request. */
  statuses(hosts: readonly TenantHost[]): PolicyStatus[] {
    return [...this.#ledgers.values()].map((ledger) => {
      let stateBytes = 0;
      for (const host of hosts) {
        for (const policy of host.observers) {
          if (policy.ledger !== ledger) continue;
          const { learned, working, ghosts } = policy.state();
          stateBytes += learned + working + ghosts;
        }
      }
      return statusOf(ledger, stateBytes);
    });
  }

  /** @throws EntresolError `ENT_POLICY_UNKNOWN` */
  setMode(policy: string, mode: PolicyMode, hosts: readonly TenantHost[]): void {
    const ledger = this.#ledgers.get(policy);
    if (ledger === undefined) throw new EntresolError('ENT_POLICY_UNKNOWN', `no policy here is called ${JSON.stringify(policy)}; there are: ${[...this.#ledgers.keys()].join(', ') || 'none'}.`);
    ledger.setMode(mode);
    this.#options.log('info', `policy ${policy} is now ${mode}`, { policy, mode });
    if (mode === 'off') for (const host of hosts) for (const hosted of host.observers) hosted.instance();
  }
}

function samePolicy(a: PolicySetting, b: PolicySetting): boolean {
  return a.definition === b.definition && a.failure === b.failure && JSON.stringify(a.parameters ?? {}) === JSON.stringify(b.parameters ?? {});
}
