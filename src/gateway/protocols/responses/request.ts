/** A request of OpenAI's Responses as one of chat completions. */
import { arrayBesideString, arrayOf, badField, objectOf, optional, stringOf, type JsonObject } from '../../../core/fields.ts';
import { jsonSchemaFormat, reasoningEffort, withOneSystemMessage, type ChatMessage } from '../chat/request.ts';
import { checkFields, untranslatable, type FieldTable, type LeftOut } from '../field-table.ts';
import { toolsToTranslate } from '../hosted-tools.ts';
import { ItemReader } from './items.ts';
import { chatTools, TOOL_TABLES } from './tools.ts';

export const REQUEST_TABLE: FieldTable = {
  translated: [
    'model', 'input', 'instructions', 'tools', 'tool_choice', 'parallel_tool_calls', 'max_output_tokens', 'temperature', 'top_p', 'text', 'reasoning',
    'stream', 'metadata', 'include', 'truncation', 'background', 'store', 'entresol_force',
  ],
  leftOut: ['user', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_retention', 'service_tier', 'client_metadata', 'stream_options', 'max_tool_calls'],
};
export const TEXT_TABLE: FieldTable = { translated: ['format'], leftOut: ['verbosity'] };
export const REASONING_TABLE: FieldTable = { translated: ['effort'], leftOut: ['summary', 'generate_summary'] };
export const FORMAT_TABLE: FieldTable = { translated: ['type', 'name', 'schema', 'strict', 'description'] };

/** What may be asked to be included without there being any of it here. */
const EMPTY_INCLUSIONS = /^(?:reasoning\.encrypted_content|(?:file_search|web_search|code_interpreter|computer)_call(?:_output)?\..+|message\.input_image\.image_url)$/;

function messagesOf(body: JsonObject, leftOut: LeftOut): ChatMessage[] {
  const instructions = optional(body, 'instructions', stringOf) ?? '';
  const reader = new ItemReader(leftOut);
  if (typeof body.input === 'string') reader.read({ role: 'user', content: body.input }, 'input');
  else arrayBesideString(body.input, 'input').forEach((item, index) => reader.read(item, `input[${index}]`));
  return withOneSystemMessage([...(instructions === '' ? [] : [{ role: 'system' as const, content: instructions }]), ...reader.finish()]);
}

function toolChoice(value: unknown): unknown {
  if (typeof value === 'string') return value;
  const choice = objectOf(value, 'tool_choice');
  if (choice.type !== 'function' && choice.type !== 'custom') throw untranslatable('tool_choice');
  return { type: 'function', function: { name: stringOf(choice.name, 'tool_choice.name') } };
}

function textFormat(value: unknown, leftOut: LeftOut): JsonObject {
  const text = objectOf(value, 'text');
  checkFields(text, 'text', TEXT_TABLE, leftOut);
  const format = optional(text, 'format', objectOf, 'text.format');
  if (format === undefined || format.type === 'text') return {};
  checkFields(format, 'text.format', FORMAT_TABLE, leftOut);
  if (format.type === 'json_object') return { response_format: { type: 'json_object' } };
  if (format.type !== 'json_schema') throw badField('text.format.type', 'must be "text", "json_object" or "json_schema"');
  return { response_format: jsonSchemaFormat({ ...format, schema: objectOf(format.schema, 'text.format.schema') }) };
}

function effortOf(value: unknown, leftOut: LeftOut): JsonObject {
  const reasoning = objectOf(value, 'reasoning');
  checkFields(reasoning, 'reasoning', REASONING_TABLE, leftOut);
  const effort = optional(reasoning, 'effort', stringOf, 'reasoning.effort');
  return effort === undefined ? {} : { reasoning_effort: reasoningEffort(effort) };
}

/** What asks the server for more than an answer. */
function refuseServices(body: JsonObject): void {
  if (body.background === true) throw untranslatable('background', 'asks for an answer that comes later');
  if (body.truncation !== undefined && body.truncation !== null && body.truncation !== 'disabled') throw untranslatable('truncation');
}

/** @throws EntresolError `ENT_BAD_REQUEST`, `ENT_UNTRANSLATABLE`, naming the place */
export function chatFromResponses(body: JsonObject, leftOut: LeftOut): JsonObject {
  refuseServices(body);
  checkFields(body, '', REQUEST_TABLE, leftOut);
  (optional(body, 'include', arrayOf) ?? []).forEach((name, index) => {
    if (typeof name !== 'string' || !EMPTY_INCLUSIONS.test(name)) throw untranslatable(`include[${index}]`);
  });
  const tools = toolsToTranslate(optional(body, 'tools', arrayOf) ?? [], (type) => !Object.hasOwn(TOOL_TABLES, type), leftOut);
  const copied = Object.fromEntries(['model', 'temperature', 'top_p', 'entresol_force'].flatMap((name) => (body[name] === undefined || body[name] === null ? [] : [[name, body[name]]])));
  return {
    ...copied,
    messages: messagesOf(body, leftOut),
    ...optional(body, 'max_output_tokens', (limit) => ({ max_tokens: limit })),
    ...(tools.length === 0 ? {} : { tools: chatTools(tools, leftOut) }),
    // Without tools some servers refuse what is said about them, and clients say it by habit.
    ...(tools.length === 0 && body.tool_choice === 'auto' ? {} : optional(body, 'tool_choice', (choice) => ({ tool_choice: toolChoice(choice) }))),
    ...(tools.length === 0 ? {} : optional(body, 'parallel_tool_calls', (parallel) => ({ parallel_tool_calls: parallel }))),
    ...optional(body, 'text', (text) => textFormat(text, leftOut)),
    ...optional(body, 'reasoning', (reasoning) => effortOf(reasoning, leftOut)),
    ...(body.stream === true ? { stream: true, stream_options: { include_usage: true } } : {}),
  };
}
