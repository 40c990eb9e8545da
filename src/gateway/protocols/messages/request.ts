/** A request of Anthropic's Messages as one of chat completions. */
import { arrayOf, badField, isObject, objectOf, optional, stringOf, type JsonObject } from '../../../core/fields.ts';
import { jsonSchemaFormat, joinTexts, reasoningEffort, withOneSystemMessage, type ChatMessage } from '../chat/request.ts';
import { checkFields, untranslatable, type FieldTable, type LeftOut } from '../field-table.ts';
import { LEAVE_OUT_HINT, toolsToTranslate } from '../hosted-tools.ts';
import { assistantMessage, partsOf, userMessages } from './content.ts';

export const REQUEST_TABLE: FieldTable = {
  translated: [
    'model', 'max_tokens', 'messages', 'system', 'tools', 'tool_choice', 'temperature', 'top_p', 'top_k', 'stop_sequences', 'stream',
    'output_config', 'output_format', 'context_management', 'entresol_force',
  ],
  leftOut: ['metadata', 'service_tier', 'speed', 'thinking', 'cache_control'],
};
export const TOOL_TABLE: FieldTable = { translated: ['type', 'name', 'description', 'input_schema', 'strict'], leftOut: ['cache_control', 'eager_input_streaming'] };
export const TOOL_CHOICE_TABLE: FieldTable = { translated: ['type', 'name', 'disable_parallel_tool_use'] };
export const OUTPUT_TABLE: FieldTable = { translated: ['effort', 'format'] };

/** Addressed to Anthropic's accounting, and different in every conversation: before a cache of prefixes it would cost each its hits. */
const ATTRIBUTION = /^x-anthropic-billing-header:/;

function systemText(system: unknown, at: string, leftOut: LeftOut): string {
  const parts = partsOf(system, at, leftOut);
  const texts = parts.map((part, index) => {
    if (part.type !== 'text') throw badField(`${at}[${index}].type`, 'must be "text"');
    return part.text;
  });
  const kept = texts.filter((text) => !ATTRIBUTION.test(text));
  if (kept.length < texts.length) leftOut.add('x-anthropic-billing-header');
  return joinTexts(kept);
}

function messagesOf(body: JsonObject, leftOut: LeftOut): ChatMessage[] {
  const messages = arrayOf(body.messages, 'messages').flatMap((value, index): ChatMessage[] => {
    const at = `messages[${index}]`;
    const message = objectOf(value, at);
    checkFields(message, at, { translated: ['role', 'content'] }, leftOut);
    const { content } = message;
    if (message.role === 'user') return userMessages(content, `${at}.content`, leftOut);
    if (message.role === 'assistant') return [assistantMessage(content, `${at}.content`, leftOut)];
    if (message.role === 'system') return [{ role: 'system', content: systemText(content, `${at}.content`, leftOut) }];
    throw badField(`${at}.role`, 'must be "user" or "assistant"');
  });
  if (messages.at(-1)?.role === 'assistant') throw untranslatable('messages', 'ends with an answer to be continued, which chat completions cannot do');
  return messages;
}

function toolOf(value: unknown, at: string, leftOut: LeftOut): object {
  const tool = objectOf(value, at);
  const { type } = tool;
  if (type !== undefined && type !== null && type !== 'custom') throw untranslatable(`${at}.type`, `is ${JSON.stringify(type)}, a tool that only Anthropic's API has; ${LEAVE_OUT_HINT}`);
  checkFields(tool, at, TOOL_TABLE, leftOut);
  const description = optional(tool, 'description', stringOf, `${at}.description`);
  return {
    type: 'function',
    function: {
      name: stringOf(tool.name, `${at}.name`),
      ...(description === undefined ? {} : { description }),
      parameters: objectOf(tool.input_schema, `${at}.input_schema`),
      ...(typeof tool.strict === 'boolean' ? { strict: tool.strict } : {}),
    },
  };
}

const TOOL_CHOICES: Readonly<Record<string, string>> = { auto: 'auto', any: 'required', none: 'none' };

