/** Results of replays on disk, a small file each, named by the hash of all that they depend on. */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const MAXIMUM_ENTRIES = 20_000;
/** Of the entries, deleted at once when there are too many, the oldest first. */
const SHARE_TO_PRUNE = 0.25;

export interface ResultCacheOptions<Value> {
  readonly folder: string;
  /** Whether what a file holds is a value. */
  readonly check: (value: unknown) => value is Value;
  /** Told once if the folder cannot be written: everything is computed then, and nothing is kept. */
  readonly onUnusable: (why: string) => void;
  readonly maximumEntries?: number;
}

export class ResultCache<Value> {
  readonly #folder: string;
  readonly #options: ResultCacheOptions<Value>;
  #prepared: Promise<boolean> | undefined;

  constructor(options: ResultCacheOptions<Value>) {
    this.#folder = options.folder;
    this.#options = options;
  }

  /** Undefined where there is none, and for a file that is cut short or is no value. */
  async get(key: string): Promise<Value | undefined> {
    let text: string;
    try {
      text = await readFile(this.#path(key), 'utf8');
    } catch {
      return undefined;
    }
    try {
      const value: unknown = JSON.parse(text);
      return this.#options.check(value) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  async put(key: string, value: Value): Promise<void> {
    this.#prepared ??= this.#prepare();
    if (!(await this.#prepared)) return;
    const draft = join(this.#folder, `${randomUUID()}.draft`);
    try {
      await writeFile(draft, JSON.stringify(value), { mode: 0o600 });
      await rename(draft, this.#path(key));
    } catch (error) {
      await rm(draft, { force: true });
      this.#prepared = Promise.resolve(false);
      this.#options.onUnusable((error as Error).message);
    }
  }

  #path(key: string): string { return join(this.#folder, `${key}.json`); }

  async #prepare(): Promise<boolean> {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await this.#prune();
      return true;
    } catch (error) {
      this.#options.onUnusable((error as Error).message);
      return false;
    }
  }

  async #prune(): Promise<void> {
    const names = await readdir(this.#folder);
    const { maximumEntries = MAXIMUM_ENTRIES } = this.#options;
    if (names.length <= maximumEntries) return;
    const files = await Promise.all(names.map(async (name) => {
      const path = join(this.#folder, name);
      // Another process may prune at the same time: what is gone is oldest, and deleting it again does nothing.
      return { path, atMs: await stat(path).then(({ mtimeMs }) => mtimeMs, () => 0) };
    }));
    files.sort((one, other) => one.atMs - other.atMs);
    await Promise.all(files.slice(0, Math.ceil(SHARE_TO_PRUNE * maximumEntries)).map(({ path }) => rm(path, { force: true })));
  }
}
