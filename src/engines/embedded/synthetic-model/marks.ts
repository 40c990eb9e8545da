import type { Marks } from '../dialect/marked-format.ts';
import type { ControlText } from './vocabulary.ts';

/** The marks of the chat format, by the ids that a tokeniser gives their names. */
export async function marksOf(idOf: (text: ControlText) => number | Promise<number>): Promise<Marks> {
  return {
    end: await idOf('<|end|>'), system: await idOf('<|system|>'), user: await idOf('<|user|>'), assistant: await idOf('<|assistant|>'),
    tool: await idOf('<|tool|>'), toolCall: await idOf('<|tool_call|>'), toolCallEnd: await idOf('<|/tool_call|>'), tools: await idOf('<|tools|>'),
  };
}
