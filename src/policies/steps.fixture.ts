/** Arbitrary courses of events, decisions and cache use, for the contract suite and for policies' own property tests. */
import { array, boolean, constantFrom, nat, oneof, record, type Arbitrary } from 'fast-check';
import {
  agentId, DEFAULT_WORKLOAD, instanceId, replicaId, requestId, sessionId, tenantId, toolCallId, unitId, workloadId,
  type Coordinate, type Event, type Moment, type Query, type Replica, type RequestView, type ToolCallView,
} from '../core/index.ts';

export const CONTRACT_TENANT = tenantId('contract');

/** Who it is, by small numbers, so that steps meet again. */
export interface Who { readonly session: number; readonly agent: number; readonly workload: number }

export function coordinateOf(who: Who, step = 0): Coordinate {
  const session = sessionId(`s${who.session}`);
  return {
    tenant: CONTRACT_TENANT, workload: who.workload === 0 ? DEFAULT_WORKLOAD : workloadId(`w${who.workload}`), session,
    agent: agentId(`a${who.agent}`), instance: instanceId(`s${who.session}/a${who.agent}`), step,
  };
}

export type Step =
  | { readonly do: 'event'; readonly type: Event['type']; readonly who: Who; readonly request: number; readonly tokens: number; readonly warmup: boolean }
  /** A whole call, in order: arrival, admission, first token, end, and its use of the cache. */
  | { readonly do: 'call'; readonly who: Who; readonly grown: number; readonly answered: number; readonly tools: readonly string[] }
  | { readonly do: 'close'; readonly who: Who }
  | { readonly do: 'evict'; readonly blocks: number; readonly pinned: Who }
  | { readonly do: 'forget' }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'decide'; readonly who: Who; readonly size: number }
  | { readonly do: 'act'; readonly moment: Moment['kind']; readonly who: Who };

const EVENT_TYPES: readonly Event['type'][] = [
  'session-start', 'session-end', 'request-arrive', 'request-admit', 'request-dispatch', 'first-token', 'tool-call-streamed', 'request-cancel', 'request-end',
  'tool-start', 'tool-end', 'kv-stored', 'kv-removed', 'kv-moved', 'engine-load', 'engine-up', 'engine-down', 'intent-done',
];
const TOOLS = ['read_file', 'write_file', 'search', 'delete_file'] as const;

const who: Arbitrary<Who> = record({ session: nat(4), agent: nat(3), workload: nat(1) });

export const step: Arbitrary<Step> = oneof(
  { weight: 4, arbitrary: record({ do: constantFrom('event'), type: constantFrom(...EVENT_TYPES), who, request: nat(6), tokens: nat(5000), warmup: boolean() }) },
  { weight: 5, arbitrary: record({ do: constantFrom('call'), who, grown: nat(3), answered: nat(2), tools: array(constantFrom(...TOOLS), { maxLength: 2 }) }) },
  { weight: 1, arbitrary: record({ do: constantFrom('close'), who }) },
  { weight: 3, arbitrary: record({ do: constantFrom('evict'), blocks: nat(12), pinned: who }) },
  { weight: 1, arbitrary: record({ do: constantFrom('forget') }) },
  { weight: 2, arbitrary: record({ do: constantFrom('pass'), ms: oneof(nat(50), nat(600_000)) }) },
  { weight: 2, arbitrary: record({ do: constantFrom('decide'), who, size: nat(5) }) },
  { weight: 2, arbitrary: record({ do: constantFrom('act'), moment: constantFrom('step-end', 'tool-call-streamed', 'engine-idle', 'tick'), who }) },
);
export const steps: Arbitrary<Step[]> = array(step, { maxLength: 80 });

