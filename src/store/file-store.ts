import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EntresolError, type Clock } from '../core/index.ts';
import { seal, unseal, type Envelope } from './file-envelope.ts';
import type { Store, StoreEntry } from './store.ts';

const SUFFIX = '.state';

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/**
 * One file per entry in a directory, readable by the owner alone (0600). A write goes to a new file that is renamed
 * over the old one, so that a crash leaves either the old entry or the new one. Times to live need a clock that goes
 * on across restarts.
 */
export class FileStore implements Store {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #maximumEntries: number;

  constructor(options: { readonly directory: string; readonly clock: Clock; readonly maximumEntries: number }) {
    this.#directory = options.directory;
    this.#clock = options.clock;
    this.#maximumEntries = Math.max(1, options.maximumEntries);
  }

  /** Keys hold names that clients choose: a file is named by the hash of its key, never by the key. */
  #path(key: string): string {
    return join(this.#directory, `${createHash('sha256').update(key).digest('hex').slice(0, 40)}${SUFFIX}`);
  }

  async #read(path: string): Promise<Envelope | undefined> {
    let bytes: Buffer;
    try {
      bytes = await readFile(path);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw new EntresolError('ENT_SNAPSHOT_INVALID', `the state file cannot be read (${codeOf(error) ?? String(error)}).`, { at: path, cause: error });
    }
    const envelope = unseal(bytes, path);
    if (envelope.expiresAtMs !== undefined && envelope.expiresAtMs <= this.#clock.nowMs()) {
      await rm(path, { force: true });
      return undefined;
    }
    return envelope;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return (await this.#read(this.#path(key)))?.value;
  }

  async set(key: string, value: Uint8Array, options: { readonly ttlMs?: number } = {}): Promise<void> {
    const path = this.#path(key);
    const partial = `${path}.${randomUUID()}.partial`;
    const expiry = options.ttlMs === undefined ? {} : { expiresAtMs: this.#clock.nowMs() + options.ttlMs };
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      const file = await open(partial, 'wx', 0o600);
      try {
        await file.writeFile(seal({ key, value, ...expiry }));
        await file.sync();
        await rename(partial, path);
      } finally {
        await file.close();
        await rm(partial, { force: true });
      }
    } catch (error) {
      const code = codeOf(error) ?? String(error);
      throw new EntresolError(code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG' ? 'ENT_DISK_FULL' : 'ENT_STATE_UNWRITABLE', `the state file cannot be written (${code}).`, { at: path, cause: error });
    }
    await this.#makeRoom(path);
  }

  async #makeRoom(justWritten: string): Promise<void> {
    const paths = (await this.#paths()).filter((path) => path !== justWritten);
    if (paths.length < this.#maximumEntries) return;
    const aged = await Promise.all(paths.map(async (path) => ({ path, atMs: (await stat(path)).mtimeMs })));
    aged.sort((a, b) => a.atMs - b.atMs);
    for (const { path } of aged.slice(0, paths.length - this.#maximumEntries + 1)) await rm(path, { force: true });
  }

  async delete(key: string): Promise<void> {
    await rm(this.#path(key), { force: true });
  }

  async #paths(): Promise<string[]> {
    try {
      const names = await readdir(this.#directory);
      return names.filter((name) => name.endsWith(SUFFIX)).map((name) => join(this.#directory, name));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw new EntresolError('ENT_SNAPSHOT_INVALID', `the state directory cannot be read (${codeOf(error) ?? String(error)}).`, { at: this.#directory, cause: error });
    }
  }

  async *entries(onInvalid?: (error: unknown) => void): AsyncIterable<StoreEntry> {
    for (const path of await this.#paths()) {
      let envelope: Envelope | undefined;
      try {
        envelope = await this.#read(path);
      } catch (error) {
        if (onInvalid === undefined) throw error;
        onInvalid(error);
        continue;
      }
      if (envelope !== undefined) yield { key: envelope.key, value: envelope.value };
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
