/** Words that bodies are full of, as keys and as values: told by their number, without making a string. */

/** What stands under these is looked into, when a message is outlined. */
const OPENED = new Set(['content', 'tool_calls', 'function', 'function_call']);

export const OUTLINE_WORDS: readonly { readonly word: string; readonly opens: boolean }[] = [
  'role', 'content', 'type', 'text', 'user', 'assistant', 'tool', 'system', 'developer', 'function', 'name', 'arguments', 'id', 'tool_calls', 'tool_call_id',
  'tool_use', 'tool_result', 'tool_use_id', 'input', 'output', 'call_id', 'function_call', 'function_call_output', 'message', 'input_text', 'output_text', 'reasoning',
  'cache_control', 'is_error', 'status', 'refusal', 'annotations', 'parameters', 'description', 'input_schema', 'strict', 'model', 'messages', 'tools', 'stream',
  'max_tokens', 'metadata', 'temperature', 'tool_choice', 'instructions', 'stream_options', 'thinking', 'custom_tool_call', 'custom_tool_call_output', 'item_reference',
].map((word) => ({ word, opens: OPENED.has(word) }));

const NUMBERS: ReadonlyMap<string, number> = new Map(OUTLINE_WORDS.map(({ word }, index) => [word, index + 1]));

/** In bytes. */
export const LONGEST_WORD = 24;

/** From 1 on; 0 is none of the words. */
export function wordNumber(word: string): number {
  const number = NUMBERS.get(word);
  if (number === undefined) throw new TypeError(`${word} is no word of outlines`);
  return number;
}

/** Four numbers for each value: what it is, its start, its end, and where the notes go on after it. */
export const START = 1;
export const END = 2;
export const NEXT = 3;
export const NOTE = 4;

/** The word that is its key, by its number; 0 for another one, and for entries of arrays. */
export const keyOf = (note: number): number => note & 0xff;
/** The word that it is, where it is a string and one of them. */
export const wordOf = (note: number): string | undefined => OUTLINE_WORDS[((note >> 8) & 0xff) - 1]?.word;
export const firstByteOf = (note: number): number => note >> 16;
