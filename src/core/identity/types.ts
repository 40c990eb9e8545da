/** What identity resolution is given and what it answers: each field with its source and confidence, conflicts kept. */
import type { AgentId, InstanceId, SessionId, WorkloadId } from '../ids.ts';
import type { Evidence } from './evidence.ts';
import type { Hashing } from './hashing.ts';
import type { Outline } from './outline/outline.ts';
import type { IdentityState } from './state.ts';

export interface Conflict {
  readonly field: string;
  readonly value: string;
  readonly source: string;
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
  /** Evidence that said otherwise and did not win. */
  readonly conflicts: readonly Conflict[];
  /** Sources whose value was dropped: longer than 256 bytes, empty or not printable. */
  readonly dropped: readonly string[];
  /** What kind of call it is in its harness: `main`, `subagent`, `compaction`, `auxiliary`, `review`, … */
  readonly kind?: Evidence<string>;
  /** The task, turn or prompt within the session. */
  readonly task?: Evidence<string>;
  /** The program or framework that calls, where anything tells: `claude-code`, `openai-agents`. */
  readonly client?: Evidence<string>;
  /** How a person might call the agent, where its prompt says (`You are the planner`). Never a key. */
  readonly label?: string;
}

/** One call, as far as identity goes. The tenant is no part of it: `state` is the tenant's own. */
export interface IdentityInput {
  /** Lower-case names; of a repeated header the first value. */
  readonly headers: ReadonlyMap<string, string>;
  /** What was read of the body; undefined where there is none. */
  readonly outline: Outline | undefined;
  /** What earlier calls of this tenant taught; read here, written by `rememberRequest` and `rememberAnswer`. */
  readonly state: IdentityState;
  readonly hashing: Hashing;
}
