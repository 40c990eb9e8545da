import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EntresolError } from '../core/index.ts';
import { FileStore } from './file-store.ts';
import { storeContract } from './store.contract.ts';

const directories: string[] = [];
async function freshDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'entresol-store-'));
  directories.push(directory);
  return join(directory, 'state');
}
afterAll(() => Promise.all(directories.map((directory) => rm(directory, { recursive: true, force: true }))));

storeContract('files', async (clock, maximumEntries) => new FileStore({ directory: await freshDirectory(), clock, maximumEntries }));

const clock = { nowMs: () => 0 };
const value = new TextEncoder().encode('learned tables');
async function storeWithOneFile(): Promise<{ store: FileStore; path: string; directory: string }> {
  const directory = await freshDirectory();
  const store = new FileStore({ directory, clock, maximumEntries: 10 });
  await store.set('a', value);
  const [name] = await readdir(directory);
  return { store, directory, path: join(directory, name) };
}

describe('file store', () => {
  it('outlives its object and is readable by the owner alone', async () => {
    const { directory, path } = await storeWithOneFile();
    expect(await new FileStore({ directory, clock, maximumEntries: 10 }).get('a')).toEqual(value);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await readdir(directory)).length).toBe(1);
  });

  it.each([
    ['cut short', (bytes: Buffer) => bytes.subarray(0, bytes.length - 3), /checksum/],
    ['cut in its head', (bytes: Buffer) => bytes.subarray(0, 20), /cut short/],
    ['altered', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from('!')]), /checksum/],
    ['of another kind', () => Buffer.from('hello'), /no state file/],
    ['of a newer version', (bytes: Buffer) => { const newer = Buffer.from(bytes); newer.writeUInt16LE(9, 4); return newer; }, /version 9/],
  ])('refuses a file that is %s, and takes the next write', async (_what, damage, message) => {
    const { store, path } = await storeWithOneFile();
    await writeFile(path, damage(await readFile(path)));
    const error = await store.get('a').then(() => undefined, (thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(EntresolError);
    expect(error).toMatchObject({ code: 'ENT_SNAPSHOT_INVALID', at: path });
    expect(String(error)).toMatch(message);
    const invalid: unknown[] = [];
    for await (const entry of store.entries((found) => invalid.push(found))) expect(entry.key).toBe('none');
    expect(invalid).toHaveLength(1);
    await store.set('a', value);
    expect(await store.get('a')).toEqual(value);
  });

  it('says where it cannot write', async () => {
    const { path } = await storeWithOneFile();
    const store = new FileStore({ directory: join(path, 'below-a-file'), clock, maximumEntries: 10 });
    await expect(store.set('a', value)).rejects.toMatchObject({ code: 'ENT_STATE_UNWRITABLE' });
  });
});
