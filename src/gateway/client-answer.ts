/** The answer's way to the client: through the tap, with back-pressure, and a cut that stays a cut. */
import type { Answer, Dialect } from '../core/index.ts';
import { codingsOf, unpacker } from './encodings.ts';
import { answerHeaders, headerOf } from './headers.ts';
import type { OpenCall } from './open-call.ts';
import { BodyTap, StreamTap, type AnswerTap, type TapOptions } from './tap/answer-tap.ts';
import type { AnswerReader } from './tap/answer-reader.ts';
import { UnpackedTap } from './tap/unpacked-tap.ts';

export interface ClientAnswerOptions extends Omit<TapOptions, 'dialect' | 'hold'> {
  readonly requestId: string;
  /** How the answer is written; undefined for answers that nobody reads here: they pass as they are. */
  readonly dialect: Dialect | undefined;
  /** The value of `server-timing`, once the head has come. */
  timing?(): string;
}

/** What has come goes on once the piece of work at hand is done. */
const WORK_DONE = Promise.resolve();

/** Of one turn of the event loop; what is more is written at once. */
const MOST_PENDING_BYTES = 256 * 1024;

/** How many bytes of a body are announced; undefined where there is no saying, or no body whatever is announced. */
function announcedBytes(method: string | undefined, status: number, headers: readonly string[]): number | undefined {
  if (method === 'HEAD' || status === 204 || status === 304) return undefined;
  const length = headerOf(headers, 'content-length');
  return length === undefined ? undefined : Number(length);
}

function isEventStream(contentType: string | undefined): boolean {
  return contentType !== undefined && /^text\/event-stream/i.test(contentType);
}

export class ClientAnswer implements Answer {
  status = 0;
  private readonly call: OpenCall;
  private readonly options: ClientAnswerOptions;
  private tap: AnswerTap | undefined;
  private unpacked: UnpackedTap | undefined;
  private finished = false;
  private announced: number | undefined;
  private flushHead = false;
  private written = 0;
  /** Pieces that have come in this turn of the event loop: with the head and often the end they go out as one write. */
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private scheduled = false;
  /** What reading or writing threw after `write` had returned: thrown at the next call. */
  private failure: unknown;

  constructor(call: OpenCall, options: ClientAnswerOptions) {
    this.call = call;
    this.options = options;
  }

  /** The head has gone out: an error can no longer be an answer. */
  get begun(): boolean { return this.status !== 0; }
  /** What the tap has read; undefined where nothing was to be read. */
  get reader(): AnswerReader | undefined { return this.tap?.reader; }
  /** To be waited for before `reader` has read all; undefined where it has. */
  get settled(): Promise<void> | undefined { return this.unpacked?.settled; }

  head(status: number, headers: readonly string[]): void {
    const { response, request } = this.call;
    if (this.begun || response.destroyed) return;
    this.status = status;
    const { requestId, removeUsageChunk, timing } = this.options;
    const streams = isEventStream(headerOf(headers, 'content-type'));
    const encoding = headerOf(headers, 'content-encoding');
    const replaces = this.open(streams, status, encoding) && streams && removeUsageChunk;
    const kept = answerHeaders(headers, { requestId, dropLength: streams && removeUsageChunk, dropEncoding: replaces && encoding !== undefined });
    if (timing !== undefined) kept.push('server-timing', timing());
    this.announced = announcedBytes(request.method, status, kept);
    response.writeHead(status, kept);
    // A stream's head tells the client that its request was taken up, long before the first token.
    this.flushHead = streams;
    if (streams) this.schedule();
  }

  write(bytes: Uint8Array): void | Promise<void> {
    const { response } = this.call;
    this.throwFailure();
    if (this.finished || response.destroyed) return undefined;
    const chunk = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.written += chunk.length;
    if (this.announced !== undefined && this.written > this.announced) {
      // What is beyond the announced length a client would take for its next answer.
      this.destroy();
      return undefined;
    }
    this.pending.push(chunk);
    this.pendingBytes += chunk.length;
    const { unpacked } = this;
    if (unpacked !== undefined || this.pendingBytes > MOST_PENDING_BYTES) this.flushPending();
    else this.schedule();
    if (response.writableNeedDrain) return this.drained();
    return unpacked?.waits === true ? new Promise((resolve) => { unpacked.whenRead(resolve); }) : undefined;
  }

