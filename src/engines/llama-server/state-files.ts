/**
 * The files in the server's `--slot-save-path`. Its HTTP has no way to delete one, so names are used again, lowest first:
 * there are never more files than there were states at once. Where the folder can be reached from here, files are removed.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** 0 is for looking at what the server can do. */
export function stateFileName(number: number): string {
  return `entresol-${number}.state`;
}

const OURS = /^entresol-\d+\.state$/;

export class StateFiles {
  readonly #folder: string | undefined;
  readonly #free: number[] = [];
  #next = 1;

  /** @param folder the server's, as it is reached from here */
  constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  take(): number {
    return this.#free.pop() ?? this.#next++;
  }

  async give(number: number): Promise<void> {
    try {
      if (this.#folder !== undefined) await rm(join(this.#folder, stateFileName(number)), { force: true });
    } finally {
      this.#free.push(number);
      this.#free.sort((a, b) => b - a);
    }
  }

  /** Removes what an earlier run has left, where it can. Returns how many files there were. */
  async sweep(): Promise<number> {
    if (this.#folder === undefined) return 0;
    const left = (await readdir(this.#folder)).filter((name) => OURS.test(name));
    await Promise.all(left.map((name) => rm(join(this.#folder!, name), { force: true })));
    return left.length;
  }
}
