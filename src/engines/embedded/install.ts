import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EntresolError } from '../../core/index.ts';
import { cacheDirectory } from './cache-directory.ts';
import { cacheError, errorCode } from './file-system-errors.ts';
import { engineFolder, isInstalled } from './locate.ts';
import { cpuPackage, ENGINE_PACKAGE, ENGINE_VERSION, thisPlatform, type Platform } from './platform-package.ts';

export interface InstallOptions {
  readonly cache?: string;
  readonly platform?: Platform;
  /** Lines for a person. */
  readonly progress?: (line: string) => void;
  /** Runs npm in a folder: its exit status and what it printed. */
  readonly npm?: (arguments_: readonly string[], folder: string) => Promise<NpmResult>;
}
export interface NpmResult {
  readonly status: number | null;
  readonly output: string;
}
export interface Installed {
  readonly folder: string;
  /** False: it was there already. */
  readonly changed: boolean;
}

/** npm's last words are enough; a broken install can print megabytes. */
const OUTPUT_CHARACTERS = 20_000;
const MESSAGE_CHARACTERS = 600;

function runNpm(arguments_: readonly string[], folder: string): Promise<NpmResult> {
  return new Promise((resolve, reject) => {
    // On Windows npm is a command file, which only a shell can run; no argument here needs quoting.
    const child = spawn('npm', [...arguments_], { cwd: folder, shell: process.platform === 'win32', stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (bytes: Buffer): void => { output = (output + bytes.toString()).slice(-OUTPUT_CHARACTERS); };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, output }));
  });
}

async function npmInstall(folder: string, packages: readonly string[], npm: NonNullable<InstallOptions['npm']>): Promise<void> {
  // Without --omit=optional all accelerators come along (725 MB); with scripts, llama.cpp is compiled.
  const result = await npm(['install', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...packages], folder)
    .catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') throw new EntresolError('ENT_ENGINE_MISSING', 'npm was not found on the PATH.', { cause: error });
      throw error;
    });
  if (result.status === 0) return;
  if (/\b(ENOSPC|EDQUOT)\b/u.test(result.output)) throw new EntresolError('ENT_DISK_FULL', `npm ran out of space in ${folder}.`, { at: folder });
  throw new EntresolError('ENT_ENGINE_INSTALL_FAILED', `npm ended with status ${result.status}: ${result.output.trim().slice(-MESSAGE_CHARACTERS)}`, { at: folder });
}

/** Moves the finished folder into place; another process may have been faster. */
async function putInPlace(temporary: string, folder: string): Promise<void> {
  try {
    await rename(temporary, folder);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(errorCode(error) ?? '')) throw error;
    if (isInstalled(folder)) {
      await rm(temporary, { recursive: true, force: true });
      return;
    }
    // A folder without a complete engine is the remainder of an interrupted removal.
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  }
}

/**
 * Installs the engine library and this platform's one CPU binary into the cache directory (about 85 MB, nothing compiled).
 * Does nothing if it is there. The folder appears whole or not at all.
 * @throws EntresolError `ENT_ENGINE_UNSUPPORTED_PLATFORM`, `ENT_ENGINE_INSTALL_FAILED`, `ENT_ENGINE_MISSING` (no npm), `ENT_DISK_FULL`
 */
export async function installEngine(options: InstallOptions = {}): Promise<Installed> {
  const binary = cpuPackage(options.platform ?? thisPlatform());
  const folder = engineFolder(options.cache ?? cacheDirectory());
  if (isInstalled(folder)) return { folder, changed: false };

  options.progress?.(`installing ${ENGINE_PACKAGE} ${ENGINE_VERSION} and ${binary} into ${folder} (about 85 MB)`);
  let temporary: string | undefined;
  try {
    await mkdir(dirname(folder), { recursive: true });
    temporary = await mkdtemp(`${folder}.part-`);
    await writeFile(join(temporary, 'package.json'), `${JSON.stringify({ name: 'entresol-embedded-engine', private: true })}\n`);
    await npmInstall(temporary, [`${ENGINE_PACKAGE}@${ENGINE_VERSION}`, `${binary}@${ENGINE_VERSION}`], options.npm ?? runNpm);
    if (!isInstalled(temporary)) throw new EntresolError('ENT_ENGINE_INSTALL_FAILED', 'npm reported success, but the engine is not there.', { at: temporary });
    await putInPlace(temporary, folder);
  } catch (error) {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
    throw cacheError(error, folder);
  }
  options.progress?.('installed');
  return { folder, changed: true };
}