/** An event in itself well formed, whatever went before: of unknown sessions, ends without arrivals, warm-ups. */
export function eventOf(each: Extract<Step, { do: 'event' }>, atMs: number): Event {
  const by = coordinateOf(each.who);
  const base = { atMs, by, request: requestId(`r${each.request}`) };
  const engine = { atMs, replica: replicaId('e1'), units: [unitId(each.tokens)] };
  const tool = { atMs, by, toolCall: toolCallId(`t${each.request}`), name: TOOLS[each.tokens % TOOLS.length] };
  switch (each.type) {
    case 'session-start': return { type: each.type, atMs, by };
    case 'session-end': return { type: each.type, atMs, by, reason: each.warmup ? 'idle' : 'explicit' };
    case 'request-arrive': return { ...base, type: each.type, model: 'm', promptTokens: each.tokens, warmup: each.warmup };
    case 'request-dispatch': return { ...base, type: each.type, replica: engine.replica };
    case 'first-token': return { ...base, type: each.type, ttftMs: each.tokens };
    case 'tool-call-streamed': return { ...base, ...tool, type: each.type, argumentsJson: '{}' };
    case 'request-admit': case 'request-cancel': return { ...base, type: each.type };
    case 'request-end': return {
      ...base, type: each.type, status: each.warmup ? 'cancelled' : 'ok', promptTokens: each.tokens, cachedTokens: Math.floor(each.tokens / 2),
      outputTokens: each.tokens % 100, tools: [], warmup: each.warmup,
    };
    case 'tool-start': return { ...tool, type: each.type };
    case 'tool-end': return { ...tool, type: each.type, durationMs: each.tokens };
    case 'kv-stored': case 'kv-removed': return { ...engine, type: each.type };
    case 'kv-moved': return { ...engine, type: each.type, tier: 'host' };
    case 'engine-load': return { type: each.type, atMs, replica: engine.replica, runningRequests: each.request, waitingRequests: 0, cacheUsedFraction: 0.5 };
    case 'engine-up': return { type: each.type, atMs, replica: engine.replica };
    case 'engine-down': return { type: each.type, atMs, replica: engine.replica, code: 'ENT_ENGINE_CRASHED' };
    default: return { type: 'intent-done', atMs, policy: 'other', intent: { kind: 'cancel', request: base.request, why: 'test' }, outcome: { status: 'accepted' } };
  }
}

export function requestOf(who_: Who, number: number, nowMs: number, tools: readonly string[] = []): RequestView {
  return {
    id: requestId(`q${number}`), by: coordinateOf(who_, number), model: 'm', arrivedAtMs: nowMs, promptTokens: 100 * (number + 1), promptTokensExact: true,
    residentTokens: 50 * number, tools, stream: number % 2 === 0, final: false,
  };
}

export function toolCallOf(who_: Who, number: number): ToolCallView {
  const name = TOOLS[number % TOOLS.length];
  return { id: toolCallId(`t${number}`), by: coordinateOf(who_), name, arguments: { path: `/${number}` }, argumentsHash: `h${number}`, taint: number % 3 === 0 ? ['web'] : [] };
}

export function replicasOf(size: number): Replica[] {
  return Array.from({ length: size }, (_, index) => ({ id: replicaId(`e${index}`), healthy: true, runningRequests: index, waitingRequests: 0, residentTokens: 10 * index }));
}

export function queriesOf(who_: Who, nowMs: number): Query[] {
  const by = coordinateOf(who_);
  return [
    { kind: 'next-agents', session: by.session }, { kind: 'time-to-next-call', session: by.session, nowMs }, { kind: 'session-end', session: by.session, nowMs },
    { kind: 'output-length', by }, { kind: 'tool-duration', tool: TOOLS[0] }, { kind: 'tool-purity', tool: TOOLS[0] },
  ];
}

export function momentOf(kind: Moment['kind'], who_: Who, atMs: number): Moment {
  if (kind === 'step-end') return { kind, atMs, session: coordinateOf(who_).session };
  if (kind === 'tool-call-streamed') return { kind, atMs, session: coordinateOf(who_).session, toolCall: toolCallId(`t${who_.agent}`) };
  return kind === 'engine-idle' ? { kind, atMs, replica: replicaId('e1') } : { kind, atMs };
}
