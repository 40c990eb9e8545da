/**
 * What a GenAI span says of its prompt and its answer, in the forms that instrumentations use: the attributes of the
 * semantic conventions (messages as JSON text or structured), the events of their earlier versions, and numbered
 * attributes (`gen_ai.prompt.0.content`, `llm.input_messages.0.message.content`).
 */
import { isFields } from '../messages.ts';
import type { Fields } from '../fields.ts';

export interface SpanMessages {
  readonly definitions: unknown;
  readonly input: readonly Fields[];
  readonly output: readonly Fields[];
}

/** An OTLP attribute's value as plain JSON. */
export function plainValue(value: unknown): unknown {
  if (!isFields(value)) return undefined;
  if ('stringValue' in value) return value.stringValue;
  if ('intValue' in value) return Number(value.intValue);
  if ('doubleValue' in value) return value.doubleValue;
  if ('boolValue' in value) return value.boolValue;
  if (isFields(value.arrayValue)) return Array.isArray(value.arrayValue.values) ? value.arrayValue.values.map(plainValue) : [];
  if (isFields(value.kvlistValue)) return plainAttributes(value.kvlistValue.values);
  return undefined;
}

export function plainAttributes(attributes: unknown): Fields {
  if (!Array.isArray(attributes)) return {};
  return Object.fromEntries(attributes.filter(isFields).map(({ key, value }) => [String(key), plainValue(value)]));
}

function structured(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    // Instrumentations cut long values off: what is left is text.
    return [{ role: 'user', content: value }];
  }
}

const listed = (value: unknown): Fields[] => {
  const plain = structured(value);
  return Array.isArray(plain) ? plain.filter(isFields) : [];
};

const EVENT_ROLES: Readonly<Record<string, string>> = {
  'gen_ai.system.message': 'system', 'gen_ai.user.message': 'user', 'gen_ai.assistant.message': 'assistant', 'gen_ai.tool.message': 'tool',
};

function fromEvents(events: unknown): SpanMessages {
  const input: Fields[] = [];
  const output: Fields[] = [];
  for (const event of Array.isArray(events) ? events.filter(isFields) : []) {
    const attributes = plainAttributes(event.attributes);
    const role = EVENT_ROLES[String(event.name)];
    if (role !== undefined) input.push({ role, content: attributes.content, tool_calls: structured(attributes.tool_calls) });
    else if (event.name === 'gen_ai.choice') {
      const message = structured(attributes.message);
      output.push({ role: 'assistant', ...(isFields(message) ? message : { content: attributes.content ?? attributes.message }) });
    } else if (event.name === 'gen_ai.content.prompt') input.push(...listed(attributes['gen_ai.prompt']));
    else if (event.name === 'gen_ai.content.completion') output.push(...listed(attributes['gen_ai.completion']));
    else if (event.name === 'gen_ai.client.inference.operation.details') {
      const own = fromAttributes(attributes);
      input.push(...own.input);
      output.push(...own.output);
    }
  }
  return { definitions: undefined, input, output };
}

/** `PREFIX.0.role`, `PREFIX.0.content`, in the order of their numbers. */
function numbered(attributes: Fields, prefix: string): Fields[] {
  const messages = new Map<number, Record<string, unknown>>();
  for (const [key, value] of Object.entries(attributes)) {
    const [, index, field] = key.startsWith(`${prefix}.`) ? (/^(\d+)\.(?:message\.)?(role|content|finish_reason|tool_calls\..+)$/.exec(key.slice(prefix.length + 1)) ?? []) : [];
    if (index === undefined) continue;
    const message = messages.get(Number(index)) ?? {};
    messages.set(Number(index), message);
    if (field.startsWith('tool_calls.')) message.content = `${String(message.content ?? '')}${field}=${String(value)}\n`;
    else message[field] = value;
  }
  return [...messages].toSorted(([one], [other]) => one - other).map(([, message]) => message);
}

function fromAttributes(attributes: Fields): SpanMessages {
  const system = listed(attributes['gen_ai.system_instructions']);
  return {
    definitions: structured(attributes['gen_ai.tool.definitions']),
    input: [...(system.length > 0 ? [{ role: 'system', content: system }] : []), ...listed(attributes['gen_ai.input.messages'])],
    output: listed(attributes['gen_ai.output.messages']),
  };
}

export function spanMessages(attributes: Fields, events: unknown): SpanMessages {
  const byConvention = fromAttributes(attributes);
  if (byConvention.input.length > 0) return byConvention;
  const byEvents = fromEvents(events);
  if (byEvents.input.length > 0) return byEvents;
  const first = (...found: Fields[][]): Fields[] => found.find((messages) => messages.length > 0) ?? [];
  return {
    definitions: undefined,
    input: first(numbered(attributes, 'gen_ai.prompt'), numbered(attributes, 'llm.input_messages')),
    output: first(numbered(attributes, 'gen_ai.completion'), numbered(attributes, 'llm.output_messages')),
  };
}
