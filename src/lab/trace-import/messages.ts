/**
 * Messages of any dialect as hashed runs: chat completions, Responses items, Anthropic blocks, OpenTelemetry parts. An
 * answer and the same answer in a later prompt get the same hashes: what is said about a message beside its role, text,
 * tool calls and results is left out.
 */
import type { HashedRun, ImportedTool } from './imported-call.ts';
import type { TextHasher } from './text-hasher.ts';

type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const asText = (value: unknown): string => text(value) ?? (value === undefined || value === null ? '' : JSON.stringify(value));

/** Runs of one message, or of one item of a Responses input. */
export function messageRuns(hasher: TextHasher, message: Fields): HashedRun[] {
  const role = roleOf(message);
  return [
    ...contentRuns(hasher, role, message.content ?? message.parts ?? (message.role === undefined ? [message] : undefined)),
    ...toolCallsOf(message).flatMap((call) => callRuns(hasher, call)),
  ];
}

export function messagesRuns(hasher: TextHasher, messages: unknown): HashedRun[] {
  if (typeof messages === 'string') return hasher.runs('user', messages);
  return Array.isArray(messages) ? messages.filter(isFields).flatMap((message) => messageRuns(hasher, message)) : [];
}

/** Runs of tool definitions, whatever their form. */
export function definitionRuns(hasher: TextHasher, definitions: unknown): HashedRun[] {
  return Array.isArray(definitions) ? definitions.flatMap((definition) => hasher.runs('tools', asText(definition))) : [];
}

/** Tools that messages (an answer) call. */
export function calledTools(hasher: TextHasher, messages: unknown): ImportedTool[] {
  if (!Array.isArray(messages)) return [];
  return messages.filter(isFields).flatMap((message) => [
    ...toolCallsOf(message),
    ...[message, ...blocksOf(message)].flatMap((block) => blockCall(block) ?? []),
  ]).map(({ name, input }) => ({ name: hasher.name('tool', name), argumentsHash: hasher.hash('arguments', input) }));
}

/** The system text of a conversation, for telling agents apart. */
export function systemText(messages: unknown): string | undefined {
  const found = Array.isArray(messages) ? messages.filter(isFields).find(({ role }) => role === 'system' || role === 'developer') : undefined;
  return found === undefined ? undefined : asText(found.content ?? found.parts);
}

interface ToolCall { readonly name: string; readonly input: string }

function roleOf(message: Fields): string {
  const { type } = message;
  if (type === 'function_call_output' || type === 'custom_tool_call_output') return 'tool';
  if (type === 'function_call' || type === 'custom_tool_call' || type === 'reasoning') return 'assistant';
  return text(message.role) ?? 'user';
}

function blocksOf(message: Fields): Fields[] {
  const content = message.content ?? message.parts;
  return Array.isArray(content) ? content.filter(isFields) : [];
}

function toolCallsOf(message: Fields): ToolCall[] {
  const calls = Array.isArray(message.tool_calls) ? message.tool_calls.filter(isFields) : [];
  return calls.flatMap((call) => {
    const inner = isFields(call.function) ? call.function : call;
    return typeof inner.name === 'string' ? [{ name: inner.name, input: asText(inner.arguments) }] : [];
  });
}

/** A block or item that calls a tool. */
function blockCall(block: Fields): ToolCall | undefined {
  const calls = ['tool_use', 'tool_call', 'function_call', 'custom_tool_call', 'local_shell_call', 'server_tool_use'];
  if (!calls.includes(String(block.type))) return undefined;
  return { name: text(block.name) ?? String(block.type), input: asText(block.input ?? block.arguments ?? block.action) };
}

function callRuns(hasher: TextHasher, call: ToolCall): HashedRun[] {
  return hasher.runs('assistant', `${call.name}(${call.input})`);
}

function contentRuns(hasher: TextHasher, role: string, content: unknown): HashedRun[] {
  if (typeof content === 'string') return hasher.runs(role, content);
  if (!Array.isArray(content)) return content === undefined || content === null ? [] : hasher.runs(role, asText(content));
  return content.flatMap((block: unknown) => (isFields(block) ? blockRuns(hasher, role, block) : hasher.runs(role, asText(block))));
}

function blockRuns(hasher: TextHasher, role: string, block: Fields): HashedRun[] {
  const call = blockCall(block);
  if (call !== undefined) return callRuns(hasher, call);
  switch (block.type) {
    case 'image': case 'image_url': case 'input_image': case 'blob': case 'uri':
      return [hasher.image(role, asText(block.source ?? block.image_url ?? block.content ?? block.uri))];
    case 'tool_result':
      return contentRuns(hasher, 'tool', block.content);
    case 'tool_call_response':
      return contentRuns(hasher, 'tool', block.response ?? block.result);
    case 'function_call_output': case 'custom_tool_call_output':
      return contentRuns(hasher, 'tool', outputText(block.output));
    default:
      return hasher.runs(role, asText(block.text ?? block.content ?? block.thinking ?? block.summary ?? ''));
  }
}

function outputText(output: unknown): unknown {
  return isFields(output) ? (output.content ?? output) : output;
}
