import type { AnswerText } from './chat-format.ts';
import type { ToolCallText } from './forced-answer.ts';
import { MarkerSplitter, type Part } from './marker-splitter.ts';
import { StopScanner } from './stop-scanner.ts';
import type { TokenText } from './token-text.ts';
import { ToolCallReader } from './tool-call-reader.ts';

/** Where the parts of an answer go as they come. */
export interface AnswerSink {
  text(delta: string): void | Promise<void>;
  toolCallBegin(index: number, name: string): void | Promise<void>;
  toolCallArguments(index: number, delta: string): void | Promise<void>;
}

export interface DecoderOptions {
  readonly text: TokenText;
  readonly stop: readonly string[];
  /** Absent: no tools are offered, so marks of tool calls are nothing. */
  readonly toolCallMarks: { readonly begin: number; readonly end: number } | undefined;
  /** The same as text, for models that write it so. */
  readonly toolCallTexts?: { readonly begin: string; readonly end: string };
  /** The first tool call is the last thing that is wanted. */
  readonly oneToolCall?: boolean;
  readonly sink: AnswerSink;
  /** A stop string has been found, or the one tool call: nothing more need be decoded. */
  onEnough(): void;
}

/** Tokens, in the order in which they are decoded, to text and tool calls. */
export class AnswerDecoder {
  readonly #options: DecoderOptions;
  readonly #scanner: StopScanner;
  readonly #splitter: MarkerSplitter;
  readonly #toolCalls: ToolCallText[] = [];
  #text = '';
  #reader: ToolCallReader | undefined;
  #begun = false;
  /** Text of a tool call that turned out to be none. */
  #malformed = false;
  #enough = false;
  #work: Promise<void> = Promise.resolve();

  constructor(options: DecoderOptions) {
    this.#options = options;
    this.#scanner = new StopScanner(options.stop);
    this.#splitter = new MarkerSplitter(options.toolCallTexts);
  }

  /** Takes a token; the sink hears of it a little later, in order. */
  push(token: number): void {
    this.#work = this.#work.then(() => this.#take(token));
    // Whoever awaits `finish` hears of a failure.
    this.#work.catch(() => undefined);
  }

  /** The answer ended before its last token: at a stop string, or at the one tool call. */
  get enough(): boolean { return this.#enough; }
  /** The stop string that it ended at. */
  get matchedStop(): string | undefined { return this.#scanner.matched; }

  /** After the last token. `exact`: the answer's tokens, decoded again from this text, would be these. */
  async finish(): Promise<AnswerText & { exact: boolean }> {
    await this.#work;
    await this.#takeText(await this.#options.text.finish());
    for (const part of this.#splitter.finish()) await this.#takePart(part);
    await this.#say(this.#scanner.finish());
    const exact = this.#reader === undefined && !this.#malformed && !this.#enough;
    return { text: this.#text, toolCalls: this.#toolCalls, exact };
  }

  async #take(token: number): Promise<void> {
    if (this.#enough) return;
    const marks = this.#options.toolCallMarks;
    const isBegin = token === marks?.begin;
    if (isBegin || (this.#reader !== undefined && token === marks?.end)) {
      await this.#takeText(await this.#options.text.finish());
      await this.#takePart({ kind: isBegin ? 'begin' : 'end' });
      return;
    }
    await this.#takeText(await this.#options.text.push(token));
  }

  async #takeText(text: string): Promise<void> {
    for (const part of this.#splitter.push(text)) await this.#takePart(part);
  }

  async #takePart(part: Part): Promise<void> {
    if (this.#enough) return;
    if (part.kind === 'begin') {
      this.#reader = new ToolCallReader();
      this.#begun = false;
    } else if (part.kind === 'end') {
      if (this.#reader !== undefined) await this.#endToolCall(this.#reader);
    } else if (this.#reader !== undefined) await this.#sendArguments(this.#reader, this.#reader.push(part.text));
    else {
      await this.#say(this.#scanner.push(part.text));
      if (this.#scanner.stopped) this.#stop();
    }
  }

  async #say(delta: string): Promise<void> {
    // Between calls that are written as text stand line breaks, which are no content.
    const between = this.#options.toolCallTexts !== undefined && this.#toolCalls.length > 0 && delta.trim() === '';
    if (delta === '' || between) return;
    this.#text += delta;
    await this.#options.sink.text(delta);
  }

  async #sendArguments(reader: ToolCallReader, delta: string): Promise<void> {
    const index = this.#toolCalls.length;
    if (!this.#begun && reader.name !== undefined) {
      this.#begun = true;
      await this.#options.sink.toolCallBegin(index, reader.name);
    }
    if (delta !== '') await this.#options.sink.toolCallArguments(index, delta);
  }

  async #endToolCall(reader: ToolCallReader): Promise<void> {
    const finished = reader.finish();
    this.#reader = undefined;
    if (finished === undefined) {
      this.#malformed = true;
      await this.#say(reader.text);
      return;
    }
    await this.#sendArguments(reader, finished.rest);
    this.#toolCalls.push(finished.call);
    if (this.#options.oneToolCall === true) this.#stop();
  }

  #stop(): void {
    this.#enough = true;
    this.#options.onEnough();
  }
}
