import type { LearnerSource, TenantId, WorkloadId } from '../core/index.ts';
import { WorkloadLearner } from './workload-learner.ts';

export interface LearnerSourceOptions {
  /** Most learners kept; beyond it the one asked for longest ago is dropped. */
  readonly capacity?: number;
  /** Told before a learner is dropped, so that its snapshot can be kept. */
  readonly onDropped?: (tenant: TenantId, workload: WorkloadId, learner: WorkloadLearner) => void;
}

/** Learners by (tenant, workload), which they never share. */
export interface Learners extends LearnerSource<WorkloadLearner> {
  /** All that are kept, for snapshots. */
  all(): Iterable<{ readonly tenant: TenantId; readonly workload: WorkloadId; readonly learner: WorkloadLearner }>;
}

const DEFAULT_CAPACITY = 256;

export function createLearnerSource(options: LearnerSourceOptions = {}): Learners {
  const capacity = options.capacity ?? DEFAULT_CAPACITY;
  const entries = new Map<string, { readonly tenant: TenantId; readonly workload: WorkloadId; readonly learner: WorkloadLearner }>();
  let latest: { tenant: TenantId; workload: WorkloadId; learner: WorkloadLearner } | undefined;
  return {
    of(tenant, workload) {
      if (latest !== undefined && latest.workload === workload && latest.tenant === tenant) return latest.learner;
      const key = JSON.stringify([tenant, workload]);
      let entry = entries.get(key);
      if (entry === undefined) {
        if (entries.size >= capacity) {
          const [oldestKey, oldest] = entries.entries().next().value ?? [];
          if (oldestKey !== undefined && oldest !== undefined) {
            entries.delete(oldestKey);
            options.onDropped?.(oldest.tenant, oldest.workload, oldest.learner);
          }
        }
        entry = { tenant, workload, learner: new WorkloadLearner() };
      } else entries.delete(key);
      entries.set(key, entry);
      latest = entry;
      return entry.learner;
    },
    all: () => entries.values(),
  };
}
