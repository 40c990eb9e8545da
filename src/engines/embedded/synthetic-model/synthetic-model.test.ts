import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { syntheticModelPieces } from './model-file.ts';
import { STANDARD_SHAPE, TINY_SHAPE } from './shape.ts';
import { DISK, ensureSyntheticModel, modelHash, syntheticModelPath } from './synthetic-model.ts';
import { buildVocabulary } from './vocabulary.ts';

let cache: string;
beforeAll(async () => { cache = await mkdtemp(join(tmpdir(), 'entresol-model-')); });
afterAll(async () => { await rm(cache, { recursive: true, force: true }); });

describe('the synthetic model', () => {
  it('has the recorded bytes in every shape', () => {
    for (const shape of [STANDARD_SHAPE, TINY_SHAPE]) expect(modelHash(syntheticModelPieces(shape)), shape.name).toBe(shape.sha256);
  });

  it('has each piece once', () => {
    const texts = buildVocabulary().map((piece) => piece.text);
    expect(new Set(texts).size).toBe(texts.length);
  });

  it('is generated once, kept while intact and rebuilt when damaged', async () => {
    const first = await ensureSyntheticModel(TINY_SHAPE, cache);
    expect(first).toEqual({ path: syntheticModelPath(TINY_SHAPE, cache), origin: 'generated' });
    const { mtimeMs } = await stat(first.path);
    expect((await ensureSyntheticModel(TINY_SHAPE, cache)).origin).toBe('kept');
    expect((await stat(first.path)).mtimeMs).toBe(mtimeMs);

    const bytes = await readFile(first.path);
    bytes[bytes.length - 100] ^= 1;
    await writeFile(first.path, bytes);
    expect((await ensureSyntheticModel(TINY_SHAPE, cache)).origin).toBe('rebuilt');
    expect(modelHash([await readFile(first.path)])).toBe(TINY_SHAPE.sha256);

    await writeFile(first.path, bytes.subarray(0, 1000));
    expect((await ensureSyntheticModel(TINY_SHAPE, cache)).origin).toBe('rebuilt');
  });

  it('says that the cache directory cannot be written', async () => {
    const file = join(cache, 'file');
    await writeFile(file, '');
    await expect(ensureSyntheticModel(TINY_SHAPE, file)).rejects.toMatchObject({ code: 'ENT_CACHE_UNWRITABLE', at: syntheticModelPath(TINY_SHAPE, file) });
  });

  it.each(['ENOSPC', 'EDQUOT', 'EFBIG'])('says that there is no room (%s), and leaves nothing behind', async (code) => {
    const removed: string[] = [];
    const full = {
      ...DISK,
      writeFile: () => Promise.reject(Object.assign(new Error('no'), { code })),
      remove: (path: string) => { removed.push(path); return DISK.remove(path); },
    };
    const empty = join(cache, 'full');
    await expect(ensureSyntheticModel(TINY_SHAPE, empty, full)).rejects.toMatchObject({ code: 'ENT_DISK_FULL', at: syntheticModelPath(TINY_SHAPE, empty) });
    expect(removed).toHaveLength(1);
    await expect(stat(syntheticModelPath(TINY_SHAPE, empty))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
