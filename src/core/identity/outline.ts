/**
 * What inference reads of a body, whatever its dialect: chat completions, Anthropic messages, Responses, completions.
 * Messages become canonical texts that survive what clients do to them: `content` null, "" or absent, arguments
 * re-serialised, ids rewritten.
 */
import { canonicalJson } from './canonical-json.ts';

export interface OutlinedToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

export interface Outline {
  readonly model: string;
  /** System, developer and instruction text, in order. */
  readonly system: string;
  /** All other messages, canonical. */
  readonly messages: readonly string[];
  /** Index of the first message of the assistant; -1 where there is none: the conversation opens with this call. */
  readonly firstAnswer: number;
  readonly firstUser: string;
  readonly toolNames: readonly string[];
  /** Calls that the conversation remembers, oldest first. */
  readonly toolCalls: readonly OutlinedToolCall[];
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as readonly unknown[]) : []);

/** Claude Code puts an attribution header with a changing hash first in its system prompt: it names no agent. */
const ATTRIBUTION = /^x-anthropic-billing-header:/;

interface Parts { text: string; readonly toolCalls: OutlinedToolCall[] }

function readPart(part: unknown, into: Parts): void {
  if (typeof part === 'string') into.text += part;
  if (!isFields(part)) return;
  if (part.type === 'tool_use') into.toolCalls.push({ id: textOf(part.id), name: textOf(part.name), arguments: canonicalJson(part.input) });
  else if (part.type === 'tool_result') into.text += `\u0001result ${canonicalJson(part.content)}`;
  else if (typeof part.text === 'string') into.text += part.text;
  else if (part.type !== 'thinking' && part.type !== 'redacted_thinking') into.text += `\u0001part ${canonicalJson(part)}`;
}

function readContent(content: unknown): Parts {
  const parts: Parts = { text: '', toolCalls: [] };
  for (const part of Array.isArray(content) ? listOf(content) : [content]) readPart(part, parts);
  return parts;
}

/** Arguments arrive as a JSON text; as the canonical text of their value they compare equal however they were written. */
export function canonicalArguments(text: string): string {
  try {
    return canonicalJson(JSON.parse(text) as unknown);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

/** The canonical text of one message; `rememberAnswer` makes the same of an answer as it leaves. */
export function canonicalMessage(role: string, text: string, toolCalls: readonly OutlinedToolCall[]): string {
  const calls = toolCalls.map((call) => `\u0001call ${call.name} ${call.arguments}`).join('');
  return `${role}\u0000${text.trim()}${calls}`;
}

function readMessage(message: Fields): { role: string; parts: Parts } {
  if (message.type === 'function_call') {
    const call = { id: textOf(message.call_id), name: textOf(message.name), arguments: canonicalArguments(textOf(message.arguments)) };
    return { role: 'assistant', parts: { text: '', toolCalls: [call] } };
  }
  if (message.type === 'function_call_output') return { role: 'tool', parts: readContent(message.output) };
  const parts = readContent(message.content);
  for (const call of listOf(message.tool_calls)) {
    if (!isFields(call) || !isFields(call.function)) continue;
    parts.toolCalls.push({ id: textOf(call.id), name: textOf(call.function.name), arguments: canonicalArguments(textOf(call.function.arguments)) });
  }
  return { role: textOf(message.role) || 'user', parts };
}

function toolNamesOf(body: Fields): string[] {
  const names: string[] = [];
  for (const tool of [...listOf(body.tools), ...listOf(body.functions)]) {
    if (!isFields(tool)) continue;
    const name = isFields(tool.function) ? textOf(tool.function.name) : textOf(tool.name) || textOf(tool.type);
    if (name !== '') names.push(name);
  }
  return names;
}

/** Undefined where the body is no object or holds no conversation. */
export function outline(body: unknown): Outline | undefined {
  if (!isFields(body)) return undefined;
  const given = body.messages ?? body.input ?? body.prompt;
  if (given === undefined || given === null) return undefined;
  const system: string[] = [];
  const readSystem = (content: unknown): void => {
    for (const part of Array.isArray(content) ? listOf(content) : [content]) {
      const { text } = readContent([part]);
      if (text !== '' && !ATTRIBUTION.test(text)) system.push(text);
    }
  };
  readSystem(body.system);
  readSystem(body.instructions);
  const messages: string[] = [];
  const toolCalls: OutlinedToolCall[] = [];
  let firstAnswer = -1;
  let firstUser = '';
  for (const entry of body.prompt === undefined ? (Array.isArray(given) ? listOf(given) : [given]) : [given]) {
    if (!isFields(entry)) {
      const text = typeof entry === 'string' ? entry : canonicalJson(entry);
      if (firstUser === '') firstUser = text;
      messages.push(canonicalMessage('user', text, []));
      continue;
    }
    if (entry.role === 'system' || entry.role === 'developer') {
      readSystem(entry.content);
      continue;
    }
    const { role, parts } = readMessage(entry);
    if (role === 'assistant' && firstAnswer < 0) firstAnswer = messages.length;
    if (role === 'user' && firstUser === '') firstUser = parts.text;
    toolCalls.push(...parts.toolCalls);
    messages.push(canonicalMessage(role, parts.text, parts.toolCalls));
  }
  return { model: textOf(body.model), system: system.join('\n'), messages, firstAnswer, firstUser, toolNames: toolNamesOf(body), toolCalls };
}
