/** Identity from the conversation itself, for calls whose client says nothing. Reads the state, writes nothing. */
import { agentId, instanceId, sessionId, type AgentId, type InstanceId, type SessionId } from '../ids.ts';
import { callIdKey, callKey, LEAST_TEXT, openingKeys } from './clues.ts';
import type { Outline, OutlinedToolCall } from './outline/outline.ts';
import type { ToolList } from './outline/surroundings.ts';

import type { Owner } from './state.ts';
import type { Evidence } from './evidence.ts';
import type { IdentityInput } from './types.ts';

/** How sure each inference is; explicit ids of clients rank from 0.92 up, weak ones (a cache key, a trace id) below. */
export const CONFIDENCE = {
  response: 0.93, toolCall: 0.91, lineage: 0.9, spawn: 0.8, opener: 0.7, handOff: 0.7, quote: 0.75, pendingSpawn: 0.6, openerText: 0.6, newSession: 0.5,
  fingerprint: 0.9, bareFingerprint: 0.3, nothing: 0.1,
} as const;

/** A system prompt of so many bytes names its role even where some of its tools come and go. */
const TELLING_SYSTEM = 200;
const SAME_TOOLS = 0.6;

export interface Inference {
  readonly outline?: Outline;
  /** Best first. */
  readonly sessions: readonly Evidence<SessionId>[];
  /** Whose conversation this call goes on with, where that is sure. */
  readonly owner?: Owner;
  readonly parent?: Evidence<InstanceId>;
  readonly agent: Evidence<AgentId>;
  readonly fingerprint: bigint;
  /** Of prompts that begin alike, with the same tools. */
  readonly family: bigint;
  readonly label?: string;
  /** Of system prompt and first text. */
  readonly opener: bigint;
  /** Of the first text alone; 0 where it is too short to tell anything. */
  readonly openerText: bigint;
}

interface Found { readonly owner: Owner; readonly source: string; readonly confidence: number }

function byResponse({ state, hashing }: IdentityInput, view: Outline): Found | undefined {
  if (view.member('previous_response_id') === undefined) return undefined;
  const id = view.value('previous_response_id');
  const owner = typeof id === 'string' ? state.find('response', hashing.bytes(Buffer.from(id), 0n)) : undefined;
  return owner === undefined ? undefined : { owner, source: 'response-id', confidence: CONFIDENCE.response };
}

/** How many of the latest calls are looked up: those of one answer are all known, or none is. */
const JOINED_CALLS = 3;

/** An id that is the only one tells enough, whatever the client has done to the arguments. */
function ownerOfCall({ state, hashing }: IdentityInput, call: OutlinedToolCall): Owner | undefined {
  const byId = callIdKey(call.id, hashing);
  return byId === undefined ? state.find('call', callKey(call, hashing)) : state.find('callId', byId);
}

function byToolCall(input: IdentityInput, view: Outline): Found | undefined {
  const { callIds } = view.facts;
  let looked = 0;
  for (let index = 0; index < callIds.length && looked < JOINED_CALLS; index++) {
    const byId = callIds[index];
    let owner: Owner | undefined;
    if (byId === undefined) {
      const call = view.toolCall(index);
      if (call.id === '') continue;
      owner = ownerOfCall(input, call);
    } else owner = input.state.find('callId', byId);
    looked += 1;
    if (owner !== undefined) return { owner, source: 'tool-call-id', confidence: CONFIDENCE.toolCall };
  }
  return undefined;
}

/** The longest remembered chain that this conversation goes on from. */
function byLineage({ state }: IdentityInput, view: Outline): Found | undefined {
  if (!view.answered) return undefined;
  const { chain } = view.facts.conversation;
  for (let index = chain.length - 1; index >= 0; index--) {
    const owner = state.find('lineage', chain[index]);
    if (owner !== undefined) return { owner, source: 'lineage', confidence: CONFIDENCE.lineage };
  }
  return undefined;
}

/** A conversation that opens with what an agent wrote: an argument of a tool call, or an answer that is quoted. */
function byOpeningText({ state, hashing }: IdentityInput, view: Outline): Found | undefined {
  if (view.answered) return undefined;
  let whole = true;
  for (const key of openingKeys(view.firstText, hashing)) {
    const owner = state.find('text', key);
    if (owner !== undefined) return { owner, source: whole ? 'spawn' : 'quote', confidence: whole ? CONFIDENCE.spawn : CONFIDENCE.quote };
    whole = false;
  }
  return undefined;
}

/** The session that opened so, or the name of a new one. */
function byOpener(input: IdentityInput, view: Outline, opener: bigint): Evidence<SessionId> {
  const known = input.state.openers.peek(opener);
  const retried = Number.parseInt(input.headers.get('x-stainless-retry-count') ?? '0', 10) > 0 && known?.chain === view.chain;
  if (known !== undefined && (view.answered || retried)) return { value: known.session, source: 'opener', confidence: CONFIDENCE.opener };
  const name = sessionId(`session-${(opener & 0xffffffffffffn).toString(16).padStart(12, '0')}-${(known?.count ?? 0) + 1}`);
  return { value: name, source: 'opener', confidence: CONFIDENCE.newSession };
}

/** Share of names that two lists have in common. */
function likeness(one: ToolList, other: ToolList): number {
  if (one.digest === other.digest) return 1;
  const names = new Set(one.names);
  const common = other.names.filter((name) => names.has(name)).length;
  return common / (names.size + other.names.length - common || 1);
}

