/**
 * The files in the server's `--slot-save-path`. Its HTTP has no way to delete one, so names are used again, lowest first:
 * there are never more files than there were states at once. Where the folder can be reached from here, files are removed.
 * Several servers may save into one folder: each has names of its own, which are the same in its next run.
 */
import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** @param origin of the server, as it is reached from here: one that is called so elsewhere is another */
export function stateOwner(origin: string): string {
  return createHash('sha256').update(JSON.stringify([hostname(), origin])).digest('hex').slice(0, 16);
}

export class StateFiles {
  readonly #folder: string | undefined;
  readonly #owner: string;
  readonly #free: number[] = [];
  #next = 1;

  /** @param folder the server's, as it is reached from here */
  constructor(folder: string | undefined, owner: string) {
    this.#folder = folder;
    this.#owner = owner;
  }

  /** @param number one that was taken; 0 is for looking at what the server can do */
  nameOf(number: number): string { return `entresol-${this.#owner}-${number}.state`; }

  take(): number {
    return this.#free.pop() ?? this.#next++;
  }

  async give(number: number): Promise<void> {
    try {
      if (this.#folder !== undefined) await rm(join(this.#folder, this.nameOf(number)), { force: true });
    } finally {
      this.#free.push(number);
      this.#free.sort((a, b) => b - a);
    }
  }

  /** Removes what an earlier run before the same server has left, where it can. Returns how many files there were. */
  async sweep(): Promise<number> {
    if (this.#folder === undefined) return 0;
    const ours = new RegExp(`^entresol-${this.#owner}-\\d+\\.state$`);
    const left = (await readdir(this.#folder)).filter((name) => ours.test(name));
    await Promise.all(left.map((name) => rm(join(this.#folder!, name), { force: true })));
    return left.length;
  }
}
