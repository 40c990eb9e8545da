/**
 * How a state gets from the engine into our memory and back: llama.cpp writes and reads files only. One file for each
 * direction is kept and written over, beside the files of states; on a memory-backed disk the pages of a new file cost
 * more than the copy itself.
 */
import { closeSync, constants, fstatSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { EntresolError } from '../../../core/index.ts';
import { errorCode, isDiskFull } from '../file-system-errors.ts';

/** Left behind by a process that crashed: its parent removes them. */
const EXCHANGE_FILES = { out: 'out.exchange', in: 'in.exchange' } as const;
/** A write that failed with less than this left has failed for want of space. */
const FULL_BELOW_BYTES = 64 * 1024;
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

  /**
   * One user at a time. After a failure no file is left; for want of space it is tried once more without what was kept.
   * @throws EntresolError `ENT_DISK_FULL`
   */
  use<Result>(operate: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(() => this.#attempt(operate, () => this.#attempt(operate)));
    this.#turn = result.then(() => { if (this.#memory.length > KEPT_BYTES) this.#discard(); }, () => undefined);
    return result;
  }

  async #attempt<Result>(operate: () => Promise<Result>, again?: () => Promise<Result>): Promise<Result> {
    try {
      return await operate();
    } catch (error) {
      const full = await this.#isFull(error);
      this.#discard();
      if (!full) throw error;
      if (again !== undefined) return again();
      throw new EntresolError('ENT_DISK_FULL', `no space left to exchange a state in ${this.folder}.`, { at: this.folder, cause: error });
    }
  }

  /** The engine does not say why it could not write. */
  async #isFull(error: unknown): Promise<boolean> {
    if (isDiskFull(error)) return true;
    const { bavail, bsize } = await statfs(this.folder);
    return bavail * bsize < FULL_BELOW_BYTES;
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
    removeExchangeFiles(this.folder);
  }
}

/** A file that cannot be removed now is written over at the next use, or goes with its folder. */
export function removeExchangeFiles(folder: string): void {
  for (const name of Object.values(EXCHANGE_FILES)) {
    try {
      rmSync(join(folder, name), { force: true });
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
    }
  }
}
