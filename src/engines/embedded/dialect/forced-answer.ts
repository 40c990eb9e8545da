import { arrayOf, badField, integerFrom, objectOf, optional, stringOf } from '../../../core/fields.ts';

/** Teacher forcing: what the engine is to decode, at real cost, in place of what it would choose. */
export type ForcedAnswer =
  | { readonly kind: 'tokens'; readonly tokens: Int32Array }
  | { readonly kind: 'message'; readonly content: string; readonly toolCalls: readonly ToolCallText[] };

/** A call of a tool with its arguments as JSON text, kept as written. */
export interface ToolCallText {
  readonly name: string;
  readonly argumentsJson: string;
}

function forcedToolCall(value: unknown, at: string): ToolCallText {
  const call = objectOf(value, at);
  const given = call.arguments ?? {};
  return { name: stringOf(call.name, `${at}.name`), argumentsJson: typeof given === 'string' ? given : JSON.stringify(objectOf(given, `${at}.arguments`)) };
}

/** @throws EntresolError `ENT_BAD_REQUEST` if the field is malformed or teacher forcing was not switched on */
export function forcedAnswer(value: unknown, at: string, allowed: boolean): ForcedAnswer {
  if (!allowed) throw badField(at, 'is taken only by an engine that was started with teacher forcing');
  const forced = objectOf(value, at);
  const tokens = optional(forced, 'tokens', arrayOf, `${at}.tokens`);
  if (tokens !== undefined) {
    if (tokens.length === 0) throw badField(`${at}.tokens`, 'must not be empty');
    return { kind: 'tokens', tokens: Int32Array.from(tokens, (token, index) => integerFrom(0)(token, `${at}.tokens[${index}]`)) };
  }
  const toolCalls = optional(forced, 'tool_calls', arrayOf, `${at}.tool_calls`) ?? [];
  return {
    kind: 'message',
    content: optional(forced, 'content', stringOf, `${at}.content`) ?? '',
    toolCalls: toolCalls.map((call, index) => forcedToolCall(call, `${at}.tool_calls[${index}]`)),
  };
}
