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

/** The character that `\uXXXX` stands for, with the low half that follows a high one; `at` is at the `u`. */
function pointAt(bytes: Buffer, at: number, end: number): number {
  const unit = unitAt(bytes, at + 1);
  if (unit < 0xd800 || unit >= 0xe000) return unit;
  const low = unit < 0xdc00 && at + 11 <= end && bytes[at + 5] === BACKSLASH && bytes[at + 6] === UNICODE ? unitAt(bytes, at + 7) : 0;
  return low >= 0xdc00 && low < 0xe000 ? 0x10000 + (((unit - 0xd800) << 10) | (low - 0xdc00)) : REPLACEMENT;
}

/** Writes a character as UTF-8. @returns where the next one goes */
function writePoint(to: Buffer, length: number, point: number): number {
  let next = length;
  if (point < 0x80) to[next++] = point;
  else if (point < 0x800) {
    to[next++] = 0xc0 | (point >> 6);
    to[next++] = 0x80 | (point & 0x3f);
  } else {
    if (point < 0x10000) to[next++] = 0xe0 | (point >> 12);
    else {
      to[next++] = 0xf0 | (point >> 18);
      to[next++] = 0x80 | ((point >> 12) & 0x3f);
    }
    to[next++] = 0x80 | ((point >> 6) & 0x3f);
    to[next++] = 0x80 | (point & 0x3f);
  }
  return next;
}

/*
 * The loops over bytes touch no members and do nothing after their last turn: compiled in the middle of its first run, a
 * function of V8 11 that does is thrown back to the interpreter at the end of every later run, for good.
 */

/** @returns how long the text in `to` is now */
function unescapeTo(to: Buffer, length: number, bytes: Buffer, start: number, end: number): number {
  let next = length;
  let at = start;
  while (at < end) {
    const byte = bytes[at];
    at += 1;
    if (byte !== BACKSLASH) to[next++] = byte;
    else if (bytes[at] !== UNICODE) to[next++] = ESCAPES[bytes[at++]];
    else {
      const point = pointAt(bytes, at, end);
      next = writePoint(to, next, point);
      at += point > 0xffff ? 11 : 5;
    }
  }
  return next;
}

/** @returns how long the text in `to` is now */
function squeezeTo(to: Buffer, length: number, bytes: Buffer, start: number, end: number): number {
  let next = length;
  let at = start;
  while (at < end) {
    const byte = bytes[at];
    at += 1;
    if (byte > 0x20 && byte !== BACKSLASH) to[next++] = byte;
    else if (byte === BACKSLASH) {
      if (bytes[at] !== UNICODE) to[next++] = ESCAPES[bytes[at++]];
      else {
        const point = pointAt(bytes, at, end);
        next = writePoint(to, next, point);
        at += point > 0xffff ? 11 : 5;
      }
      if (isWhite(to[next - 1])) next -= 1;
    } else if (!isWhite(byte)) to[next++] = byte;
  }
  return next;
}

const NOTHING = Buffer.alloc(0);
/** At most as many bytes as UTF-8 takes for one unit of a string. */
const BYTES_PER_UNIT = 3;

/** A buffer that grows, is written once through and used again. */
export class TextBytes {
  /** Made when something is written: many are never. */
  private buffer = NOTHING;
  private length = 0;

  clear(): void {
    this.length = 0;
    // One long text must not stay in memory for good.
    if (this.buffer.length > 1_048_576) this.buffer = NOTHING;
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
    this.reserve(text.length * BYTES_PER_UNIT);
    this.length += this.buffer.write(text, this.length);
  }

  /** Appends the text between two quotes, its escapes resolved. A lone surrogate becomes U+FFFD, as in UTF-8 it must. */
  appendEscaped(bytes: Buffer, start: number, end: number): void {
    this.reserve(end - start);
    this.length = unescapeTo(this.buffer, this.length, bytes, start, end);
  }

  /** The same without white space: equal to `appendEscaped`, then `squeeze`. */
  appendSqueezed(bytes: Buffer, start: number, end: number): void {
    this.reserve(end - start);
    this.length = squeezeTo(this.buffer, this.length, bytes, start, end);
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
