import type { ReplicaId, RetentionIndex } from '../core/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import type { DecisionLog } from './decision-log.ts';
import type { EngineTable } from './engine-table.ts';
import type { Guard } from './guard.ts';
import type { HostedServices } from './hosted-policy.ts';
import type { PolicySet } from './policy-set.ts';
import { RetentionFanout } from './retention-fanout.ts';
import { retains, type TenantHost } from './tenant-host.ts';

export interface RetentionTableOptions {
  readonly engines: EngineTable;
  readonly policies: PolicySet;
  readonly services: HostedServices;
  readonly guard: Guard;
  readonly log: DecisionLog;
  readonly metrics: Metrics;
  readonly decisionsPerRequest: number;
}

/** Makes the retention indices of tenants, one per engine. */
export class RetentionTable {
  readonly #options: RetentionTableOptions;

  constructor(options: RetentionTableOptions) {
    this.#options = options;
  }

  /** Undefined if no policy retains, or the engine was taken away: it may still ask while it ends what it had begun. */
  of(host: TenantHost, replica: ReplicaId): RetentionIndex | undefined {
    const known = host.retention.get(replica);
    if (known !== undefined) return known.fanout;
    const { engines, policies: set, guard, log, metrics, decisionsPerRequest } = this.#options;
    if (host.asleep || engines.removed(replica)) return undefined;
    let policies = host.policies.filter(retains);
    if (policies.length === 0) return undefined;
    let services: HostedServices | undefined;
    if (host.retention.size > 0) {
      const cache = engines.get(replica)?.capabilities.cache;
      services = { ...this.#options.services, cache: () => cache, takeSnapshot: () => undefined, keepSnapshot: () => {} };
      policies = policies.map(({ ledger }) => set.host(ledger, host.tenant, services));
    }
    const fanout = new RetentionFanout({
      policies, guard, recordOf: (by) => log.latestOf(by),
      scored: (record, scores, nowMs) => {
        const result = scores === undefined ? 'nothing to keep: shorter than a unit of the cache' : `kept by ${fanout.inForce() ?? 'least recent use'}`;
        metrics.decided('retention', result);
        record.decide({
          decision: 'retention', atMs: nowMs, result,
          policies: (scores ?? []).map(({ policy, value, us }) => ({ policy: policy.name, mode: policy.ledger.mode, answer: { value }, us })),
        }, decisionsPerRequest);
      },
    });
    host.retention.set(replica, { fanout, policies, ...(services === undefined ? {} : { services }) });
    return fanout;
  }
}
