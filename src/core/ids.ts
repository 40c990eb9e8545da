/**
 * Branded ids: a `SessionId` cannot be passed where a `TenantId` is wanted, at no cost at run time.
 * Ids are what a client claims (all but the tenant): input to routing and accounting, never authorization.
 */
declare const brand: unique symbol;
export type Brand<Value, Name extends string> = Value & { readonly [brand]: Name };

/** Whoever holds the credential. Comes from authentication alone. */
export type TenantId = Brand<string, 'TenantId'>;
/** One agent application of a tenant; the learner keeps one model per workload. */
export type WorkloadId = Brand<string, 'WorkloadId'>;
/** One run of a workload: a conversation, a task. */
export type SessionId = Brand<string, 'SessionId'>;
/** A role within a workload (planner, coder), stable across sessions. */
export type AgentId = Brand<string, 'AgentId'>;
/** One live context of an agent (a sub-agent's own conversation). */
export type InstanceId = Brand<string, 'InstanceId'>;
/** One LLM call. */
export type RequestId = Brand<string, 'RequestId'>;
/** One tool call, as named by the model's answer. */
export type ToolCallId = Brand<string, 'ToolCallId'>;
/** One addressable copy of an engine. */
export type ReplicaId = Brand<string, 'ReplicaId'>;
/** A cache unit of one engine: a dense non-negative integer that the engine hands out and may reuse after `forget`. */
export type UnitId = Brand<number, 'UnitId'>;

export const tenantId = (value: string): TenantId => value as TenantId;
export const workloadId = (value: string): WorkloadId => value as WorkloadId;
export const sessionId = (value: string): SessionId => value as SessionId;
export const agentId = (value: string): AgentId => value as AgentId;
export const instanceId = (value: string): InstanceId => value as InstanceId;
export const requestId = (value: string): RequestId => value as RequestId;
export const toolCallId = (value: string): ToolCallId => value as ToolCallId;
export const replicaId = (value: string): ReplicaId => value as ReplicaId;
export const unitId = (value: number): UnitId => value as UnitId;

/** The one tenant there is while no keys are configured (loopback only). */
export const LOCAL_TENANT = tenantId('local');
/** The workload of calls that name none. Never inferred from agents. */
export const DEFAULT_WORKLOAD = workloadId('default');
