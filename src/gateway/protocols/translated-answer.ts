/**
 * Stands between an engine that answers in chat completions and a client of another dialect: takes the engine's bytes
 * at any chunking, writes the client's. A cut stays a cut; an error stays an error, in the client's form.
 */
import { EntresolError, type Answer, type CallReport } from '../../core/index.ts';
import { headerOf } from '../headers.ts';
import { jsonOrUndefined } from '../json-fields.ts';
import { SseScanner } from '../tap/sse-scanner.ts';
import { AnswerBlocks, type BlockListener } from './answer-blocks.ts';
import type { AnswerOutcome, AnswerWriter } from './answer-writer.ts';
import { ChatAnswerReader, engineError, type EngineError } from './chat/answer-reader.ts';

export interface TranslatedAnswerOptions {
  readonly writer: AnswerWriter;
  /** The client asked for a stream. */
  readonly stream: boolean;
  /** For answers to which the engine gives no model. */
  readonly model: string;
  /** Ours, for the client: the request's id under the name that its SDK knows, what was left out. */
  readonly headers: readonly string[];
  /** What was done, in words. */
  readonly note: string;
  newCallId(): string;
}

const MAXIMUM_EVENT_BYTES = 8 * 1024 * 1024;
const MAXIMUM_BODY_BYTES = 64 * 1024 * 1024;

/** What is said here of an engine that said nothing itself. */
const OURS = { type: 'server_error', code: 'ENT_UPSTREAM_FAILED' } as const;

/** Where the client wants its answer whole no events are written. */
const UNHEARD: BlockListener = { opened: () => undefined, grew: () => undefined, closed: () => undefined };

/** What describes the engine's bytes and not the client's. */
const OF_THE_BODY = new Set(['content-type', 'content-length', 'content-encoding', 'transfer-encoding', 'cache-control', 'etag']);

function keptHeaders(raw: readonly string[], own: readonly string[]): string[] {
  const kept = [...own];
  for (let index = 0; index < raw.length; index += 2) if (!OF_THE_BODY.has(raw[index].toLowerCase()) && headerOf(own, raw[index].toLowerCase()) === undefined) kept.push(raw[index], raw[index + 1]);
  return kept;
}

export class TranslatedAnswer implements Answer {
  /** The engine's answer was an error, broke off, or was no chat completion. */
  private failed = false;
  private readonly to: Answer;
  private readonly options: TranslatedAnswerOptions;
  private readonly reader: ChatAnswerReader;
  private readonly blocks: AnswerBlocks;
  private readonly scanner = new SseScanner(MAXIMUM_EVENT_BYTES);
  private status = 0;
  private headers: readonly string[] = [];
  private events = false;
  private done = false;
  private compressed = false;
  private opened = false;
  private begun = false;
  private ended = false;
  private parts: Uint8Array[] = [];
  private bytes = 0;

  constructor(to: Answer, options: TranslatedAnswerOptions) {
    this.to = to;
    this.options = options;
    this.blocks = new AnswerBlocks(options.stream ? options.writer : UNHEARD, () => options.newCallId());
    this.reader = new ChatAnswerReader(this.blocks, () => this.begin());
  }

  /** The engine's report, by what has become of its answer here, with a note for `explain`. */
  completed(report: CallReport): CallReport {
    const notes = [...(report.notes ?? []), this.options.note];
    return { ...report, notes, status: this.failed && report.status === 'ok' ? 'error' : report.status };
  }

  head(status: number, headers: readonly string[]): void {
    this.status = status;
    this.compressed = !/^(?:identity)?$/i.test(headerOf(headers, 'content-encoding') ?? '');
    this.headers = keptHeaders(headers, this.options.headers);
    this.events = /^text\/event-stream/i.test(headerOf(headers, 'content-type') ?? '');
    if (this.readsEvents && this.options.stream) this.headOfStream();
  }

  write(bytes: Uint8Array): void | Promise<void> {
    if (this.ended) return undefined;
    const chunk = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (!this.readsEvents) {
      this.bytes += chunk.length;
      if (this.bytes <= MAXIMUM_BODY_BYTES) this.parts.push(chunk);
      return undefined;
    }
    for (const segment of this.scanner.push(chunk)) this.see(segment.data);
    return this.options.stream ? this.flow() : undefined;
  }

