/** Identity from the conversation itself, for calls whose client says nothing. Reads the state, writes nothing. */
import { agentId, instanceId, sessionId, type AgentId, type InstanceId, type SessionId } from '../ids.ts';
import { labelOf, normaliseSystem } from './fingerprint.ts';
import { outline, type Outline, type OutlinedToolCall } from './outline.ts';
import type { Owner } from './state.ts';
import type { Evidence, IdentityInput } from './types.ts';

/** How sure each inference is; explicit ids of clients rank from 0.92 up, weak ones (a cache key, a trace id) below. */
export const CONFIDENCE = { toolCall: 0.91, lineage: 0.9, spawn: 0.8, opener: 0.7, fingerprint: 0.9, bareFingerprint: 0.3, nothing: 0.1 } as const;

/** How many of the latest tool calls are looked up. */
const JOINED_CALLS = 8;
/** Arguments shorter than this open no sub-agent's conversation. */
export const SPAWN_TEXT_LENGTH = 24;

export interface Inference {
  readonly outline?: Outline;
  /** Best first. */
  readonly sessions: readonly Evidence<SessionId>[];
  readonly instance?: Evidence<InstanceId>;
  readonly parent?: Evidence<InstanceId>;
  readonly systemHash: string;
  readonly agent: Evidence<AgentId>;
  readonly label?: string;
  /** Chain of message hashes: entry i covers messages 0 to i. */
  readonly chain: readonly string[];
  readonly openerKey: string;
}

export function toolCallKey(call: OutlinedToolCall, hash: (text: string) => string): string {
  return hash(`${call.id}\u0000${call.name}\u0000${call.arguments}`);
}

export function extendChain(chain: string, message: string, hash: (text: string) => string): string {
  return hash(`${chain}\u0000${message}`);
}

function joinByToolCall(input: IdentityInput, calls: readonly OutlinedToolCall[]): Owner | undefined {
  for (const call of calls.slice(-JOINED_CALLS).toReversed()) {
    if (call.id === '') continue;
    const owner = input.state.toolCalls.peek(toolCallKey(call, input.hash));
    if (owner !== undefined && !owner.shared) return owner;
  }
  return undefined;
}

/** The longest remembered chain that this conversation goes on from; openers alone are no lineage. */
function longestLineage(input: IdentityInput, view: Outline, chain: readonly string[]): Owner | undefined {
  if (view.firstAnswer < 0) return undefined;
  for (let index = chain.length - 1; index >= view.firstAnswer; index--) {
    const owner = input.state.lineages.peek(chain[index]);
    if (owner !== undefined && !owner.shared) return owner;
  }
  return undefined;
}

function byOpener(input: IdentityInput, view: Outline, chain: readonly string[], openerKey: string): SessionId {
  const known = input.state.openers.peek(openerKey);
  const retried = Number(input.headers.get('x-stainless-retry-count') ?? 0) > 0 && known?.chain === chain.at(-1);
  if (known !== undefined && (view.firstAnswer >= 0 || retried)) return known.session;
  return sessionId(`session-${openerKey.slice(0, 12)}-${(known?.count ?? 0) + 1}`);
}

/** Key of (session, system prompt) in `state.agents`. */
export function agentKey(session: SessionId, systemHash: string): string {
  return `${systemHash} ${session}`;
}

/** @param knownSession the session that a client names, where it does: an agent seen there without its tools is still that agent. */
export function infer(input: IdentityInput, knownSession?: SessionId): Inference {
  const view = outline(input.body);
  if (view === undefined) {
    const nothing: Evidence<AgentId> = { value: agentId('agent'), source: 'none', confidence: CONFIDENCE.nothing };
    return { sessions: [{ value: sessionId('session'), source: 'none', confidence: CONFIDENCE.nothing }], systemHash: '', agent: nothing, chain: [], openerKey: '' };
  }
  const { hash, state } = input;
  const rawHash = hash(view.system);
  const system = state.systems.peek(rawHash) ?? { hash: hash(normaliseSystem(view.system)), label: labelOf(view.system) };

  const chain: string[] = [];
  for (const message of view.messages) chain.push(extendChain(chain.at(-1) ?? '', message, hash));
  const openerKey = hash(`${system.hash}\u0000${view.firstUser}\u0000${view.model}`);

  const sessions: Evidence<SessionId>[] = [];
  const join = joinByToolCall(input, view.toolCalls);
  if (join !== undefined) sessions.push({ value: join.session, source: 'tool-call-id', confidence: CONFIDENCE.toolCall });
  const lineage = longestLineage(input, view, chain);
  if (lineage !== undefined) sessions.push({ value: lineage.session, source: 'lineage', confidence: CONFIDENCE.lineage });
  const spawn = view.firstAnswer < 0 && view.firstUser.length >= SPAWN_TEXT_LENGTH ? state.spawns.peek(hash(view.firstUser.trim())) : undefined;
  if (spawn !== undefined && !spawn.shared) sessions.push({ value: spawn.session, source: 'spawn', confidence: CONFIDENCE.spawn });
  sessions.push({ value: byOpener(input, view, chain, openerKey), source: 'opener', confidence: CONFIDENCE.opener });

  const session = knownSession ?? sessions[0].value;
  const bare = view.system === '' && view.toolNames.length === 0;
  const remembered = view.toolNames.length === 0 && view.system !== '' ? state.agents.peek(agentKey(session, system.hash)) : undefined;
  const fingerprint = remembered ?? agentId(`agent-${hash([system.hash, ...[...new Set(view.toolNames)].sort()].join('\u0000')).slice(0, 8)}`);
  const spawned = spawn !== undefined && !spawn.shared && session === spawn.session;
  return {
    outline: view,
    sessions,
    ...(spawned ? { parent: { value: spawn.instance, source: 'spawn', confidence: CONFIDENCE.spawn } } : {}),
    systemHash: system.hash,
    agent: { value: fingerprint, source: 'fingerprint', confidence: bare ? CONFIDENCE.bareFingerprint : CONFIDENCE.fingerprint },
    ...(system.label === undefined ? {} : { label: system.label }),
    chain,
    openerKey,
  };
}

/** An instance that nobody named: this role within this session. */
export function defaultInstance(session: SessionId, agent: AgentId): InstanceId {
  return instanceId(`${session}/${agent}`);
}
