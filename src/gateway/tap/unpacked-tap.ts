/**
 * Reads an answer that comes compressed: a copy is unpacked beside the bytes that go on, or, where something is to be
 * taken out, the unpacked bytes go on in their place.
 */
import type { Transform } from 'node:stream';
import type { AnswerTap } from './answer-tap.ts';

const MAXIMUM_UNPACKED_BYTES = 64 * 1024 * 1024;
/** Compressed bytes that wait for the unpacker: beyond it reading stops, the answer goes on. */
const MAXIMUM_WAITING_BYTES = 4 * 1024 * 1024;

export interface UnpackedTapOptions {
  readonly unpacker: Transform;
  readonly inner: AnswerTap;
  /** Where unpacked bytes go, in place of those that came. @returns whether more may follow at once */
  readonly output?: (piece: Buffer) => boolean;
}

export class UnpackedTap implements AnswerTap {
  /** Resolves when all that has been pushed is read, or never will be; rejects where unpacked bytes were to go on and cannot. */
  readonly settled: Promise<void>;
  readonly #unpacker: Transform;
  readonly #inner: AnswerTap;
  readonly #replaces: boolean;
  #unpackedBytes = 0;

  constructor({ unpacker, inner, output }: UnpackedTapOptions) {
    this.#unpacker = unpacker;
    this.#inner = inner;
    this.#replaces = output !== undefined;
    this.settled = new Promise((resolve, reject) => {
      const flush = (): void => { for (const piece of inner.flush()) output?.(piece); };
      unpacker.on('data', (bytes: Buffer) => {
        this.#unpackedBytes += bytes.length;
        let flowing = true;
        for (const piece of inner.push(bytes)) flowing = (output?.(piece) ?? true) && flowing;
        if (!flowing) unpacker.pause();
        else if (output === undefined && this.#unpackedBytes > MAXIMUM_UNPACKED_BYTES) unpacker.destroy();
      });
      unpacker.on('error', (error) => {
        flush();
        if (output === undefined) resolve();
        else reject(error);
      });
      unpacker.on('end', () => {
        flush();
        resolve();
      });
      unpacker.on('close', resolve);
    });
    this.settled.catch(() => undefined);
  }

  get reader(): AnswerTap['reader'] { return this.#inner.reader; }

  push(chunk: Buffer): readonly Buffer[] {
    const unpacker = this.#unpacker;
    if (!unpacker.destroyed) {
      if (this.#replaces || unpacker.writableLength < MAXIMUM_WAITING_BYTES) unpacker.write(chunk);
      else unpacker.destroy();
    }
    return this.#replaces ? [] : [chunk];
  }

  /** Where unpacked bytes go on: whether what was pushed still waits. */
  get waits(): boolean { return this.#replaces && this.#unpacker.writableNeedDrain; }

  whenRead(run: () => void): void {
    const unpacker = this.#unpacker;
    const done = (): void => {
      unpacker.off('drain', done);
      unpacker.off('close', done);
      run();
    };
    unpacker.on('drain', done);
    unpacker.on('close', done);
  }

  /** The client reads again. */
  resume(): void { this.#unpacker.resume(); }

  flush(): readonly Buffer[] {
    if (!this.#unpacker.destroyed) this.#unpacker.end();
    return [];
  }

  /** Nobody reads any more. */
  drop(): void { this.#unpacker.destroy(); }
}
