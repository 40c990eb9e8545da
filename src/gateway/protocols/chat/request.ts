/** The chat completion request that a translated one becomes. */
import type { JsonObject } from '../../../core/fields.ts';

export type ChatPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string; readonly detail?: string } }
  | { readonly type: 'file'; readonly file: { readonly filename?: string; readonly file_data: string } };

export interface ChatToolCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

export type ChatMessage =
  | { readonly role: 'system'; readonly content: string }
  | { readonly role: 'user'; readonly content: string | readonly ChatPart[] }
  | { readonly role: 'assistant'; readonly content: string | null; readonly reasoning_content?: string; readonly tool_calls?: readonly ChatToolCall[] }
  | { readonly role: 'tool'; readonly tool_call_id: string; readonly content: string | readonly ChatPart[] };

/** Between texts that were blocks of their own: servers before this one's time take one string only. */
const BETWEEN_BLOCKS = '\n\n';

export function joinTexts(texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join(BETWEEN_BLOCKS);
}

/** Text alone as one string, which every server takes; with images or files the parts as they are. */
export function contentOf(parts: readonly ChatPart[]): string | readonly ChatPart[] {
  const texts = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []));
  return texts.length === parts.length ? joinTexts(texts) : parts;
}

/**
 * Leading system messages become one: many models' templates take a single one, and only at the start.
 * @param messages as translated, in order
 */
export function withOneSystemMessage(messages: readonly ChatMessage[]): ChatMessage[] {
  const leading = messages.findIndex((message) => message.role !== 'system');
  const count = leading < 0 ? messages.length : leading;
  const texts = messages.slice(0, count).flatMap((message) => (message.role === 'system' ? [message.content] : []));
  return [...(count === 0 ? [] : [{ role: 'system' as const, content: joinTexts(texts) }]), ...messages.slice(count)];
}

/** Levels of effort that servers with the field know; the strongest that hosted APIs add beyond them is `high` here. */
export function reasoningEffort(effort: string): string {
  return effort === 'xhigh' || effort === 'max' ? 'high' : effort;
}

/** A schema that the answer must fit. */
export function jsonSchemaFormat(format: JsonObject): object {
  const { name = 'answer', schema, strict = true, description } = format;
  return { type: 'json_schema', json_schema: { name, schema, strict, ...(description === undefined || description === null ? {} : { description }) } };
}
