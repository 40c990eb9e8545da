import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { EntresolError } from '../../core/index.ts';
import { cacheDirectory } from './cache-directory.ts';
import { cpuPackage, ENGINE_PACKAGE, ENGINE_VERSION } from './platform-package.ts';

/** Where `engine add embedded` installs. */
export function engineFolder(cache: string = cacheDirectory()): string {
  return join(cache, 'engines', `${ENGINE_PACKAGE}-${ENGINE_VERSION}`);
}

function entryBelow(folder: string): string {
  return join(folder, 'node_modules', ENGINE_PACKAGE, 'dist', 'index.js');
}

/** Complete: the library and this platform's binary are both there. */
export function isInstalled(folder: string): boolean {
  return existsSync(entryBelow(folder)) && existsSync(join(folder, 'node_modules', ...cpuPackage().split('/'), 'package.json'));
}

function resolveOrdinary(): string | undefined {
  try {
    return import.meta.resolve(ENGINE_PACKAGE);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/**
 * URL of the engine library: what `engine add embedded` has installed, else an ordinary dependency of the project.
 * @throws EntresolError `ENT_ENGINE_UNSUPPORTED_PLATFORM`, `ENT_ENGINE_MISSING`
 */
export function locateEngine(cache: string = cacheDirectory()): string {
  const folder = engineFolder(cache);
  if (isInstalled(folder)) return pathToFileURL(entryBelow(folder)).href;
  const ordinary = resolveOrdinary();
  if (ordinary !== undefined && existsSync(fileURLToPath(ordinary))) return ordinary;
  throw new EntresolError('ENT_ENGINE_MISSING', `the embedded engine is not installed in ${folder}.`);
}