  end(): void {
    if (this.ended) return;
    if (this.readsEvents) this.see(this.scanner.flush()?.data);
    this.ended = true;
    if (this.compressed) this.endAsError(502, { message: 'The engine compressed an answer that was asked for plain and has to be translated.', ...OURS });
    else if (this.status !== 200) this.endAsError(this.status < 400 ? 502 : this.status, engineError(jsonOrUndefined(this.bodyText())) ?? { message: this.bodyText().slice(0, 2000) || `The engine answered ${this.status}.`, type: '' });
    else this.endAsAnswer();
  }

  destroy(error: Error): void {
    if (this.ended) return;
    this.ended = true;
    this.failed = true;
    if (this.opened) {
      this.to.destroy(error);
      return;
    }
    // Nothing has gone out: the client can be told what happened.
    this.endAsError(502, { message: 'The engine broke off in its answer.', ...OURS });
  }

  private get readsEvents(): boolean { return this.events && this.status === 200 && !this.compressed; }

  private see(data: string | undefined): void {
    if (data === undefined || this.done) return;
    if (data === '[DONE]') this.done = true;
    else this.reader.read(jsonOrUndefined(data));
  }

  private bodyText(): string {
    return this.bytes > MAXIMUM_BODY_BYTES ? '' : Buffer.concat(this.parts).toString('utf8');
  }

  private headOfStream(): void {
    this.opened = true;
    this.to.head(200, ['content-type', 'text/event-stream; charset=utf-8', 'cache-control', 'no-cache', ...this.headers]);
  }

  private begin(): void {
    if (this.begun || !this.options.stream) return;
    this.begun = true;
    this.options.writer.begin(this.model);
  }

  /** Writes on what has come. */
  private flow(): void | Promise<void> {
    const text = this.options.writer.take();
    return text === '' ? undefined : this.to.write(Buffer.from(text));
  }
  private get model(): string { return this.reader.model === '' ? this.options.model : this.reader.model; }

  private endAsAnswer(): void {
    if (!this.events) this.reader.read(jsonOrUndefined(this.bodyText()));
    const { error, finish, usage, reasoningTokens, matchedStop } = this.reader;
    const whole = !this.events || this.done || finish !== undefined;
    if (error !== undefined) this.endAsError(502, error);
    else if (this.blocks.overfull) this.endAsError(502, { message: 'The answer is larger than can be translated.', ...OURS });
    else if (!this.reader.begun) this.endAsError(502, { message: 'The engine\'s answer is no chat completion.', ...OURS });
    // A stream that just ends is half an answer: it must not look whole.
    else if (!whole) this.cut();
    else this.endWhole({ finish, usage, reasoningTokens, matchedStop, model: this.model });
  }

  private cut(): void {
    this.ended = false;
    if (this.opened) void this.flow();
    this.destroy(new EntresolError('ENT_UPSTREAM_FAILED', 'The engine\'s stream ended before its answer did.'));
  }

  private endWhole(outcome: AnswerOutcome): void {
    const { writer, stream } = this.options;
    this.blocks.finish();
    if (!stream) {
      this.sendDocument(200, writer.document(this.blocks.blocks, outcome));
      return;
    }
    if (!this.opened) this.headOfStream();
    void this.flow();
    writer.end(this.blocks.blocks, outcome);
    void this.flow();
    this.to.end();
  }

  private endAsError(status: number, error: EngineError): void {
    this.failed = true;
    const { writer } = this.options;
    if (!this.opened) {
      this.sendDocument(status, writer.errorDocument(status, error));
      return;
    }
    this.begin();
    writer.fail(error);
    void this.to.write(Buffer.from(writer.take()));
    this.to.end();
  }

  private sendDocument(status: number, document: object): void {
    const bytes = Buffer.from(JSON.stringify(document));
    this.to.head(status, ['content-type', 'application/json; charset=utf-8', 'content-length', String(bytes.length), ...this.headers]);
    void this.to.write(bytes);
    this.to.end();
  }
}
