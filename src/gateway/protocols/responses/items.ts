/** Input items of OpenAI's Responses as messages of a chat completion. */
import { arrayBesideString, arrayOf, badField, objectOf, optional, stringOf, type JsonObject } from '../../../core/fields.ts';
import { contentOf, joinTexts, type ChatMessage, type ChatPart, type ChatToolCall } from '../chat/request.ts';
import { chatName } from './tools.ts';
import { checkFields, untranslatable, type FieldTable, type LeftOut } from '../field-table.ts';

export const ITEM_TABLES: Readonly<Record<string, FieldTable>> = {
  message: { translated: ['type', 'role', 'content'], leftOut: ['id', 'status', 'phase'] },
  function_call: { translated: ['type', 'call_id', 'name', 'namespace', 'arguments'], leftOut: ['id', 'status'] },
  function_call_output: { translated: ['type', 'call_id', 'output'], leftOut: ['id', 'status', 'name'] },
  custom_tool_call: { translated: ['type', 'call_id', 'name', 'input'], leftOut: ['id', 'status'] },
  custom_tool_call_output: { translated: ['type', 'call_id', 'output'], leftOut: ['id', 'status', 'name'] },
  reasoning: { translated: ['type', 'summary', 'content'], leftOut: ['id', 'status', 'encrypted_content'] },
};
export const PART_TABLES: Readonly<Record<string, FieldTable>> = {
  input_text: { translated: ['type', 'text'] },
  output_text: { translated: ['type', 'text'], leftOut: ['annotations', 'logprobs'] },
  text: { translated: ['type', 'text'] },
  refusal: { translated: ['type', 'refusal'] },
  input_image: { translated: ['type', 'image_url', 'detail'] },
  input_file: { translated: ['type', 'file_data', 'filename'] },
};

function partOf(value: unknown, at: string, leftOut: LeftOut): ChatPart {
  const part = objectOf(value, at);
  const type = stringOf(part.type, `${at}.type`);
  const table = Object.hasOwn(PART_TABLES, type) ? PART_TABLES[type] : undefined;
  if (table === undefined) throw untranslatable(`${at}.type`, `is ${JSON.stringify(type)}, which chat completions have no counterpart of`);
  checkFields(part, at, table, leftOut);
  if (type === 'input_image') {
    const detail = optional(part, 'detail', stringOf, `${at}.detail`);
    return { type: 'image_url', image_url: { url: stringOf(part.image_url, `${at}.image_url`), ...(detail === undefined ? {} : { detail }) } };
  }
  if (type === 'input_file') {
    const filename = optional(part, 'filename', stringOf, `${at}.filename`);
    return { type: 'file', file: { file_data: stringOf(part.file_data, `${at}.file_data`), ...(filename === undefined ? {} : { filename }) } };
  }
  return { type: 'text', text: type === 'refusal' ? stringOf(part.refusal, `${at}.refusal`) : stringOf(part.text, `${at}.text`) };
}

function partsOf(content: unknown, at: string, leftOut: LeftOut): ChatPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return arrayBesideString(content, at).map((part, index) => partOf(part, `${at}[${index}]`, leftOut));
}

function textOf(content: unknown, at: string, leftOut: LeftOut, join: (texts: readonly string[]) => string): string {
  return join(partsOf(content, at, leftOut).map((part, index) => {
    if (part.type !== 'text') throw untranslatable(`${at}[${index}]`, 'must be text');
    return part.text;
  }));
}

/** What an answer said comes back as several items; in chat completions it is one message. */
interface OpenAnswer {
  text: string[];
  reasoning: string[];
  toolCalls: ChatToolCall[];
}

/** Collects items in order; those of one answer are joined until a user, a system or a tool speaks. */
export class ItemReader {
  readonly messages: ChatMessage[] = [];
  private readonly leftOut: LeftOut;
  private answer: OpenAnswer | undefined;

  constructor(leftOut: LeftOut) {
    this.leftOut = leftOut;
  }

