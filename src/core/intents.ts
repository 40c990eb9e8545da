/** act: side effects off the critical path. Every intent gets exactly one outcome; none changes a result. */
import type { AgentId, ReplicaId, RequestId, SessionId, TenantId, ToolCallId, UnitId, WorkloadId } from './ids.ts';
import type { ToolCallView, ToolResult } from './request.ts';

/** Where a lineage's KV lies: `slot` or GPU memory, host memory, disk. */
export type Tier = 'device' | 'host' | 'disk';

/** What a cache intent is about: the private history of (session, agent), or units that the engine enumerated. */
export type CacheTarget =
  | { readonly kind: 'lineage'; readonly tenant: TenantId; readonly workload: WorkloadId; readonly session: SessionId; readonly agent: AgentId }
  | { readonly kind: 'units'; readonly units: readonly UnitId[] };

export type Intent =
  /** Keep until `untilMs` if pressure allows: a lease that yields, never a pin. */
  | { readonly kind: 'retain'; readonly target: CacheTarget; readonly untilMs: number }
  | { readonly kind: 'demote'; readonly target: CacheTarget; readonly tier: Exclude<Tier, 'device'> }
  | { readonly kind: 'restore'; readonly target: CacheTarget }
  | { readonly kind: 'prefetch'; readonly target: CacheTarget }
  | { readonly kind: 'evict'; readonly target: CacheTarget }
  | { readonly kind: 'hedge'; readonly request: RequestId; readonly replica: ReplicaId }
  | { readonly kind: 'cancel'; readonly request: RequestId; readonly why: string }
  | { readonly kind: 'speculate'; readonly toolCall: ToolCallView }
  | { readonly kind: 'memoise'; readonly toolCall: ToolCallView; readonly result: ToolResult; readonly ttlMs: number };
export type IntentKind = Intent['kind'];

export const INTENT_KINDS: readonly IntentKind[] = ['retain', 'demote', 'restore', 'prefetch', 'evict', 'hedge', 'cancel', 'speculate', 'memoise'];

export type Outcome =
  | { readonly status: 'accepted' }
  /** Done in part: how much, in words. */
  | { readonly status: 'clipped'; readonly why: string }
  | { readonly status: 'deferred'; readonly why: string }
  | { readonly status: 'rejected'; readonly why: string }
  | { readonly status: 'unsupported' };

/** When `act` is asked: a step has ended, a tool call's arguments are complete, an engine has fallen idle, or a moment has passed. */
export type Moment =
  | { readonly kind: 'step-end'; readonly atMs: number; readonly session: SessionId }
  | { readonly kind: 'tool-call-streamed'; readonly atMs: number; readonly session: SessionId; readonly toolCall: ToolCallId }
  | { readonly kind: 'engine-idle'; readonly atMs: number; readonly replica: ReplicaId }
  | { readonly kind: 'tick'; readonly atMs: number };
