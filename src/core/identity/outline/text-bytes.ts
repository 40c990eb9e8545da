/** Texts of a body as UTF-8 bytes: what is hashed is the text itself, however JSON wrote it down. */

const BACKSLASH = 0x5c;
const REPLACEMENT = 0xfffd;
/** What `\b`, `\f`, `\n`, `\r` and `\t` stand for; any other escaped byte stands for itself. */
const ESCAPES = Uint8Array.from({ length: 256 }, (_, byte) => byte);
for (const [escape, byte] of [[0x62, 0x08], [0x66, 0x0c], [0x6e, 0x0a], [0x72, 0x0d], [0x74, 0x09]]) ESCAPES[escape] = byte;
const UNICODE = 0x75;

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 0;
}

const unitAt = (bytes: Buffer, at: number): number =>
  (hexDigit(bytes[at]) << 12) | (hexDigit(bytes[at + 1]) << 8) | (hexDigit(bytes[at + 2]) << 4) | hexDigit(bytes[at + 3]);

const isWhite = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** A buffer that grows, is written once through and used again. */
export class TextBytes {
  private buffer = Buffer.allocUnsafe(4096);
  private length = 0;

  clear(): void {
    this.length = 0;
    // One long text must not stay in memory for good.
    if (this.buffer.length > 1_048_576) this.buffer = Buffer.allocUnsafe(4096);
  }

  get size(): number { return this.length; }

  private reserve(more: number): void {
    if (this.length + more <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + more));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }

  appendByte(byte: number): void {
    this.reserve(1);
    this.buffer[this.length++] = byte;
  }

  append(bytes: Buffer, start: number, end: number): void {
    this.reserve(end - start);
    bytes.copy(this.buffer, this.length, start, end);
    this.length += end - start;
  }

  /** Appends a text as UTF-8; a lone surrogate becomes U+FFFD. */
  appendText(text: string): void {
    const bytes = Buffer.from(text);
    this.append(bytes, 0, bytes.length);
  }

  /** Appends the text between two quotes, its escapes resolved. A lone surrogate becomes U+FFFD, as in UTF-8 it must. */
  appendEscaped(bytes: Buffer, start: number, end: number): void {
    this.reserve(end - start);
    const { buffer } = this;
    let { length } = this;
    let at = start;
    while (at < end) {
      const byte = bytes[at];
      at += 1;
      if (byte !== BACKSLASH) buffer[length++] = byte;
      else if (bytes[at] !== UNICODE) buffer[length++] = ESCAPES[bytes[at++]];
      else {
        this.length = length;
        at = this.appendUnicode(bytes, at, end);
        length = this.length;
      }
    }
    this.length = length;
  }

  /** The same without white space: equal to `appendEscaped`, then `squeeze`. */
  appendSqueezed(bytes: Buffer, start: number, end: number): void {
    this.reserve(end - start);
    const { buffer } = this;
    let { length } = this;
    let at = start;
    while (at < end) {
      const byte = bytes[at];
      at += 1;
      if (byte > 0x20 && byte !== BACKSLASH) buffer[length++] = byte;
      else if (byte === BACKSLASH) {
        if (bytes[at] !== UNICODE) buffer[length++] = ESCAPES[bytes[at++]];
        else {
          this.length = length;
          at = this.appendUnicode(bytes, at, end);
          length = this.length;
        }
        if (isWhite(buffer[length - 1])) length -= 1;
      } else if (!isWhite(byte)) buffer[length++] = byte;
    }
    this.length = length;
  }

  /** @param at at the `u` of `\uXXXX` @returns where the text goes on */
  private appendUnicode(bytes: Buffer, at: number, end: number): number {
    const unit = unitAt(bytes, at + 1);
    const low = at + 11 <= end && unit >= 0xd800 && unit < 0xdc00 && bytes[at + 5] === BACKSLASH && bytes[at + 6] === 0x75 ? unitAt(bytes, at + 7) : 0;
    if (low >= 0xdc00 && low < 0xe000) {
      this.appendPoint(0x10000 + (((unit - 0xd800) << 10) | (low - 0xdc00)));
      return at + 11;
    }
    this.appendPoint(unit >= 0xd800 && unit < 0xe000 ? REPLACEMENT : unit);
    return at + 5;
  }

  private appendPoint(point: number): void {
    const { buffer } = this;
    if (point < 0x80) buffer[this.length++] = point;
    else if (point < 0x800) {
      buffer[this.length++] = 0xc0 | (point >> 6);
      buffer[this.length++] = 0x80 | (point & 0x3f);
    } else {
      if (point < 0x10000) buffer[this.length++] = 0xe0 | (point >> 12);
      else {
        buffer[this.length++] = 0xf0 | (point >> 18);
        buffer[this.length++] = 0x80 | ((point >> 12) & 0x3f);
      }
      buffer[this.length++] = 0x80 | ((point >> 6) & 0x3f);
      buffer[this.length++] = 0x80 | (point & 0x3f);
    }
  }

  /** Takes out the white space that JSON allows between tokens (and that within its strings, alike everywhere). */
  squeeze(): void {
    const { buffer } = this;
    let kept = 0;
    for (let at = 0; at < this.length; at++) {
      const byte = buffer[at];
      if (!isWhite(byte)) buffer[kept++] = byte;
    }
    this.length = kept;
  }

  /** What was written, as a view that the next write invalidates. */
  get view(): Buffer { return this.buffer.subarray(0, this.length); }

  /** The same without white space at its ends. */
  get trimmed(): Buffer {
    const { buffer } = this;
    let start = 0;
    let end = this.length;
    while (start < end && buffer[start] <= 0x20) start += 1;
    while (end > start && buffer[end - 1] <= 0x20) end -= 1;
    return buffer.subarray(start, end);
  }
}
