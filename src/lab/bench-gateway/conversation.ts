/**
 * Requests of agents' conversations at a wanted size. A turn carries the whole history, as every chat client sends it;
 * only its last two messages are new. Bodies come as pieces, so that a turn of 600 KB costs the generator no copy.
 */
import { seededRandom, type Random } from '../../core/index.ts';

/** What the bench's upstream answers to every call: the next turn brings it back as the assistant's message. */
export const ANSWER_PIECES: readonly string[] = Array.from({ length: 48 }, (_, index) => `word${index}${index % 12 === 11 ? '.\n' : ' '}`);
export const ANSWER_TEXT = ANSWER_PIECES.join('');

const WORDS = 'the agent reads "quoted" lines of src/index.ts and finds that état of the cache\n\tdiffers: const value = map.get(key) ?? 0; next it runs tests and reports'.split(' ');

function prose(characters: number, random: Random): string {
  const words: string[] = [];
  for (let length = 0; length < characters;) {
    const word = WORDS[Math.floor(random() * WORDS.length)];
    words.push(word);
    length += word.length + 1;
  }
  return words.join(' ');
}

/** Shared by all conversations of one size: one agent, many sessions. */
export interface ConversationShape {
  readonly bodyBytes: number;
  readonly stream: boolean;
  readonly system: string;
  /** From the end of the messages to the end of the body. */
  readonly tail: Buffer;
  /** Messages of the history, without the opener. */
  readonly history: Buffer;
}

const message = (role: string, content: string): string => JSON.stringify({ role, content });

export function conversationShape(bodyBytes: number, stream: boolean, seed = 1): ConversationShape {
  const random = seededRandom(seed);
  const system = `You are the coder of a team. ${prose(bodyBytes < 4096 ? bodyBytes * 0.45 : 8000, random)}`;
  const tools = Array.from({ length: bodyBytes < 4096 ? 1 : 12 }, (_, index) => ({
    type: 'function', function: { name: `tool_${index}`, description: prose(Math.min(500, bodyBytes * 0.1), random), parameters: { type: 'object', properties: { path: { type: 'string' }, limit: { type: 'integer' } }, required: ['path'] } },
  }));
  const tail = Buffer.from(`],"tools":${JSON.stringify(tools)},"temperature":0.2${stream ? ',"stream":true' : ''}}`);
  const fixed = system.length + tail.length + 300;
  const messages: string[] = [];
  let bytes = fixed;
  while (bytes < bodyBytes - 500) {
    const role = messages.length % 2 === 0 ? 'assistant' : 'user';
    const text = message(role, prose(Math.min(4000, bodyBytes - bytes - 100), random));
    messages.push(text);
    bytes += Buffer.byteLength(text) + 1;
  }
  return { bodyBytes, stream, system, tail, history: Buffer.from(messages.map((text) => `,${text}`).join('')) };
}

/** One session: `next` gives the pieces of its next request's body. */
export class Conversation {
  readonly #shape: ConversationShape;
  readonly #name: string;
  readonly #head: Buffer;
  readonly #turns: Buffer[] = [];
  #count = 0;

  constructor(shape: ConversationShape, name: string) {
    this.#shape = shape;
    this.#name = name;
    this.#head = Buffer.from(`{"model":"bench","messages":[${message('system', shape.system)},${message('user', `Task ${name}: mend the cache.`)}`);
  }

  get turns(): number { return this.#count; }

  next(): readonly Buffer[] {
    if (this.#count > 0) this.#turns.push(Buffer.from(`,${message('assistant', ANSWER_TEXT)},${message('user', `Turn ${this.#count} of ${this.#name}: go on.`)}`));
    this.#count += 1;
    return [this.#head, this.#shape.history, ...this.#turns, this.#shape.tail];
  }
}
