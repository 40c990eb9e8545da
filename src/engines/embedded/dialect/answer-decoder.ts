import type { AnswerText } from './chat-format.ts';
import type { ToolCallText } from './forced-answer.ts';
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
  readonly sink: AnswerSink;
  /** A stop string has been found: nothing more need be decoded. */
  onStopString(): void;
}

/** Tokens, in the order in which they are decoded, to text and tool calls. */
export class AnswerDecoder {
  readonly #options: DecoderOptions;
  readonly #scanner: StopScanner;
  readonly #toolCalls: ToolCallText[] = [];
  #text = '';
  #reader: ToolCallReader | undefined;
  #begun = false;
  /** Text of a tool call that turned out to be none. */
  #malformed = false;
  #work: Promise<void> = Promise.resolve();

  constructor(options: DecoderOptions) {
    this.#options = options;
    this.#scanner = new StopScanner(options.stop);
  }

  /** Takes a token; the sink hears of it a little later, in order. */
  push(token: number): void {
    this.#work = this.#work.then(() => this.#take(token));
    // Whoever awaits `finish` hears of a failure.
    this.#work.catch(() => undefined);
  }

  get stoppedByString(): boolean { return this.#scanner.stopped; }

  /** After the last token. `exact`: the answer's tokens, decoded again from this text, would be these. */
  async finish(): Promise<AnswerText & { exact: boolean }> {
    await this.#work;
    await this.#say(this.#scanner.push(await this.#options.text.finish()) + this.#scanner.finish());
    const exact = this.#reader === undefined && !this.#malformed && !this.#scanner.stopped;
    return { text: this.#text, toolCalls: this.#toolCalls, exact };
  }

  async #take(token: number): Promise<void> {
    const marks = this.#options.toolCallMarks;
    if (this.#scanner.stopped) return;
    if (marks !== undefined && token === marks.begin) {
      await this.#say(this.#scanner.push(await this.#options.text.finish()));
      this.#reader = new ToolCallReader();
      this.#begun = false;
      return;
    }
    if (this.#reader !== undefined && token === marks?.end) {
      await this.#endToolCall(this.#reader, await this.#options.text.finish());
      return;
    }
    const piece = await this.#options.text.push(token);
    if (this.#reader !== undefined) {
      await this.#sendArguments(this.#reader, this.#reader.push(piece));
      return;
    }
    await this.#say(this.#scanner.push(piece));
    if (this.#scanner.stopped) this.#options.onStopString();
  }

  async #say(delta: string): Promise<void> {
    if (delta === '') return;
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

  async #endToolCall(reader: ToolCallReader, lastPiece: string): Promise<void> {
    await this.#sendArguments(reader, reader.push(lastPiece));
    const finished = reader.finish();
    this.#reader = undefined;
    if (finished === undefined) {
      this.#malformed = true;
      await this.#say(reader.text);
      return;
    }
    await this.#sendArguments(reader, finished.rest);
    this.#toolCalls.push(finished.call);
  }
}
