/** Content blocks of Anthropic's Messages as messages of a chat completion. */
import { arrayBesideString, badField, isObject, objectOf, optional, stringOf, type JsonObject } from '../../../core/fields.ts';
import { contentOf, joinTexts, type ChatMessage, type ChatPart, type ChatToolCall } from '../chat/request.ts';
import { checkFields, untranslatable, type FieldTable, type LeftOut } from '../field-table.ts';

export const BLOCK_TABLES: Readonly<Record<string, FieldTable>> = {
  text: { translated: ['type', 'text'], leftOut: ['cache_control', 'citations'] },
  image: { translated: ['type', 'source'], leftOut: ['cache_control'] },
  document: { translated: ['type', 'source', 'title', 'context'], leftOut: ['cache_control'] },
  tool_use: { translated: ['type', 'id', 'name', 'input'], leftOut: ['cache_control', 'caller'] },
  tool_result: { translated: ['type', 'tool_use_id', 'content', 'is_error'], leftOut: ['cache_control'] },
  thinking: { translated: ['type', 'thinking'], leftOut: ['signature'] },
};

function blockOf(value: unknown, at: string, leftOut: LeftOut): JsonObject & { readonly type: string } {
  const block = objectOf(value, at);
  const type = stringOf(block.type, `${at}.type`);
  const table = Object.hasOwn(BLOCK_TABLES, type) ? BLOCK_TABLES[type] : undefined;
  if (table === undefined) throw untranslatable(`${at}.type`, `is ${JSON.stringify(type)}, which chat completions have no counterpart of`);
  // Citations are asked for by an object; one that switches them off asks for nothing.
  const asked = type === 'document' && isObject(block.citations) && block.citations.enabled === false ? { ...block, citations: undefined } : block;
  checkFields(asked, at, table, leftOut);
  return block as JsonObject & { readonly type: string };
}

function imagePart(block: JsonObject, at: string): ChatPart {
  const source = objectOf(block.source, `${at}.source`);
  if (source.type === 'url') return { type: 'image_url', image_url: { url: stringOf(source.url, `${at}.source.url`) } };
  if (source.type !== 'base64') throw untranslatable(`${at}.source`);
  return { type: 'image_url', image_url: { url: `data:${stringOf(source.media_type, `${at}.source.media_type`)};base64,${stringOf(source.data, `${at}.source.data`)}` } };
}

function documentParts(block: JsonObject, at: string, leftOut: LeftOut): ChatPart[] {
  const source = objectOf(block.source, `${at}.source`);
  const title = optional(block, 'title', stringOf, `${at}.title`);
  const heading = [title, optional(block, 'context', stringOf, `${at}.context`)].filter((text) => text !== undefined);
  const headed = heading.map((text): ChatPart => ({ type: 'text', text }));
  if (source.type === 'text') return [...headed, { type: 'text', text: stringOf(source.data, `${at}.source.data`) }];
  if (source.type === 'content') return [...headed, ...partsOf(source.content, `${at}.source.content`, leftOut)];
  if (source.type !== 'base64') throw untranslatable(`${at}.source`);
  const data = `data:${stringOf(source.media_type, `${at}.source.media_type`)};base64,${stringOf(source.data, `${at}.source.data`)}`;
  return [...headed, { type: 'file', file: { filename: title ?? 'document', file_data: data } }];
}

function partsOfBlock(block: JsonObject & { readonly type: string }, at: string, leftOut: LeftOut): ChatPart[] {
  if (block.type === 'text') return [{ type: 'text', text: stringOf(block.text, `${at}.text`) }];
  if (block.type === 'image') return [imagePart(block, at)];
  if (block.type === 'document') return documentParts(block, at, leftOut);
  throw badField(`${at}.type`, `must not be ${JSON.stringify(block.type)} here`);
}

/** Text, images and documents: what users, systems and results of tools say. */
export function partsOf(content: unknown, at: string, leftOut: LeftOut): ChatPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return arrayBesideString(content, at).flatMap((value, index) => {
    const place = `${at}[${index}]`;
    return partsOfBlock(blockOf(value, place, leftOut), place, leftOut);
  });
}

/** Chat completions have no mark for a failed call: its text says so, as most already do. */
function asFailed(content: string | readonly ChatPart[]): string | readonly ChatPart[] {
  if (typeof content !== 'string') return [{ type: 'text', text: 'Error:' }, ...content];
  return /^\W*error/i.test(content) ? content : joinTexts(['Error:', content]);
}

function toolMessage(block: JsonObject, at: string, leftOut: LeftOut): ChatMessage {
  const content = block.content === undefined || block.content === null ? '' : contentOf(partsOf(block.content, `${at}.content`, leftOut));
  return { role: 'tool', tool_call_id: stringOf(block.tool_use_id, `${at}.tool_use_id`), content: block.is_error === true ? asFailed(content) : content };
}

/** Results come first, whatever their place: chat completions want them right after the calls. */
export function userMessages(content: unknown, at: string, leftOut: LeftOut): ChatMessage[] {
  if (typeof content === 'string') return [{ role: 'user', content }];
  const results: ChatMessage[] = [];
  const parts: ChatPart[] = [];
  arrayBesideString(content, at).forEach((value, index) => {
    const place = `${at}[${index}]`;
    const block = blockOf(value, place, leftOut);
    if (block.type === 'tool_result') results.push(toolMessage(block, place, leftOut));
    else parts.push(...partsOfBlock(block, place, leftOut));
  });
  return [...results, ...(parts.length === 0 ? [] : [{ role: 'user' as const, content: contentOf(parts) }])];
}

export function assistantMessage(content: unknown, at: string, leftOut: LeftOut): ChatMessage {
  if (typeof content === 'string') return { role: 'assistant', content };
  const text: string[] = [];
  const thinking: string[] = [];
  const toolCalls: ChatToolCall[] = [];
  arrayBesideString(content, at).forEach((value, index) => {
    const place = `${at}[${index}]`;
    const block = blockOf(value, place, leftOut);
    if (block.type === 'text') text.push(stringOf(block.text, `${place}.text`));
    else if (block.type === 'thinking') thinking.push(stringOf(block.thinking, `${place}.thinking`));
    else if (block.type === 'tool_use') toolCalls.push({ id: stringOf(block.id, `${place}.id`), type: 'function', function: { name: stringOf(block.name, `${place}.name`), arguments: JSON.stringify(objectOf(block.input ?? {}, `${place}.input`)) } });
    else throw untranslatable(`${place}.type`, `is ${JSON.stringify(block.type)}, which an answer in chat completions cannot hold`);
  });
  return {
    role: 'assistant',
    // The blocks of an answer are one text that was cut: nothing stands between them.
    content: text.length === 0 && toolCalls.length > 0 ? null : text.join(''),
    ...(thinking.length === 0 ? {} : { reasoning_content: thinking.join('') }),
    ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls }),
  };
}
