/** What a call and its answer teach: the writing half of inference. */
import type { SessionId } from '../ids.ts';
import { callIdKey, callKey, callsAgent, textArguments, textKeys } from './clues.ts';
import type { Inference } from './infer.ts';
import { extendByAnswer } from './outline/conversation.ts';
import { extendByCall } from './outline/message-parts.ts';
import { NO_TOOLS } from './outline/surroundings.ts';
import { TextBytes } from './outline/text-bytes.ts';
import type { OutlinedToolCall } from './outline/outline.ts';
import type { Owner } from './state.ts';
import type { Identity, IdentityInput } from './types.ts';

/** Longer answers are quoted by their beginning, if at all. */
const QUOTED_TEXT = 16_384;
const QUOTED_LINES = 2;
/** Conflicting evidence as sure as this shows that a client's ids are not its sessions. */
const SURE = 0.89;

function ownerOf(identity: Identity, inference: Inference): Owner {
  const { outline } = inference;
  return {
    session: identity.session.value, instance: identity.instance.value, agent: identity.agent.value,
    system: outline?.facts.system.hash ?? 0n, opener: inference.opener, tools: outline?.facts.tools ?? NO_TOOLS,
    ...(identity.parent === undefined ? {} : { parent: identity.parent }),
  };
}

/** What each source of ids turned out to be worth. */
function noteSources({ state }: IdentityInput, identity: Identity, inference: Inference): void {
  const { owner, sessions } = inference;
  if (owner !== undefined && sessions[0].confidence >= SURE) {
    for (const { field, source, value } of [{ field: 'session', ...identity.session }, ...identity.conflicts]) {
      if (field === 'session' && source.includes(':')) state.sources.noteSession(source, value === owner.session);
    }
  }
  for (const { field, source, value } of [{ field: 'agent', ...identity.agent }, ...identity.conflicts]) {
    if (field === 'agent' && source.includes(':')) state.sources.noteAgent(source, value, identity.session.value);
  }
}

/** Call it once the call goes on. */
export function rememberRequest(input: IdentityInput, identity: Identity, inference: Inference): void {
  const { state } = input;
  const { outline, opener, openerText } = inference;
  noteSources(input, identity, inference);
  if (outline === undefined) return;
  const session = identity.session.value;
  const memory = state.enter(session);
  const known = memory.instance(identity.instance.value);
  const now = ownerOf(identity, inference);
  // One object for all clues of an instance, and without its tools (a reflection) an agent keeps those that it is known by.
  const same = known !== undefined && known.agent === now.agent && known.system === now.system && known.opener === now.opener && (known.tools.digest === now.tools.digest || now.tools.names.length === 0) && known.parent?.value === now.parent?.value;
  const owner = same ? known : now;
  memory.put(owner);
  if (identity.client !== undefined) memory.client ??= identity.client;
  if (memory.pending === owner.instance) delete memory.pending;
  if (outline.answered) state.claim('lineage', outline.chain, owner);
  else if (openerText !== 0n) state.claim('openerText', openerText, owner);
  const before = state.openers.peek(opener);
  const opens = before === undefined || (!outline.answered && before.session !== session);
  state.openers.set(opener, { session, chain: opens ? outline.chain : before.chain, count: (before?.count ?? 0) + (opens ? 1 : 0) });
  if (identity.agent.source === 'fingerprint' && outline.facts.system.bytes > 0) state.roles.note(inference.fingerprint, inference.family, identity.agent.value, session);
}

/** An answer as it left: what the next request of this conversation will carry back. */
export interface AnswerOutline {
  /** Its text; undefined where it was too long to keep: then only its tool calls join. */
  readonly text?: string;
  readonly toolCalls: readonly OutlinedToolCall[];
  /** Its id, where later requests may name it (`previous_response_id`). */
  readonly responseId?: string;
}

/** The hash of an answer's calls after each of them, as reading them back from a request gives it. */
function* callsHashes(calls: readonly OutlinedToolCall[], input: Pick<IdentityInput, 'hashing'>): Generator<bigint> {
  let hash = 0n;
  const bytes = new TextBytes();
  for (const call of calls) {
    bytes.clear();
    bytes.appendText(`${call.name}\u0000${call.arguments}`);
    bytes.squeeze();
    hash = extendByCall(hash, bytes.view, input.hashing);
    yield hash;
  }
}

export function rememberAnswer(input: Pick<IdentityInput, 'state' | 'hashing'>, identity: Identity, inference: Inference, answer: AnswerOutline): void {
  const { state, hashing } = input;
  const session: SessionId = identity.session.value;
  const memory = state.enter(session);
  const owner = memory.instance(identity.instance.value) ?? ownerOf(identity, inference);
  for (const call of answer.toolCalls) {
    const byId = callIdKey(call.id, hashing);
    if (byId !== undefined) state.claim('callId', byId, owner);
    else if (call.id !== '') state.claim('call', callKey(call, hashing), owner);
    for (const text of textArguments(call)) for (const key of textKeys(text, 1, hashing)) state.claim('text', key, owner);
    if (callsAgent(call.name)) memory.pending = owner.instance;
  }
  if (answer.responseId !== undefined) state.claim('response', hashing.bytes(Buffer.from(answer.responseId), 0n), owner);
  if (answer.text === undefined || inference.outline === undefined) return;
  const text = new TextBytes();
  text.appendText(answer.text);
  const { chain, facts } = inference.outline;
  const hashes = [...callsHashes(answer.toolCalls, input)];
  state.claim('lineage', extendByAnswer(chain, text.trimmed, hashes.at(-1) ?? 0n, hashing), owner);
  // Items of Responses: a client may send each call with its result, and the answer then ends, to whoever reads it, with its first call.
  if (facts.kind === 'input' && hashes.length > 1) {
    const cut = extendByAnswer(chain, text.trimmed, hashes[0], hashing);
    if (state.find('lineage', cut) === undefined) state.claim('lineage', cut, owner);
  }
  if (answer.text.length <= QUOTED_TEXT) for (const key of textKeys(answer.text, QUOTED_LINES, hashing)) state.claim('text', key, owner);
}
