/** A body whose memory is used again: it must be known when nobody reads it any more. */

/** A socket that holds back more says so. */
export const WRITE_AHEAD_BYTES = 16 * 1024;

/**
 * undici writes a buffer and forgets it. Of a body in pieces it asks for the next one when the socket wants more: a piece
 * longer than what a socket holds back has then been written. Where the answer comes first, or the call is given up, it
 * closes the connection.
 */
export class WrittenBody {
  readonly bytes: Buffer;
  /** How often it is being written at this moment. */
  private writing = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get beingRead(): boolean { return this.writing > 0; }

  *[Symbol.iterator](): Generator<Buffer> {
    this.writing += 1;
    try {
      yield this.bytes;
    } finally {
      this.writing -= 1;
    }
  }
}
