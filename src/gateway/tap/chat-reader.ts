/**
 * Reads chat completions and completions, whole or as stream chunks: usage, tool calls, finish reason, text.
 * Everything kept is bounded; what goes beyond is forwarded all the same and only not known here.
 */
import type { OutlinedToolCall } from '../../core/index.ts';
import { JsonEnd } from './json-end.ts';

export interface Usage {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
}

export interface ReaderListener {
  /** The first piece of text, reasoning or tool call. */
  firstContent(): void;
  /** A tool call's arguments are complete; the answer may still stream. */
  toolCall(call: OutlinedToolCall): void;
}

const MAXIMUM_TEXT = 262_144;
const MAXIMUM_ARGUMENTS = 1_048_576;
const MAXIMUM_TOOL_CALLS = 128;
const TAIL = 80;

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as readonly unknown[]) : []);
const count = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0);

interface OpenCall {
  id: string;
  name: string;
  arguments: string;
  readonly end: JsonEnd;
  announced: boolean;
}

export class ChatReader {
  usage?: Usage;
  stop?: string;
  /** The stream carried an error object in place of content. */
  failed = false;
  private readonly listener: ReaderListener;
  private readonly calls = new Map<string, OpenCall>();
  private content = '';
  private overlong = false;
  private tail = '';
  private seenContent = false;

  constructor(listener: ReaderListener) {
    this.listener = listener;
  }

  /** One parsed body or chunk. */
  read(value: unknown): void {
    if (!isFields(value)) return;
    if (isFields(value.error)) this.failed = true;
    if (isFields(value.usage)) this.readUsage(value.usage);
    for (const choice of listOf(value.choices)) if (isFields(choice)) this.readChoice(choice);
  }

  /** After the last chunk: calls whose arguments were never a whole JSON text are announced as they are. */
  end(): void {
    for (const call of this.calls.values()) this.announce(call);
  }

  /** The answer's text; undefined where it was too long to keep. */
  get text(): string | undefined { return this.overlong ? undefined : this.content; }
  /** The last characters of the text, to tell set phrases from the rest. */
  get lastText(): string { return this.tail.trim().slice(-TAIL); }
  get toolCalls(): readonly OutlinedToolCall[] { return [...this.calls.values()].map(({ id, name, arguments: text }) => ({ id, name, arguments: text })); }

  private readUsage(usage: Fields): void {
    const details = isFields(usage.prompt_tokens_details) ? usage.prompt_tokens_details : {};
    this.usage = { promptTokens: count(usage.prompt_tokens), cachedTokens: count(details.cached_tokens), outputTokens: count(usage.completion_tokens) };
  }

  private readChoice(choice: Fields): void {
    const index = count(choice.index);
    const delta = isFields(choice.delta) ? choice.delta : isFields(choice.message) ? choice.message : {};
    const text = typeof choice.text === 'string' ? choice.text : typeof delta.content === 'string' ? delta.content : '';
    const hidden = delta.reasoning_content ?? delta.reasoning ?? delta.refusal;
    const toolCalls = listOf(delta.tool_calls);
    if (!this.seenContent && (text !== '' || (typeof hidden === 'string' && hidden !== '') || toolCalls.length > 0)) {
      this.seenContent = true;
      this.listener.firstContent();
    }
    if (index === 0 && text !== '') this.append(text);
    toolCalls.forEach((call, position) => {
      if (isFields(call)) this.readCall(index, call, position);
    });
    if (typeof choice.finish_reason === 'string') {
      if (index === 0) this.stop = choice.finish_reason;
      for (const [key, call] of this.calls) if (key.startsWith(`${index}/`)) this.announce(call);
    }
  }

  private append(text: string): void {
    this.tail = (this.tail + text).slice(-4 * TAIL);
    if (this.overlong) return;
    this.content += text;
    if (this.content.length > MAXIMUM_TEXT) {
      this.overlong = true;
      this.content = '';
    }
  }

  private readCall(choice: number, piece: Fields, position: number): void {
    const key = `${choice}/${typeof piece.index === 'number' ? piece.index : position}`;
    let call = this.calls.get(key);
    if (call === undefined) {
      if (this.calls.size >= MAXIMUM_TOOL_CALLS) return;
      call = { id: '', name: '', arguments: '', end: new JsonEnd(), announced: false };
      this.calls.set(key, call);
    }
    const called = isFields(piece.function) ? piece.function : {};
    if (typeof piece.id === 'string' && piece.id !== '') call.id = piece.id;
    if (typeof called.name === 'string' && call.name === '') call.name = called.name;
    if (typeof called.arguments !== 'string' || call.arguments.length > MAXIMUM_ARGUMENTS) return;
    call.arguments += called.arguments;
    if (call.end.push(called.arguments)) this.announce(call);
  }

  private announce(call: OpenCall): void {
    if (call.announced || call.name === '' || call.arguments.length > MAXIMUM_ARGUMENTS) return;
    call.announced = true;
    this.listener.toolCall({ id: call.id, name: call.name, arguments: call.arguments });
  }
}
