import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EntresolError } from '../../../core/index.ts';
import { cacheError, errorCode } from '../file-system-errors.ts';
import { syntheticModelPieces } from './model-file.ts';
import type { ModelShape } from './shape.ts';

/** The file operations needed, so that a full disk can be tested. */
export interface ModelFiles {
  readFile(path: string): Promise<Uint8Array>;
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  makeFolder(path: string): Promise<void>;
  remove(path: string): Promise<void>;
}

export const DISK: ModelFiles = {
  readFile: (path) => readFile(path),
  writeFile: (path, bytes) => writeFile(path, bytes),
  rename: (from, to) => rename(from, to),
  makeFolder: async (path) => { await mkdir(path, { recursive: true }); },
  remove: (path) => rm(path, { force: true }),
};

export interface SyntheticModel {
  readonly path: string;
  /** `kept`: found and intact. `generated`: was not there. `rebuilt`: was there but its hash was wrong. */
  readonly origin: 'kept' | 'generated' | 'rebuilt';
}

export function modelHash(pieces: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

export function syntheticModelPath(shape: ModelShape, cacheDirectory: string): string {
  return join(cacheDirectory, 'models', `${shape.name}-v${shape.version}.gguf`);
}

async function readIfThere(path: string, files: ModelFiles): Promise<Uint8Array | undefined> {
  try {
    return await files.readFile(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw cacheError(error, path);
  }
}

/**
 * The synthetic model's file in the cache directory, checked by hash; written if it is missing or damaged.
 * @throws EntresolError `ENT_DISK_FULL`, `ENT_CACHE_UNWRITABLE`
 */
export async function ensureSyntheticModel(shape: ModelShape, cacheDirectory: string, files: ModelFiles = DISK): Promise<SyntheticModel> {
  const path = syntheticModelPath(shape, cacheDirectory);
  const found = await readIfThere(path, files);
  if (found !== undefined && modelHash([found]) === shape.sha256) return { path, origin: 'kept' };

  const pieces = syntheticModelPieces(shape);
  if (modelHash(pieces) !== shape.sha256) {
    throw new EntresolError('ENT_INTERNAL', `the synthetic model ${shape.name} comes out with other bytes than recorded.`, { at: path });
  }
  const temporary = `${path}.${process.pid}.${Date.now()}.part`;
  try {
    await files.makeFolder(dirname(path));
    await files.writeFile(temporary, Buffer.concat(pieces));
    await files.rename(temporary, path);
  } catch (error) {
    // Where nothing can be written there may be nothing to remove.
    await files.remove(temporary).catch(() => undefined);
    throw cacheError(error, path);
  }
  return { path, origin: found === undefined ? 'generated' : 'rebuilt' };
}