function agentIn(input: IdentityInput, view: Outline, session: SessionId, fingerprint: bigint, family: bigint): AgentId {
  const { system, tools } = view.facts;
  if (system.bytes > 0) {
    // A reflection without tools, a server that added some in mid-run: in its session an agent is known by its prompt.
    for (const owner of input.state.session(session)?.instances.toReversed() ?? []) {
      if (owner.system !== system.hash) continue;
      if (tools.names.length === 0 || owner.tools.digest === tools.digest || (system.bytes >= TELLING_SYSTEM && likeness(owner.tools, tools) >= SAME_TOOLS)) return owner.agent;
    }
  }
  return input.state.roles.agentOf(fingerprint, family);
}

function parentOf(input: IdentityInput, view: Outline, session: SessionId, agent: AgentId, opener: bigint, found: Found | undefined, opening: Found | undefined): Evidence<InstanceId> | undefined {
  const memory = input.state.session(session);
  const known = memory?.ofAgent(agent, opener);
  if (known !== undefined) return known.parent;
  if (opening !== undefined && opening.owner.session === session) return { value: opening.owner.instance, source: opening.source, confidence: opening.confidence };
  if (found !== undefined && found.owner.session === session && found.owner.agent !== agent && memory?.ofAgent(agent) === undefined) {
    return { value: found.owner.instance, source: 'hand-off', confidence: CONFIDENCE.handOff };
  }
  if (!view.answered && memory?.pending !== undefined && memory.ofAgent(agent) === undefined) return { value: memory.pending, source: 'pending-spawn', confidence: CONFIDENCE.pendingSpawn };
  return undefined;
}

/** Odd, with bits all over (the fraction of the golden ratio): products with it spread. */
const SPREAD = 0x9e3779b97f4a7c15n;
/** A fingerprint and a family of equal parts are different keys. */
const FAMILY = 0x66616d696c79n;
const mixed = (one: bigint, other: bigint): bigint => BigInt.asUintN(64, one * SPREAD + other);

const NOTHING: Inference = {
  sessions: [{ value: sessionId('session'), source: 'none', confidence: CONFIDENCE.nothing }],
  agent: { value: agentId('agent'), source: 'none', confidence: CONFIDENCE.nothing },
  fingerprint: 0n, family: 0n, opener: 0n, openerText: 0n,
};

/** @param knownSession the session that a client names, where it does: an agent seen there without its tools is still that agent. */
export function infer(input: IdentityInput, knownSession?: SessionId): Inference {
  const { outline: view, hashing, state } = input;
  if (view === undefined || !view.hasConversation) return NOTHING;
  const { system, tools } = view.facts;
  const first = view.firstTextBytes;
  const opener = hashing.bytes(first, system.hash);
  const openerText = first.length < LEAST_TEXT ? 0n : hashing.bytes(first, 1n);

  const joined = [byResponse(input, view), byToolCall(input, view), byLineage(input, view)].filter((found) => found !== undefined);
  const opening = joined.length > 0 ? undefined : byOpeningText(input, view);
  const candidates: Evidence<SessionId>[] = [...joined, ...(opening === undefined ? [] : [opening])].map(({ owner, source, confidence }) => ({ value: owner.session, source, confidence }));
  const opened = byOpener(input, view, opener);
  candidates.push(opened);
  const sameText = joined.length > 0 || openerText === 0n || state.openers.peek(opener) !== undefined ? undefined : state.find('openerText', openerText);
  if (sameText !== undefined) candidates.push({ value: sameText.session, source: 'opener-text', confidence: CONFIDENCE.openerText });
  const sessions = candidates.sort((a, b) => b.confidence - a.confidence);

  const session = knownSession ?? sessions[0].value;
  const fingerprint = mixed(system.hash, tools.digest);
  const family = mixed(system.head, tools.digest) ^ FAMILY;
  const agent = agentIn(input, view, session, fingerprint, family);
  const parent = parentOf(input, view, session, agent, opener, joined[0], opening);
  const bare = system.bytes === 0 && tools.names.length === 0;
  return {
    outline: view, sessions, fingerprint, family, opener, openerText,
    ...(joined.length === 0 ? {} : { owner: joined[0].owner }),
    ...(parent === undefined ? {} : { parent }),
    agent: { value: agent, source: 'fingerprint', confidence: bare ? CONFIDENCE.bareFingerprint : CONFIDENCE.fingerprint },
    ...(system.label === undefined ? {} : { label: system.label }),
  };
}

/** An instance that nobody named: this role within this session; the second conversation of a role is its second instance. */
export function inferredInstance(input: IdentityInput, session: SessionId, agent: AgentId, inference: Inference): InstanceId {
  const memory = input.state.session(session);
  const { owner, opener, outline } = inference;
  if (owner !== undefined && owner.session === session && owner.agent === agent) return owner.instance;
  const known = memory?.ofAgent(agent, opener) ?? (outline?.answered === true ? memory?.ofAgent(agent) : undefined);
  if (known !== undefined) return known.instance;
  const others = memory?.instances.filter((instance) => instance.agent === agent).length ?? 0;
  return instanceId(`${session}/${agent}${others === 0 ? '' : `#${others + 1}`}`);
}

