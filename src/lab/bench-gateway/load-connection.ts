/**
 * A keep-alive connection that sends one request at a time and reads its answer to the last byte, with as little work
 * as can be: the generator shares the machine with what it measures. It trusts the framing of the servers of the bench.
 */
import { connect, type Socket } from 'node:net';

export interface Exchanged {
  readonly status: number;
  /** From the first byte sent to the first and the last byte received. */
  readonly firstByteMs: number;
  readonly lastByteMs: number;
  readonly answerBytes: number;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const CHUNKS_END = '0\r\n\r\n';

export class LoadConnection {
  readonly #socket: Socket;
  readonly #host: string;
  #pending: { resolve(result: Exchanged): void; reject(error: Error): void } | undefined;
  #sentAtMs = 0;
  #firstAtMs = 0;
  #status = 0;
  #head = '';
  /** Body bytes to come; -1: chunked. */
  #expected = 0;
  #bytes = 0;
  #end = '';

  constructor(url: URL) {
    this.#host = url.host;
    this.#socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    this.#socket.on('data', (part: Buffer) => this.#read(part));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  get closed(): boolean { return this.#socket.destroyed; }

  /** @param headers lines, each with its CRLF */
  exchange(path: string, headers: string, body: readonly Buffer[]): Promise<Exchanged> {
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#head = this.#end = '';
      this.#status = this.#expected = this.#bytes = 0;
      let length = 0;
      for (const piece of body) length += piece.length;
      this.#sentAtMs = performance.now();
      this.#socket.cork();
      this.#socket.write(`POST ${path} HTTP/1.1\r\nhost: ${this.#host}\r\ncontent-type: application/json\r\nauthorization: Bearer sk-bench\r\nuser-agent: bench\r\naccept: application/json\r\n${headers}content-length: ${length}\r\n\r\n`, 'latin1');
      for (const piece of body) this.#socket.write(piece);
      this.#socket.uncork();
    });
  }

  /** Cuts the connection, as a client that gives up does. */
  destroy(): void { this.#socket.destroy(); }

  #fail(error: Error): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.reject(error);
  }

  #read(part: Buffer): void {
    let body = part;
    if (this.#status === 0) {
      const whole = this.#head === '' ? part : Buffer.concat([Buffer.from(this.#head, 'latin1'), part]);
      const at = whole.indexOf(HEAD_END);
      if (at < 0) {
        this.#head = whole.toString('latin1');
        return;
      }
      this.#firstAtMs = performance.now();
      const head = whole.toString('latin1', 0, at);
      this.#status = Number(head.slice(9, 12));
      const length = /\r\ncontent-length: *(\d+)/i.exec(head);
      this.#expected = length === null ? -1 : Number(length[1]);
      body = whole.subarray(at + HEAD_END.length);
    }
    this.#bytes += body.length;
    if (this.#expected < 0) {
      if (body.length > 0) this.#end = (this.#end + body.toString('latin1', Math.max(0, body.length - CHUNKS_END.length))).slice(-CHUNKS_END.length);
      if (this.#end === CHUNKS_END) this.#done();
    } else if (this.#bytes >= this.#expected) this.#done();
  }

  #done(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.resolve({ status: this.#status, firstByteMs: this.#firstAtMs - this.#sentAtMs, lastByteMs: performance.now() - this.#sentAtMs, answerBytes: this.#bytes });
  }
}
