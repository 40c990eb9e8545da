/** What the gateway reads of an answer while it passes by: it looks at the bytes and may take one chunk out. */
import type { Dialect } from '../../core/index.ts';
import { jsonOrUndefined } from '../json-fields.ts';
import type { AnswerReader, ReaderListener } from './answer-reader.ts';
import { readerOf } from './readers.ts';
import { RepeatedEvents } from './repeated-events.ts';
import { SseScanner, type SseSegment } from './sse-scanner.ts';

export interface TapOptions extends ReaderListener {
  /** How the answer is written. */
  readonly dialect: Dialect;
  /** We asked for the usage chunk, the client did not: it is taken out again. */
  readonly removeUsageChunk: boolean;
  /** Takes memory for what is kept of the answer until it is over; false: there is none left, so it goes unread. */
  hold?(bytes: number): boolean;
}

const MAXIMUM_EVENT_BYTES = 8 * 1024 * 1024;
const EVENT_END = Buffer.from('\n\n');
const MAXIMUM_BODY_BYTES = 8 * 1024 * 1024;

function isUsageChunk(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { choices, usage } = value as { choices?: unknown; usage?: unknown };
  return Array.isArray(choices) && choices.length === 0 && typeof usage === 'object' && usage !== null;
}

/** Bytes in, the bytes for the client out. */
export interface AnswerTap {
  readonly reader: AnswerReader;
  push(chunk: Buffer): readonly Buffer[];
  /** What was held back: to be written before the end, or before the cut. */
  flush(): readonly Buffer[];
}

/** Adds a piece; where it goes on from the one before in the same memory both are one, for each piece is a write of its own. */
function append(pieces: Buffer[], piece: Buffer): void {
  const last = pieces.at(-1);
  if (last === undefined || last.buffer !== piece.buffer || last.byteOffset + last.length !== piece.byteOffset) pieces.push(piece);
  else pieces[pieces.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + piece.length);
}

export class StreamTap implements AnswerTap {
  readonly reader: AnswerReader;
  private readonly scanner = new SseScanner(MAXIMUM_EVENT_BYTES);
  private readonly repeated: RepeatedEvents;
  private readonly removeUsageChunk: boolean;
  private dropped = false;

  constructor(options: TapOptions) {
    this.reader = readerOf(options.dialect, options);
    this.repeated = new RepeatedEvents(this.reader);
    this.removeUsageChunk = options.removeUsageChunk;
  }

  push(chunk: Buffer): readonly Buffer[] {
    const kept: Buffer[] = [];
    let text: string | undefined;
    for (let from = 0; from < chunk.length;) {
      if (this.repeated.known && this.scanner.between) {
        text ??= chunk.toString('latin1');
        const end = this.repeated.pass(text, from);
        if (end > from) {
          append(kept, chunk.subarray(from, end));
          this.dropped = false;
          from = end;
          continue;
        }
      }
      const blank = chunk.indexOf(EVENT_END, from);
      const end = blank < 0 ? chunk.length : blank + EVENT_END.length;
      for (const segment of this.scanner.push(chunk.subarray(from, end))) {
        const dropped = segment.trailing ? this.dropped : this.see(segment);
        this.dropped = dropped;
        if (!dropped) append(kept, segment.raw);
      }
      from = end;
    }
    // Where nothing is to be taken out the bytes go on as they came, with no wait for the end of an event.
    return this.removeUsageChunk ? kept : [chunk];
  }

  flush(): readonly Buffer[] {
    const rest = this.scanner.flush();
    this.reader.end();
    if (rest === undefined || this.see(rest) || !this.removeUsageChunk) return [];
    return [rest.raw];
  }

  private see({ raw, data }: SseSegment): boolean {
    if (data === undefined || data === '[DONE]') return false;
    const value = jsonOrUndefined(data);
    this.reader.read(value);
    this.repeated.learn(raw, data, value);
    return this.removeUsageChunk && isUsageChunk(value);
  }
}

/** A whole JSON answer: kept up to a bound and read at its end. */
export class BodyTap implements AnswerTap {
  readonly reader: AnswerReader;
  private readonly options: TapOptions;
  private parts: Buffer[] = [];
  private bytes = 0;
  private blind = false;

  constructor(options: TapOptions) {
    this.options = options;
    this.reader = readerOf(options.dialect, { firstContent: () => undefined, toolCall: (call) => options.toolCall(call) });
  }

  push(chunk: Buffer): readonly Buffer[] {
    if (this.bytes === 0 && chunk.length > 0) this.options.firstContent();
    this.bytes += chunk.length;
    if (this.blind) return [chunk];
    this.blind = this.bytes > MAXIMUM_BODY_BYTES || this.options.hold?.(chunk.length) === false;
    if (this.blind) this.parts = [];
    else this.parts.push(chunk);
    return [chunk];
  }

  flush(): readonly Buffer[] {
    if (!this.blind) {
      const value = jsonOrUndefined(Buffer.concat(this.parts).toString('utf8'));
      if (value === undefined) this.reader.failed = true;
      this.reader.read(value);
    }
    this.parts = [];
    this.reader.end();
    return [];
  }
}
