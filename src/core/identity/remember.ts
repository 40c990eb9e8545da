/** What a call and its answer teach: the writing half of inference. */
import type { SessionId } from '../ids.ts';
import { agentKey, extendChain, SPAWN_TEXT_LENGTH, toolCallKey, type Inference } from './infer.ts';
import { canonicalArguments, canonicalMessage, type OutlinedToolCall } from './outline.ts';
import { claim } from './state.ts';
import type { Identity, IdentityInput } from './types.ts';

export function rememberRequest(input: IdentityInput, identity: Identity, inference: Inference): void {
  const { state, hash } = input;
  const view = inference.outline;
  if (view === undefined) return;
  const session = identity.session.value;
  state.systems.set(hash(view.system), { hash: inference.systemHash, ...(inference.label === undefined ? {} : { label: inference.label }) });
  const chain = inference.chain.at(-1) ?? '';
  if (view.firstAnswer >= 0) claim(state.lineages, chain, session, identity.instance.value);
  const known = state.openers.peek(inference.openerKey);
  const opens = known === undefined || (view.firstAnswer < 0 && known.session !== session);
  state.openers.set(inference.openerKey, { session, chain: opens ? chain : known.chain, count: (known?.count ?? 0) + (opens ? 1 : 0) });
  if (view.toolNames.length > 0) state.agents.set(agentKey(session, inference.systemHash), identity.agent.value);
}

/** An answer as it left: what the next request of this conversation will carry back. */
export interface AnswerOutline {
  /** Its text; undefined where it was too long to keep: then only its tool calls join. */
  readonly text?: string;
  readonly toolCalls: readonly OutlinedToolCall[];
}

/** Long text arguments, for the conversations of sub-agents open with them. */
function spawnTexts(call: OutlinedToolCall): string[] {
  try {
    const parsed = JSON.parse(call.arguments) as unknown;
    if (typeof parsed !== 'object' || parsed === null) return [];
    return Object.values(parsed).filter((value): value is string => typeof value === 'string' && value.trim().length >= SPAWN_TEXT_LENGTH);
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

export function rememberAnswer(input: Pick<IdentityInput, 'state' | 'hash'>, identity: Identity, inference: Inference, answer: AnswerOutline): void {
  const { state, hash } = input;
  const session: SessionId = identity.session.value;
  const instance = identity.instance.value;
  const calls = answer.toolCalls.map((call) => ({ ...call, arguments: canonicalArguments(call.arguments) }));
  for (const call of calls) {
    if (call.id !== '') claim(state.toolCalls, toolCallKey(call, hash), session, instance);
    for (const text of spawnTexts(call)) claim(state.spawns, hash(text.trim()), session, instance);
  }
  if (answer.text === undefined || inference.outline === undefined) return;
  const message = canonicalMessage('assistant', answer.text, calls);
  claim(state.lineages, extendChain(inference.chain.at(-1) ?? '', message, hash), session, instance);
}
