import type { ReplicaId, StateBytes, WorkloadId } from '../core/index.ts';
import type { TenantHost } from './tenant-host.ts';

/** `GET /entresol/v1/state`: what is kept in mind of one tenant, in bytes. Never what it is. */
export interface TenantState {
  /** Whether it is written to a store, and there again after a restart. */
  readonly saved: boolean;
  readonly liveSessions: number;
  /** What the learner knows of each workload, as snapshotted. */
  readonly workloads: readonly { readonly workload: WorkloadId; readonly learnedBytes: number }[];
  /** `replica`: of an engine beyond the first, which has an instance of the policy for itself. */
  readonly policies: readonly ({ readonly policy: string; readonly replica?: ReplicaId } & StateBytes)[];
  /** Which of its blocks each engine holds. */
  readonly engines: readonly { readonly replica: ReplicaId; readonly residentBytes: number }[];
}

export function stateOfPolicies(host: TenantHost | undefined): Pick<TenantState, 'policies' | 'engines'> {
  if (host === undefined) return { policies: [], engines: [] };
  const retention = [...host.retention];
  return {
    policies: [
      ...host.policies.map((policy) => ({ policy: policy.name, ...policy.state() })),
      ...retention.flatMap(([replica, { services, policies }]) => (services === undefined ? [] : policies.map((policy) => ({ policy: policy.name, replica, ...policy.state() })))),
    ],
    engines: retention.map(([replica, { fanout }]) => ({ replica, residentBytes: fanout.tree.bytes() })),
  };
}
