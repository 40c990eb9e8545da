/**
 * The model that all clients talk to: what it says follows from the conversation alone, so that any client gets the same
 * answers from any server. It calls each offered tool once per question, `lookup` twice at once, then answers.
 */
import { fieldsOf, isFields, listOf, textOf, type Fields } from '../../../src/gateway/json-fields.ts';
import type { Dialect } from '../../../src/core/index.ts';
import type { SpokenAnswer, SpokenToolCall } from '../../support/spoken-answer.ts';

/** A question whose answer never ends. */
export const ENDLESS = 'Talk on and on.';
/** A model that no server has. */
export const NO_SUCH_MODEL = 'no-such-model';
/** A model that is too busy for every other call. */
export const BUSY_MODEL = 'busy-model';

interface Turn {
  readonly role: 'user' | 'call' | 'result' | 'other';
  readonly text: string;
}

/** The text of content in any dialect. */
function saidIn(content: unknown): string {
  if (typeof content === 'string') return content;
  return listOf(content).map((part) => (isFields(part) ? textOf(part.text) || textOf(part.content) || saidIn(part.content) : '')).join('');
}

const chatTurns = (message: Fields): Turn[] => {
  if (message.role === 'tool') return [{ role: 'result', text: saidIn(message.content) }];
  const calls = listOf(message.tool_calls).map((call): Turn => ({ role: 'call', text: textOf(fieldsOf(fieldsOf(call).function).name) }));
  return [{ role: message.role === 'user' ? 'user' : 'other', text: saidIn(message.content) }, ...calls];
};
const messagesTurns = (message: Fields): Turn[] => {
  if (typeof message.content === 'string') return [{ role: message.role === 'user' ? 'user' : 'other', text: message.content }];
  return listOf(message.content).map((block): Turn => {
    const { type, name, content, text } = fieldsOf(block);
    if (type === 'tool_use') return { role: 'call', text: textOf(name) };
    if (type === 'tool_result') return { role: 'result', text: saidIn(content) };
    return { role: message.role === 'user' ? 'user' : 'other', text: textOf(text) };
  });
};
const responsesTurns = (item: Fields): Turn[] => {
  if (item.type === 'function_call') return [{ role: 'call', text: textOf(item.name) }];
  if (item.type === 'function_call_output') return [{ role: 'result', text: saidIn(item.output) }];
  return [{ role: item.role === 'user' ? 'user' : 'other', text: saidIn(item.content) }];
};

function turnsOf(dialect: Dialect, body: Fields): Turn[] {
  if (dialect === 'responses') return typeof body.input === 'string' ? [{ role: 'user', text: body.input }] : listOf(body.input).flatMap((item) => responsesTurns(fieldsOf(item)));
  return listOf(body.messages).flatMap((message) => (dialect === 'messages' ? messagesTurns : chatTurns)(fieldsOf(message)));
}

function toolNames(body: Fields): string[] {
  return listOf(body.tools).map((tool) => textOf(fieldsOf(fieldsOf(tool).function).name) || textOf(fieldsOf(tool).name));
}

const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  lookup: ['{"topic":"weather in \\"Zürich\\""}', '{"topic":"trains 🚆"}'],
  write_file: ['{"path":"plan.md","text":"line one\\nline two"}'],
  ask_researcher: ['{"task":"Find out which trains leave Basel before noon, and what they cost."}', '{"task":"Find out where four people can have lunch near the station."}'],
  ask_writer: ['{"task":"Write the journey down: the train, the seats, the place for lunch."}'],
  ask_style_reviewer: ['{"task":"Review the journey that lies in the file plan, please."}'],
  ask_fact_reviewer: ['{"task":"Review the journey that lies in the file plan, please."}'],
  ask_tone_reviewer: ['{"task":"Review the journey that lies in the file plan, and say how it reads."}'],
};

/** @returns `endless` for a question that wants no end */
export function nextAnswer(dialect: Dialect, body: Fields): SpokenAnswer | 'endless' {
  const turns = turnsOf(dialect, body);
  const asked = turns.findLastIndex((turn) => turn.role === 'user');
  if (turns[asked]?.text.includes(ENDLESS)) return 'endless';
  const since = turns.slice(asked + 1);
  const called = new Set(since.flatMap((turn) => (turn.role === 'call' ? [turn.text] : [])));
  const next = toolNames(body).find((name) => !called.has(name));
  if (next === undefined) {
    const results = since.flatMap((turn) => (turn.role === 'result' ? [turn.text] : []));
    return { text: results.length === 0 ? 'Hello — nothing to do.' : `All done: ${results.join(' | ')}` };
  }
  const serial = turns.length;
  return { text: `I use ${next}.`, toolCalls: (ARGUMENTS[next] ?? ['{}']).map((json, index): SpokenToolCall => ({ id: `call_${serial}_${index}`, name: next, arguments: json })) };
}