  read(value: unknown, at: string): void {
    const item = objectOf(value, at);
    // An item with a role alone is a message: the short form.
    const type = item.type === undefined || item.type === null ? 'message' : stringOf(item.type, `${at}.type`);
    // Of a search that the API has made, this says no more than that there was one: what was found is in the answer.
    if (type === 'web_search_call' && this.leftOut.hostedTools === 'leave-out') {
      this.leftOut.add(type);
      return;
    }
    const table = Object.hasOwn(ITEM_TABLES, type) ? ITEM_TABLES[type] : undefined;
    if (table === undefined) throw untranslatable(`${at}.type`, `is ${JSON.stringify(type)}, which chat completions have no counterpart of`);
    checkFields(item, at, table, this.leftOut);
    if (type === 'message') this.readMessage(item, at);
    else if (type === 'reasoning') this.readReasoning(item, at);
    else if (type === 'function_call') this.readCall(item, stringOf(item.arguments, `${at}.arguments`), at);
    else if (type === 'custom_tool_call') this.readCall(item, JSON.stringify({ input: stringOf(item.input, `${at}.input`) }), at);
    else this.say({ role: 'tool', tool_call_id: stringOf(item.call_id, `${at}.call_id`), content: contentOf(partsOf(item.output, `${at}.output`, this.leftOut)) });
  }

  /** After the last item. */
  finish(): readonly ChatMessage[] {
    const { answer } = this;
    this.answer = undefined;
    if (answer === undefined) return this.messages;
    const { text, reasoning, toolCalls } = answer;
    // Reasoning that nothing followed is of an answer that was cut off: there is no message to hang it on.
    if (text.length === 0 && toolCalls.length === 0) return this.messages;
    this.messages.push({
      role: 'assistant', content: text.length === 0 ? null : text.join(''),
      ...(reasoning.length === 0 ? {} : { reasoning_content: joinTexts(reasoning) }),
      ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls }),
    });
    return this.messages;
  }

  private say(message: ChatMessage): void {
    this.finish();
    this.messages.push(message);
  }

  private open(): OpenAnswer {
    return (this.answer ??= { text: [], reasoning: [], toolCalls: [] });
  }

  private readMessage(item: JsonObject, at: string): void {
    const content = `${at}.content`;
    if (item.role === 'assistant') {
      // A second answer, not more of the first: text after calls belongs to the next message.
      if (this.open().toolCalls.length > 0) this.finish();
      this.open().text.push(textOf(item.content, content, this.leftOut, (texts) => texts.join('')));
    } else if (item.role === 'system' || item.role === 'developer') this.say({ role: 'system', content: textOf(item.content, content, this.leftOut, joinTexts) });
    else if (item.role === 'user') this.say({ role: 'user', content: contentOf(partsOf(item.content, content, this.leftOut)) });
    else throw badField(`${at}.role`, 'must be "user", "assistant", "system" or "developer"');
  }

  private readCall(item: JsonObject, json: string, at: string): void {
    this.open().toolCalls.push({ id: stringOf(item.call_id, `${at}.call_id`), type: 'function', function: { name: chatName(stringOf(item.name, `${at}.name`), item.namespace), arguments: json } });
  }

  private readReasoning(item: JsonObject, at: string): void {
    const texts = ['content', 'summary'].map((name) => (optional(item, name, arrayOf, `${at}.${name}`) ?? []).map((part, index) => stringOf(objectOf(part, `${at}.${name}[${index}]`).text, `${at}.${name}[${index}].text`)));
    const told = texts.find((list) => list.length > 0) ?? [];
    if (told.length === 0 && typeof item.encrypted_content === 'string') throw untranslatable(`${at}.encrypted_content`, 'can be read by the API alone that wrote it');
    if ((this.answer?.toolCalls.length ?? 0) > 0) this.finish();
    if (told.length > 0) this.open().reasoning.push(...told);
  }
}
