/** A chat completion request, checked and in our own words. */
import { arrayOf, badField, booleanOf, isObject, objectOf, optional, refuseUnless, stringOf, type JsonObject } from '../../../core/fields.ts';
import type { ToolCallText } from './forced-answer.ts';
import { readSampling, type SamplingOptions } from './sampling.ts';

export type ChatMessage =
  | { readonly role: 'system' | 'user'; readonly text: string; readonly name?: string }
  | { readonly role: 'assistant'; readonly text: string; readonly toolCalls: readonly IdentifiedToolCall[] }
  | { readonly role: 'tool'; readonly text: string; readonly toolCallId: string };

export interface IdentifiedToolCall extends ToolCallText {
  /** What tool messages refer to; empty where a client leaves it out. */
  readonly id: string;
}

export interface ChatTool {
  readonly name: string;
  readonly description?: string;
  readonly parameters?: JsonObject;
}

export interface ChatRequest extends SamplingOptions {
  readonly messages: readonly ChatMessage[];
  /** Empty too where the client forbids calls (`tool_choice: "none"`). */
  readonly tools: readonly ChatTool[];
  readonly parallelToolCalls: boolean;
}

function textOfPart(part: unknown, at: string): string {
  const { type, text, refusal } = objectOf(part, at);
  if (type === 'refusal') return stringOf(refusal, `${at}.refusal`);
  if (type !== 'text') throw badField(`${at}.type`, 'must be "text": this engine reads text only');
  return stringOf(text, `${at}.text`);
}

function textOf(content: unknown, at: string): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) throw badField(at, 'must be a string or an array of parts');
  return content.map((part, index) => textOfPart(part, `${at}[${index}]`)).join('');
}

function toolCallOf(value: unknown, at: string): IdentifiedToolCall {
  const call = objectOf(value, at);
  const calledFunction = objectOf(call.function, `${at}.function`);
  return { id: optional(call, 'id', stringOf, `${at}.id`) ?? '', name: stringOf(calledFunction.name, `${at}.function.name`), argumentsJson: stringOf(calledFunction.arguments, `${at}.function.arguments`) };
}

function messageOf(value: unknown, at: string): ChatMessage {
  const message = objectOf(value, at);
  const content = `${at}.content`;
  switch (message.role) {
    case 'system':
    case 'developer':
    case 'user': {
      const name = optional(message, 'name', stringOf, `${at}.name`);
      return { role: message.role === 'user' ? 'user' : 'system', text: textOf(message.content, content), ...(name === undefined ? {} : { name }) };
    }
    case 'assistant': {
      const calls = optional(message, 'tool_calls', arrayOf, `${at}.tool_calls`) ?? [];
      if (message.content === undefined && calls.length === 0) throw badField(content, 'is missing');
      return {
        role: 'assistant',
        text: message.content === undefined || message.content === null ? '' : textOf(message.content, content),
        toolCalls: calls.map((call, index) => toolCallOf(call, `${at}.tool_calls[${index}]`)),
      };
    }
    case 'tool': return { role: 'tool', text: textOf(message.content, content), toolCallId: stringOf(message.tool_call_id, `${at}.tool_call_id`) };
    default: throw badField(`${at}.role`, 'must be system, developer, user, assistant or tool');
  }
}

function toolOf(value: unknown, at: string): ChatTool {
  const tool = objectOf(value, at);
  if (tool.type !== 'function') throw badField(`${at}.type`, 'must be "function"');
  const offered = objectOf(tool.function, `${at}.function`);
  return {
    name: stringOf(offered.name, `${at}.function.name`),
    description: optional(offered, 'description', stringOf, `${at}.function.description`),
    parameters: optional(offered, 'parameters', objectOf, `${at}.function.parameters`),
  };
}

function isPlainText(value: unknown): boolean {
  return isObject(value) && value.type === 'text';
}

/** @throws EntresolError `ENT_BAD_REQUEST` naming the field */
export function readChatRequest(body: JsonObject, teacherForcing: boolean): ChatRequest {
  refuseUnless(body, 'logprobs', (value) => value === false);
  refuseUnless(body, 'top_logprobs', () => false);
  refuseUnless(body, 'response_format', isPlainText);
  refuseUnless(body, 'top_k', (value) => value === -1 || value === 0);
  refuseUnless(body, 'functions', () => false);
  refuseUnless(body, 'function_call', () => false);
  refuseUnless(body, 'audio', () => false);
  refuseUnless(body, 'modalities', (value) => Array.isArray(value) && value.every((modality) => modality === 'text'));
  refuseUnless(body, 'tool_choice', (value) => value === 'auto' || value === 'none');
  const messages = arrayOf(body.messages, 'messages');
  if (messages.length === 0) throw badField('messages', 'must not be empty');
  const tools = optional(body, 'tools', arrayOf) ?? [];
  return {
    ...readSampling(body, teacherForcing),
    messages: messages.map((message, index) => messageOf(message, `messages[${index}]`)),
    tools: body.tool_choice === 'none' ? [] : tools.map((tool, index) => toolOf(tool, `tools[${index}]`)),
    parallelToolCalls: optional(body, 'parallel_tool_calls', booleanOf) ?? true,
  };
}
