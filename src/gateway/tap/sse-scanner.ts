/**
 * Cuts a server-sent event stream into its events without changing a byte: at any chunking, with LF, CRLF or CR,
 * comments, `data:` without a space, characters split between chunks. Text is decoded per whole line.
 */
export interface SseSegment {
  /** The bytes of one event with the blank line that ends it; joined in order they are the stream. */
  readonly raw: Buffer;
  /** Its `data` lines, joined by LF; undefined for comments and for the LF of a CRLF that came a chunk later. */
  readonly data?: string;
  /** These bytes belong to the segment before: do with them what was done with it. */
  readonly trailing: boolean;
}

const LF = 0x0a;
const CR = 0x0d;

export class SseScanner {
  private readonly maximumEventBytes: number;
  private eventParts: Buffer[] = [];
  private eventBytes = 0;
  private lineParts: Buffer[] = [];
  private dataLines: string[] = [];
  private afterCarriageReturn = false;
  private justEnded = false;
  /** An event was larger than the bound: from here on bytes are passed on unread. */
  private blind = false;

  constructor(maximumEventBytes: number) {
    this.maximumEventBytes = maximumEventBytes;
  }

  get overflowed(): boolean { return this.blind; }
  /** Whether the next byte begins an event. */
  get between(): boolean { return this.eventParts.length === 0 && !this.afterCarriageReturn && !this.blind; }

  push(chunk: Buffer): SseSegment[] {
    if (this.blind) return [{ raw: chunk, trailing: false }];
    const segments: SseSegment[] = [];
    let eventStart = 0;
    let lineStart = 0;
    let position = 0;
    if (this.afterCarriageReturn && chunk.length > 0) {
      this.afterCarriageReturn = false;
      if (chunk[0] === LF) {
        position = lineStart = 1;
        if (this.justEnded) {
          segments.push({ raw: chunk.subarray(0, 1), trailing: true });
          eventStart = 1;
        }
      }
    }
    if (chunk.length > 0) this.justEnded = false;
    const hasCarriageReturn = chunk.includes(CR);
    while (position < chunk.length) {
      const end = hasCarriageReturn ? nextLineEnd(chunk, position) : chunk.indexOf(LF, position);
      if (end < 0) break;
      let next = end + 1;
      if (chunk[end] === CR) {
        if (next < chunk.length) next += chunk[next] === LF ? 1 : 0;
        else this.afterCarriageReturn = true;
      }
      const blank = this.endLine(chunk.subarray(lineStart, end));
      lineStart = position = next;
      if (!blank) continue;
      segments.push(this.endEvent(chunk.subarray(eventStart, next)));
      eventStart = next;
    }
    this.justEnded = eventStart === chunk.length && segments.length > 0;
    if (lineStart < chunk.length) this.lineParts.push(chunk.subarray(lineStart));
    if (eventStart < chunk.length) {
      this.eventParts.push(chunk.subarray(eventStart));
      this.eventBytes += chunk.length - eventStart;
      if (this.eventBytes > this.maximumEventBytes) segments.push(this.giveUp());
    }
    return segments;
  }

  /** What is left when the stream is over: an event that no blank line ended is read all the same. */
  flush(): SseSegment | undefined {
    if (this.eventParts.length === 0) return undefined;
    if (this.lineParts.length > 0) this.endLine(Buffer.alloc(0));
    return this.endEvent(Buffer.alloc(0));
  }

  private endLine(rest: Buffer): boolean {
    const line = this.lineParts.length === 0 ? rest : Buffer.concat([...this.lineParts, rest]);
    this.lineParts = [];
    if (line.length === 0) return true;
    if (line.length >= 5 && line.toString('latin1', 0, 5) === 'data:') this.dataLines.push(line.toString('utf8', line[5] === 0x20 ? 6 : 5));
    else if (line.length === 4 && line.toString('latin1') === 'data') this.dataLines.push('');
    return false;
  }

  private endEvent(rest: Buffer): SseSegment {
    const raw = this.eventParts.length === 0 ? rest : Buffer.concat([...this.eventParts, rest]);
    const data = this.dataLines.length === 0 ? undefined : this.dataLines.join('\n');
    this.eventParts = [];
    this.eventBytes = 0;
    this.dataLines = [];
    return data === undefined ? { raw, trailing: false } : { raw, data, trailing: false };
  }

  private giveUp(): SseSegment {
    this.blind = true;
    this.lineParts = [];
    this.dataLines = [];
    const raw = Buffer.concat(this.eventParts);
    this.eventParts = [];
    return { raw, trailing: false };
  }
}

function nextLineEnd(chunk: Buffer, from: number): number {
  const lineFeed = chunk.indexOf(LF, from);
  const carriageReturn = chunk.indexOf(CR, from);
  if (lineFeed < 0) return carriageReturn;
  return carriageReturn >= 0 && carriageReturn < lineFeed ? carriageReturn : lineFeed;
}
