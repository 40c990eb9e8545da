/** What identity resolution answers: each field with its source and confidence, conflicts kept. */
import type { AgentId, InstanceId, SessionId, WorkloadId } from './ids.ts';

export interface Evidence<Value> {
  readonly value: Value;
  /** The header, body field or inference that it came from, e.g. `header:x-entresol-session`, `lineage`. */
  readonly source: string;
  /** 0 to 1. */
  readonly confidence: number;
}

export interface Identity {
  readonly workload: Evidence<WorkloadId>;
  readonly session: Evidence<SessionId>;
  readonly agent: Evidence<AgentId>;
  readonly instance: Evidence<InstanceId>;
  readonly parent?: Evidence<InstanceId>;
  /** The client said that this is the session's last call. */
  readonly final: boolean;
  /** Weaker evidence that said otherwise. */
  readonly conflicts: readonly { readonly field: string; readonly value: string; readonly source: string; readonly confidence: number }[];
}
