/** The answer's way to the client: through the tap, with back-pressure, and a cut that stays a cut. */
import type { ServerResponse } from 'node:http';
import type { Answer, Dialect } from '../core/index.ts';
import { answerHeaders, headerOf } from './headers.ts';
import { BodyTap, StreamTap, type AnswerTap, type TapOptions } from './tap/answer-tap.ts';
import type { AnswerReader } from './tap/answer-reader.ts';

export interface ClientAnswerOptions extends Omit<TapOptions, 'dialect'> {
  readonly requestId: string;
  /** How the answer is written; undefined for answers that nobody reads here: they pass as they are. */
  readonly dialect: Dialect | undefined;
}

export class ClientAnswer implements Answer {
  status = 0;
  private readonly response: ServerResponse;
  private readonly options: ClientAnswerOptions;
  private tap: AnswerTap | undefined;
  private finished = false;

  constructor(response: ServerResponse, options: ClientAnswerOptions) {
    this.response = response;
    this.options = options;
  }

  /** The head has gone out: an error can no longer be an answer. */
  get begun(): boolean { return this.status !== 0; }
  /** What the tap has read; undefined where nothing was to be read. */
  get reader(): AnswerReader | undefined { return this.tap?.reader; }

  head(status: number, headers: readonly string[]): void {
    if (this.begun || this.response.destroyed) return;
    this.status = status;
    const streams = /^text\/event-stream/i.test(headerOf(headers, 'content-type') ?? '');
    const plain = /^(?:identity)?$/i.test(headerOf(headers, 'content-encoding') ?? '');
    const { dialect } = this.options;
    if (dialect !== undefined && plain && status < 400) this.tap = streams ? new StreamTap({ ...this.options, dialect }) : new BodyTap({ ...this.options, dialect });
    this.response.writeHead(status, answerHeaders(headers, this.options.requestId, streams && this.options.removeUsageChunk));
    // A stream's head tells the client that its request was taken up, long before the first token.
    if (streams) this.response.flushHeaders();
  }

  write(bytes: Uint8Array): void | Promise<void> {
    if (this.finished || this.response.destroyed) return undefined;
    const chunk = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let flowing = true;
    for (const piece of this.tap === undefined ? [chunk] : this.tap.push(chunk)) flowing = this.response.write(piece) && flowing;
    return flowing ? undefined : this.drained();
  }

  end(): void {
    if (this.finished) return;
    this.finished = true;
    this.flushTap();
    this.response.end();
  }

  destroy(_error: Error): void {
    if (this.finished) return;
    this.finished = true;
    this.flushTap();
    const { socket } = this.response;
    // What arrived before the cut is delivered; then the connection closes inside the body, which no client takes for an end.
    if (socket === null || this.response.destroyed) this.response.destroy();
    else socket.destroySoon();
  }

  private flushTap(): void {
    for (const piece of this.tap?.flush() ?? []) if (!this.response.destroyed) this.response.write(piece);
  }

  /** Resolves when more may be written, or never will be. */
  private drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.response.off('drain', done);
        this.response.off('close', done);
        resolve();
      };
      this.response.on('drain', done);
      this.response.on('close', done);
    });
  }
}
