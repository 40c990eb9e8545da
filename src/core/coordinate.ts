import type { AgentId, InstanceId, SessionId, TenantId, WorkloadId } from './ids.ts';

/** Agent identity as the shared coordinate: every event, request and decision carries one. */
export interface Coordinate {
  readonly tenant: TenantId;
  readonly workload: WorkloadId;
  readonly session: SessionId;
  readonly agent: AgentId;
  readonly instance: InstanceId;
  /** The instance that spawned this one, where any evidence tells. */
  readonly parent?: InstanceId;
  /** Number of earlier LLM calls of the session, from 0. */
  readonly step: number;
}
