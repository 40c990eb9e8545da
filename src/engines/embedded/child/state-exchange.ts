/**
 * How a state gets from the engine into our memory and back: llama.cpp writes and reads files only. One file for each
 * direction is kept and written over, beside the files of states; on a memory-backed disk the pages of a new file cost
 * more than the copy itself.
 */
import { closeSync, constants, fstatSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Left behind by a process that crashed: its parent removes them. */
export const EXCHANGE_FILES = { out: 'out.exchange', in: 'in.exchange' } as const;
/** What is kept between two uses is no larger, per direction and in memory. */
const KEPT_BYTES = 16 * 1024 * 1024;

export class StateExchange {
  readonly folder: string;
  #memory = Buffer.alloc(0);
  #turn: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Where the engine is to write. */
  get outPath(): string { return join(this.folder, EXCHANGE_FILES.out); }
  /** Where the engine is to read from. */
  get inPath(): string { return join(this.folder, EXCHANGE_FILES.in); }

  /** One user at a time. After a failure no file is left. */
  use<Result>(operate: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(operate).catch((error: unknown) => {
      this.#discard();
      throw error;
    });
    this.#turn = result.then(() => { if (this.#memory.length > KEPT_BYTES) this.#discard(); }, () => undefined);
    return result;
  }

  /** What the engine has written; valid until the memory is used again. */
  read(): Buffer {
    const file = openSync(this.outPath, constants.O_RDONLY);
    try {
      const { size } = fstatSync(file);
      const memory = this.#room(size);
      let at = 0;
      for (let got = -1; at < size && got !== 0; at += got) got = readSync(file, memory, at, size - at, at);
      return memory.subarray(0, at);
    } finally {
      closeSync(file);
    }
  }

  /** Makes what the engine has written a file of its own. */
  moveOutTo(path: string): void {
    renameSync(this.outPath, path);
  }

  /**
   * The engine reads as far as the state goes: what a longer one has left behind it stays, for to cut a file and to let
   * it grow again costs more than to write.
   * @param fill puts a state of `bytes` into the memory that it is given
   */
  offer(bytes: number, fill: (target: Buffer) => void): void {
    const memory = this.#room(bytes);
    fill(memory);
    const file = openSync(this.inPath, constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      for (let at = 0; at < bytes;) at += writeSync(file, memory, at, bytes - at, at);
    } finally {
      closeSync(file);
    }
  }

  #room(bytes: number): Buffer {
    if (this.#memory.length < bytes) this.#memory = Buffer.allocUnsafeSlow(bytes);
    return this.#memory;
  }

  #discard(): void {
    this.#memory = Buffer.alloc(0);
    rmSync(this.outPath, { force: true });
    rmSync(this.inPath, { force: true });
  }
}
