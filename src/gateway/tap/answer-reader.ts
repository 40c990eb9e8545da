/**
 * What is kept of an answer as it passes: usage, tool calls, finish reason, text. One reader per dialect says how they
 * are written. Everything kept is bounded; what goes beyond is forwarded all the same and only not known here.
 */
import type { CacheWrites, OutlinedToolCall } from '../../core/index.ts';
import { JsonEnd } from './json-end.ts';

export interface Usage {
  /** All of the prompt, cached or not. */
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  /** What a hosted API wrote into its cache. */
  readonly cacheWrites?: CacheWrites;
}

/** Absent where nothing is told of writes, or none were made. */
export const writesOf = (tokens: number, hourTokens = 0): { cacheWrites?: CacheWrites } =>
  (tokens === 0 ? {} : { cacheWrites: { minutesTokens: Math.max(0, tokens - hourTokens), hourTokens: Math.min(hourTokens, tokens) } });

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
const NO_NAMES: readonly string[] = [];

interface OpenCall {
  id: string;
  name: string;
  arguments: string;
  readonly end: JsonEnd;
  announced: boolean;
}

/** A piece of a tool call: the first names it, later ones carry its arguments on. */
export interface CallPiece {
  readonly id?: unknown;
  readonly name?: unknown;
  readonly arguments?: unknown;
}

export abstract class AnswerReader {
  usage?: Usage;
  /** In the words of chat completions, whatever the dialect: `stop`, `length`, `tool_calls`, `content_filter`; else as it came. */
  stop?: string;
  /** The answer's id where later requests may name it: Responses alone. */
  responseId?: string;
  /** It carried an error object in place of content, or nothing that can be read. */
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

  /** One parsed body, or the data of one event. */
  abstract read(value: unknown): void;

  /** The text of an event that brings a piece of text and nothing else; undefined where it brings more, or other things. */
  abstract textAlone(value: unknown): string | undefined;

  /** A piece of text, as `read` reads it. */
  readText(text: string): void {
    if (text === '') return;
    this.contentCame();
    this.append(text);
  }

  /** After the last event: calls whose arguments were never a whole JSON text are announced as they are. */
  end(): void {
    for (const call of this.calls.values()) this.announceCall(call);
  }

  /** The answer's text; undefined where it was too long to keep. */
  get text(): string | undefined { return this.overlong ? undefined : this.content; }
  /** The last characters of the text, to tell set phrases from the rest. */
  get lastText(): string { return this.tail.trim().slice(-TAIL); }
  get toolNames(): readonly string[] { return this.calls.size === 0 ? NO_NAMES : [...this.calls.values()].map(({ name }) => name); }
  get toolCalls(): readonly OutlinedToolCall[] { return [...this.calls.values()].map(({ id, name, arguments: text }) => ({ id, name, arguments: text })); }

  /** Something that a person or a program could use has come. */
  protected contentCame(): void {
    if (this.seenContent) return;
    this.seenContent = true;
    this.listener.firstContent();
  }

  protected append(text: string): void {
    if (text === '') return;
    this.tail = (this.tail + text).slice(-4 * TAIL);
    if (this.overlong) return;
    this.content += text;
    if (this.content.length > MAXIMUM_TEXT) {
      this.overlong = true;
      this.content = '';
    }
  }

  /** @param key tells the calls of one answer apart */
  protected addToCall(key: string, piece: CallPiece): void {
    let call = this.calls.get(key);
    if (call === undefined) {
      if (this.calls.size >= MAXIMUM_TOOL_CALLS) return;
      call = { id: '', name: '', arguments: '', end: new JsonEnd(), announced: false };
      this.calls.set(key, call);
    }
    if (typeof piece.id === 'string' && piece.id !== '') call.id = piece.id;
    if (typeof piece.name === 'string' && call.name === '') call.name = piece.name;
    if (typeof piece.arguments !== 'string' || call.arguments.length > MAXIMUM_ARGUMENTS) return;
    call.arguments += piece.arguments;
    if (call.end.push(piece.arguments)) this.announceCall(call);
  }

  protected isCall(key: string): boolean {
    return this.calls.has(key);
  }

  /** Whether arguments of this call have come. */
  protected hasArguments(key: string): boolean {
    return (this.calls.get(key)?.arguments ?? '') !== '';
  }

  /** The calls whose keys begin so are complete. */
  protected announce(prefix: string): void {
    if (this.calls.size === 0) return;
    for (const [key, call] of this.calls) if (key.startsWith(prefix)) this.announceCall(call);
  }

  private announceCall(call: OpenCall): void {
    if (call.announced || call.name === '' || call.arguments.length > MAXIMUM_ARGUMENTS) return;
    call.announced = true;
    this.listener.toolCall({ id: call.id, name: call.name, arguments: call.arguments });
  }
}
