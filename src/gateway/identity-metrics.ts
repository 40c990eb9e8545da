/** Where identity comes from, as counters: how much of the traffic says who it is, and how much is inferred. */
import { Counter, type Registry } from 'prom-client';
import type { Identity } from '../core/index.ts';

const FIELDS = ['workload', 'session', 'agent', 'parent'] as const;

export class IdentityMetrics {
  private readonly sources: Counter;
  private readonly dropped: Counter;
  private readonly conflicts: Counter;

  /** Sources are places of the vendor table and names of inferences: a bounded set. */
  constructor(registry: Registry) {
    const registers = [registry];
    this.sources = new Counter({ name: 'entresol_identity_total', help: 'Calls by the source of each identity field.', labelNames: ['field', 'source'], registers });
    this.dropped = new Counter({ name: 'entresol_identity_dropped_total', help: 'Identity values that were too long or not printable.', labelNames: ['source'], registers });
    this.conflicts = new Counter({ name: 'entresol_identity_conflicts_total', help: 'Calls in which sources disagreed on a field.', labelNames: ['field'], registers });
  }

  record(identity: Identity): void {
    for (const field of FIELDS) {
      const evidence = identity[field];
      if (evidence !== undefined) this.sources.inc({ field, source: evidence.source });
    }
    for (const source of identity.dropped) this.dropped.inc({ source });
    for (const field of new Set(identity.conflicts.map((conflict) => conflict.field))) this.conflicts.inc({ field });
  }
}
