/** Where identity comes from, as counters: how much of the traffic says who it is, and how much is inferred. */
import type { Registry } from 'prom-client';
import { CoverageTally, type Coverage, type Identity, type TenantId } from '../core/index.ts';
import { TallyCounter } from '../telemetry/index.ts';

const FIELDS = ['workload', 'session', 'agent', 'parent'] as const;

export class IdentityMetrics {
  /** Tenants come from configured keys: there are few. */
  private readonly tallies = new Map<TenantId, CoverageTally>();
  private readonly sources: TallyCounter;
  private readonly dropped: TallyCounter;
  private readonly conflicts: TallyCounter;

  /** Sources are places of the vendor table and names of inferences: a bounded set. */
  constructor(registry: Registry) {
    this.sources = new TallyCounter('entresol_identity_total', 'Calls by the source of each identity field.', ['field', 'source'], registry);
    this.dropped = new TallyCounter('entresol_identity_dropped_total', 'Identity values that were too long or not printable.', ['source'], registry);
    this.conflicts = new TallyCounter('entresol_identity_conflicts_total', 'Calls in which sources disagreed on a field.', ['field'], registry);
  }

  /** How one tenant's calls have said who they are. */
  coverage(tenant: TenantId): Coverage { return this.tallyOf(tenant).report(); }

  private tallyOf(tenant: TenantId): CoverageTally {
    let tally = this.tallies.get(tenant);
    if (tally === undefined) {
      tally = new CoverageTally();
      this.tallies.set(tenant, tally);
    }
    return tally;
  }

  record(identity: Identity, tenant: TenantId): void {
    this.tallyOf(tenant).record(identity);
    for (const field of FIELDS) {
      const evidence = identity[field];
      if (evidence !== undefined) this.sources.inc(field, evidence.source);
    }
    for (const source of identity.dropped) this.dropped.inc(source);
    if (identity.conflicts.length === 0) return;
    for (const field of new Set(identity.conflicts.map((conflict) => conflict.field))) this.conflicts.inc(field);
  }
}
