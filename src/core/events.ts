/**
 * observe: one union of everything observable. Noun-verb names.
 * Agent events carry the coordinate; engine events carry the replica.
 * Every `request-arrive` gets exactly one `request-end`.
 */
import type { Coordinate } from './coordinate.ts';
import type { Intent, Outcome, Tier } from './intents.ts';
import type { ReplicaId, RequestId, ToolCallId, UnitId } from './ids.ts';
import type { ToolCallView, ToolResult } from './request.ts';

interface AgentEventBase {
  readonly atMs: number;
  readonly by: Coordinate;
}
interface EngineEventBase {
  readonly atMs: number;
  readonly replica: ReplicaId;
}

export type RequestStatus = 'ok' | 'error' | 'cancelled' | 'rejected';

/** Prompt tokens that a hosted API wrote into its cache for this call, by how long they are kept: it bills them above others. */
export interface CacheWrites {
  /** For minutes: Anthropic's five, and whatever an API does not name. */
  readonly minutesTokens: number;
  readonly hourTokens: number;
}

export interface SessionStart extends AgentEventBase { readonly type: 'session-start' }
/** `reason`: who says so. `explicit`: a client's header or event; `closed`: its connection, or its session with a tool server, was closed; `idle`: nothing came for long. */
export interface SessionEnd extends AgentEventBase { readonly type: 'session-end'; readonly reason: 'explicit' | 'closed' | 'idle' }
export interface RequestArrive extends AgentEventBase {
  readonly type: 'request-arrive';
  readonly request: RequestId;
  readonly model: string;
  readonly promptTokens: number;
  /** Our own warm-up or prefetch: excluded from learning and from every measure. */
  readonly warmup: boolean;
  /** The client said that this is its session's last call. */
  readonly final?: boolean;
}
/** Admission let it go. Told before anything else is asked, so that a policy that counts what runs counts right. */
export interface RequestAdmit extends AgentEventBase { readonly type: 'request-admit'; readonly request: RequestId }
export interface RequestDispatch extends AgentEventBase { readonly type: 'request-dispatch'; readonly request: RequestId; readonly replica: ReplicaId }
export interface FirstToken extends AgentEventBase { readonly type: 'first-token'; readonly request: RequestId; readonly ttftMs: number }
/** A tool call's arguments are complete while the answer still streams. */
export interface ToolCallStreamed extends AgentEventBase {
  readonly type: 'tool-call-streamed';
  readonly request: RequestId;
  readonly toolCall: ToolCallId;
  readonly name: string;
  readonly argumentsJson: string;
  /** Hash of the canonical arguments, where known. */
  readonly argumentsHash?: string;
}
export interface RequestCancel extends AgentEventBase { readonly type: 'request-cancel'; readonly request: RequestId }
export interface RequestEnd extends AgentEventBase {
  readonly type: 'request-end';
  readonly request: RequestId;
  readonly status: RequestStatus;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  /** Absent where the engine tells of none. */
  readonly cacheWrites?: CacheWrites;
  /** From the last byte of the request at the gateway to the first content byte; absent if none came. */
  readonly ttftMs?: number;
  /** Engine's finish reason (`stop`, `length`, `tool_calls`, ...). */
  readonly stop?: string;
  /** Names of the tools that the answer calls, in order. */
  readonly tools: readonly string[];
  /** Hash of the last part of the answer, to tell set phrases ("TERMINATE") from the rest. */
  readonly outputHash?: string;
  readonly warmup: boolean;
}
export interface ToolStart extends AgentEventBase {
  readonly type: 'tool-start';
  readonly toolCall: ToolCallId;
  readonly name: string;
  /** Hash of the canonical arguments, where known: equal calls have equal hashes. */
  readonly argumentsHash?: string;
}
export interface ToolEnd extends AgentEventBase {
  readonly type: 'tool-end';
  readonly toolCall: ToolCallId;
  readonly name: string;
  readonly durationMs: number;
  /** Both hashes together tell whether the tool is pure. */
  readonly argumentsHash?: string;
  readonly resultHash?: string;
  /** The call and its result, where they passed through our tool gateway. */
  readonly call?: ToolCallView;
  readonly result?: ToolResult;
}

export interface KvStored extends EngineEventBase { readonly type: 'kv-stored'; readonly units: readonly UnitId[] }
export interface KvRemoved extends EngineEventBase { readonly type: 'kv-removed'; readonly units: readonly UnitId[] }
export interface KvMoved extends EngineEventBase { readonly type: 'kv-moved'; readonly units: readonly UnitId[]; readonly tier: Tier }
export interface EngineLoad extends EngineEventBase {
  readonly type: 'engine-load';
  readonly runningRequests: number;
  readonly waitingRequests: number;
  readonly cacheUsedFraction: number;
  /**
   * It has nothing else to do: of a lineage that is asked for now (`prefetch`) it computes what is not there. Absent: it
   * cannot, or has. `prefillScale`: prefill takes so many times the `marginalPrefillMs` that its units were defined with.
   * `freeBlocks`: so many of its cache hold nothing of anyone's.
   */
  readonly warmsUp?: { readonly prefillScale: number; readonly freeBlocks: number };
}
export interface EngineUp extends EngineEventBase { readonly type: 'engine-up' }
export interface EngineDown extends EngineEventBase { readonly type: 'engine-down'; readonly code: string }
export interface IntentDone { readonly type: 'intent-done'; readonly atMs: number; readonly policy: string; readonly intent: Intent; readonly outcome: Outcome }

export type AgentEvent =
  | SessionStart | SessionEnd | RequestArrive | RequestAdmit | RequestDispatch | FirstToken | ToolCallStreamed
  | RequestCancel | RequestEnd | ToolStart | ToolEnd;
export type EngineEvent = KvStored | KvRemoved | KvMoved | EngineLoad | EngineUp | EngineDown;
export type Event = AgentEvent | EngineEvent | IntentDone;
export type EventType = Event['type'];