  end(): void {
    this.throwFailure();
    if (this.finished) return;
    const short = this.announced !== undefined && this.written < this.announced;
    const last = this.flushPending(this.unpacked === undefined && !short);
    if (short) {
      this.destroy();
      return;
    }
    this.finished = true;
    this.flushHead = false;
    if (this.unpacked === undefined) {
      this.endWith(last);
      return;
    }
    this.flushTap();
    this.unpacked.settled.then(() => this.call.response.end(), () => this.cut());
  }

  /** The last piece and the end are one write. */
  private endWith(last: Buffer | undefined): void {
    const { response } = this.call;
    let kept = last;
    for (const piece of this.tap?.flush() ?? []) {
      if (kept !== undefined && !response.destroyed) response.write(kept);
      kept = piece;
    }
    if (kept === undefined || response.destroyed) response.end();
    else response.end(kept);
  }

  destroy(): void {
    if (this.finished) return;
    this.flushPending();
    this.finished = true;
    this.flushTap();
    if (this.unpacked === undefined) this.cut();
    else this.unpacked.settled.then(() => this.cut(), () => this.cut());
  }

  /** @returns whether a tap reads this answer */
  private open(streams: boolean, status: number, encoding: string | undefined): boolean {
    const { options, call } = this;
    const { dialect, removeUsageChunk, firstContent, toolCall } = options;
    if (dialect === undefined || status >= 400) return false;
    const tapOptions: TapOptions = { dialect, removeUsageChunk, firstContent, toolCall, hold: (bytes) => call.hold(bytes) };
    const plain = codingsOf(encoding).length === 0;
    const unpack = plain ? undefined : unpacker(encoding ?? '');
    if (!plain && unpack === undefined) return false;
    const inner = streams ? new StreamTap(tapOptions) : new BodyTap(tapOptions);
    this.tap = inner;
    if (unpack === undefined) return true;
    const output = (piece: Buffer): boolean => {
      if (call.response.destroyed || call.response.write(piece)) return true;
      void this.drained().then(() => this.unpacked?.resume());
      return false;
    };
    this.unpacked = new UnpackedTap({ unpacker: unpack, inner, ...(streams && options.removeUsageChunk ? { output } : {}) });
    this.tap = this.unpacked;
    call.response.on('close', () => this.unpacked?.drop());
    return true;
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    void WORK_DONE.then(this.flushLater);
  }

  private readonly flushLater = (): void => {
    this.scheduled = false;
    try {
      this.flushPending();
    } catch (error) {
      this.failure = error;
    }
  };

  private throwFailure(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /** @param keepLast the last piece is not written: the end goes out with it @returns the last piece, where it was kept */
  private flushPending(keepLast = false): Buffer | undefined {
    const { pending, tap } = this;
    const { response } = this.call;
    if (this.finished || response.destroyed) return undefined;
    if (pending.length === 0) {
      if (this.flushHead && !keepLast) response.flushHeaders();
      this.flushHead = false;
      return undefined;
    }
    const chunk = pending.length === 1 ? pending[0] : Buffer.concat(pending, this.pendingBytes);
    this.pending = [];
    this.pendingBytes = 0;
    const pieces = tap === undefined ? [chunk] : tap.push(chunk);
    const kept = keepLast ? pieces.at(-1) : undefined;
    for (let index = 0; index < pieces.length - (kept === undefined ? 0 : 1); index++) {
      this.flushHead = false;
      response.write(pieces[index]);
    }
    // The tap keeps what it has got until an event is whole: the head does not wait for it.
    if (this.flushHead && !keepLast) response.flushHeaders();
    this.flushHead = false;
    return kept;
  }

  /** What arrived before the cut is delivered; then the connection closes inside the body, which no client takes for an end. */
  private cut(): void {
    const { response } = this.call;
    const { socket } = response;
    if (socket === null || response.destroyed) response.destroy();
    else socket.destroySoon();
  }

  private flushTap(): void {
    for (const piece of this.tap?.flush() ?? []) if (!this.call.response.destroyed) this.call.response.write(piece);
  }

  /** Resolves when more may be written, or never will be. */
  private drained(): Promise<void> {
    const { call } = this;
    const { response } = call;
    call.stalls();
    return new Promise((resolve) => {
      const done = (): void => {
        response.off('drain', done);
        response.off('close', done);
        call.stalledSinceMs = undefined;
        resolve();
      };
      response.on('drain', done);
      response.on('close', done);
    });
  }
}
