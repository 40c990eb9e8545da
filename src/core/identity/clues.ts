/** The keys by which a later call finds the conversation that it goes on with: hashes of ids, calls and texts. */
import { canonicalJson } from './canonical-json.ts';
import type { Hashing } from './hashing.ts';
import { LEAST_ID } from './outline/call-ids.ts';
import type { OutlinedToolCall } from './outline/outline.ts';

/** Shorter texts open many conversations and are quoted by chance. */
export const LEAST_TEXT = 24;
/** Of a long text so many lines are looked at. */
const MAXIMUM_LINES = 48;

/** What frameworks put before the words of another agent when they quote them (autogen, google-adk, crewai, smolagents). */
const QUOTING = /^(?:\[[^\]\n]{1,60}\] (?:said|called tool): ?|For context:\s*|This is the context you're working with:\s*|Observation:\s*|["'`>\-*\s]+)/;

const textHash = (text: string, hashing: Hashing): bigint => hashing.bytes(Buffer.from(text), 0n);

/** Arguments arrive as a JSON text; as the canonical text of their value they compare equal however they were written. */
function canonicalArguments(text: string): string {
  try {
    return canonicalJson(JSON.parse(text) as unknown);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

/** By id, name and arguments: some engines count `call_0`, `call_1` in every answer. */
export function callKey(call: OutlinedToolCall, hashing: Hashing): bigint {
  return textHash(`${call.id}\u0000${call.name}\u0000${canonicalArguments(call.arguments)}`, hashing);
}

/** By the id alone, for clients that rewrite calls; undefined where it is too short to be the only one. */
export function callIdKey(id: string, hashing: Hashing): bigint | undefined {
  return id.length < LEAST_ID ? undefined : textHash(id, hashing);
}

/** A text as it may come again: whole, and by its first lines. */
export function* textKeys(text: string, maximumLines: number, hashing: Hashing): Generator<bigint> {
  const whole = text.trim();
  if (whole.length < LEAST_TEXT) return;
  yield textHash(whole, hashing);
  let lines = 0;
  for (const written of whole.split('\n', MAXIMUM_LINES * 4)) {
    const line = written.trim().replace(QUOTING, '').trim();
    if (line.length < LEAST_TEXT || line === whole) continue;
    if (lines >= maximumLines) return;
    lines += 1;
    yield textHash(line, hashing);
  }
}

/** The keys under which a conversation that opens with this text looks for what it was made from. */
export const openingKeys = (text: string, hashing: Hashing): Generator<bigint> => textKeys(text, MAXIMUM_LINES, hashing);

/** Tools by which agents call agents, or hand over to them. */
const CALLS_AGENT = /^(?:task|agent|spawn_?agent|run_?agent|dispatch_agent|new_task|send_to_agent|transfer_(?:back_)?to_.+|hand_?off.*|delegate.*|agent[-_].+|.+[-_]agent|ask_.+)$/i;
export const callsAgent = (tool: string): boolean => CALLS_AGENT.test(tool);

/** Long text arguments: the conversations of sub-agents open with them. */
export function textArguments(call: OutlinedToolCall): string[] {
  try {
    const parsed = JSON.parse(call.arguments) as unknown;
    if (typeof parsed === 'string') return [parsed];
    if (typeof parsed !== 'object' || parsed === null) return [];
    return Object.values(parsed).filter((value): value is string => typeof value === 'string' && value.trim().length >= LEAST_TEXT);
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}