function toolChoice(choice: JsonObject, tools: readonly { readonly tool: unknown }[], leftOut: LeftOut): JsonObject {
  checkFields(choice, 'tool_choice', TOOL_CHOICE_TABLE, leftOut);
  const type = stringOf(choice.type, 'tool_choice.type');
  if (type === 'tool' && leftOut.hostedTools === 'leave-out' && !tools.some(({ tool }) => isObject(tool) && tool.name === choice.name)) throw untranslatable('tool_choice.name', 'names no tool that is left');
  const named = type === 'tool' ? { type: 'function', function: { name: stringOf(choice.name, 'tool_choice.name') } } : undefined;
  const chosen = named ?? (Object.hasOwn(TOOL_CHOICES, type) ? TOOL_CHOICES[type] : undefined);
  if (chosen === undefined) throw badField('tool_choice.type', 'must be "auto", "any", "tool" or "none"');
  return { tool_choice: chosen, ...(choice.disable_parallel_tool_use === true ? { parallel_tool_calls: false } : {}) };
}

function formatOf(value: unknown, at: string): JsonObject {
  const format = objectOf(value, at);
  if (format.type !== 'json_schema') throw untranslatable(`${at}.type`);
  return { response_format: jsonSchemaFormat({ schema: objectOf(format.schema, `${at}.schema`) }) };
}

function outputConfig(config: JsonObject, leftOut: LeftOut): JsonObject {
  checkFields(config, 'output_config', OUTPUT_TABLE, leftOut);
  const effort = optional(config, 'effort', stringOf, 'output_config.effort');
  return { ...(effort === undefined ? {} : { reasoning_effort: reasoningEffort(effort) }), ...optional(config, 'format', formatOf, 'output_config.format') };
}

/** Edits that the server would make to the prompt: thinking of earlier turns is not in it here, all else would be. */
function checkContextEdits(value: unknown, leftOut: LeftOut): void {
  const management = objectOf(value, 'context_management');
  checkFields(management, 'context_management', { translated: ['edits'] }, leftOut);
  (optional(management, 'edits', arrayOf, 'context_management.edits') ?? []).forEach((edit, index) => {
    if (isObject(edit) && typeof edit.type === 'string' && edit.type.startsWith('clear_thinking_')) leftOut.add('context_management');
    else throw untranslatable(`context_management.edits[${index}]`);
  });
}

/** @throws EntresolError `ENT_BAD_REQUEST`, `ENT_UNTRANSLATABLE`, naming the place */
export function chatFromMessages(body: JsonObject, leftOut: LeftOut): JsonObject {
  checkFields(body, '', REQUEST_TABLE, leftOut);
  optional(body, 'context_management', (value) => checkContextEdits(value, leftOut));
  const system = optional(body, 'system', (value, at) => systemText(value, at, leftOut)) ?? '';
  const tools = toolsToTranslate(optional(body, 'tools', arrayOf) ?? [], (type) => type !== 'custom', leftOut);
  const copied = Object.fromEntries(['model', 'max_tokens', 'temperature', 'top_p', 'top_k', 'entresol_force'].flatMap((name) => (body[name] === undefined || body[name] === null ? [] : [[name, body[name]]])));
  return {
    ...copied,
    messages: withOneSystemMessage([...(system === '' ? [] : [{ role: 'system' as const, content: system }]), ...messagesOf(body, leftOut)]),
    ...(tools.length === 0 ? {} : { tools: tools.map(({ tool, index }) => toolOf(tool, `tools[${index}]`, leftOut)) }),
    ...optional(body, 'tool_choice', (value, at) => toolChoice(objectOf(value, at), tools, leftOut)),
    ...(body.stop_sequences === undefined || body.stop_sequences === null ? {} : { stop: body.stop_sequences }),
    ...optional(body, 'output_format', formatOf),
    ...optional(body, 'output_config', (value, at) => outputConfig(objectOf(value, at), leftOut)),
    ...(body.stream === true ? { stream: true, stream_options: { include_usage: true } } : {}),
  };
}
