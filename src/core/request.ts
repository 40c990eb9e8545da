import type { Coordinate } from './coordinate.ts';
import type { ReplicaId, RequestId, ToolCallId } from './ids.ts';

/** What policies see of one LLM call. Never its text. */
export interface RequestView {
  readonly id: RequestId;
  readonly by: Coordinate;
  readonly model: string;
  readonly arrivedAtMs: number;
  /** Exact where the engine counted, else an estimate (see `promptTokensExact`). */
  readonly promptTokens: number;
  readonly promptTokensExact: boolean;
  /** Leading prompt tokens whose KV the engine holds now; 0 where the engine cannot say. */
  readonly residentTokens: number;
  readonly maxOutputTokens?: number;
  /** Names of the tools offered, in the client's order. */
  readonly tools: readonly string[];
  readonly stream: boolean;
  /** The client said that this is its session's last call. */
  readonly final: boolean;
}

/** One tool call on its way to a tool, or a candidate to be run ahead of time. */
export interface ToolCallView {
  readonly id: ToolCallId;
  readonly by: Coordinate;
  readonly name: string;
  /** Parsed arguments, as given. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Hash of the canonical arguments: equal calls have equal hashes. */
  readonly argumentsHash: string;
  /** Labels of untrusted data that this context has read. */
  readonly taint: readonly string[];
}

export interface ToolResult {
  readonly content: unknown;
  readonly isError: boolean;
}

/** One engine copy that could serve a request. */
export interface Replica {
  readonly id: ReplicaId;
  readonly healthy: boolean;
  readonly runningRequests: number;
  readonly waitingRequests: number;
  /** Leading prompt tokens of the request in question that it is believed to hold. */
  readonly residentTokens: number;
}
