/**
 * A real llama-server for tests and benches, compiled from the llama.cpp source that comes inside `node-llama-cpp`: the very
 * source of the embedded engine. Kept in the cache directory under a key of everything that shapes the binary.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { EntresolError } from '../../core/index.ts';
import { cacheDirectory } from '../../engines/embedded/cache-directory.ts';
import { installEngine } from '../../engines/embedded/install.ts';
import { engineFolder } from '../../engines/embedded/locate.ts';
import { ENGINE_PACKAGE } from '../../engines/embedded/platform-package.ts';

export interface BuildOptions {
  readonly cache?: string;
  /** Compilers at once; all cores if absent. */
  readonly jobs?: number;
  /** Lines for a person. */
  readonly progress: (line: string) => void;
}

/** No web interface (its assets would be fetched from the network), no TLS, one file that needs no library of its own beside it. */
const CMAKE_OPTIONS = [
  '-DCMAKE_BUILD_TYPE=Release', '-DBUILD_SHARED_LIBS=OFF', '-DLLAMA_BUILD_SERVER=ON', '-DLLAMA_BUILD_TESTS=OFF', '-DLLAMA_BUILD_EXAMPLES=OFF',
  '-DLLAMA_BUILD_APP=OFF', '-DLLAMA_BUILD_UI=OFF', '-DLLAMA_USE_PREBUILT_UI=OFF', '-DLLAMA_OPENSSL=OFF',
];
const KEY_CHARACTERS = 12;
const BINARY = process.platform === 'win32' ? 'llama-server.exe' : 'llama-server';

function sourceBundle(cache: string): string {
  return join(engineFolder(cache), 'node_modules', ENGINE_PACKAGE, 'llama', 'gitRelease.bundle');
}

/** The compiler tunes for this very processor, so that the key names it too. */
function buildFolder(bundle: string, cache: string): string {
  const key = createHash('sha256').update(readFileSync(bundle)).update(JSON.stringify([CMAKE_OPTIONS, process.platform, process.arch, cpus()[0]?.model]));
  return join(cache, 'test', `llama-server-${key.digest('hex').slice(0, KEY_CHARACTERS)}`);
}

/** The compiled server, if it lies in the cache. */
export function builtLlamaServer(cache: string = cacheDirectory()): string | undefined {
  const bundle = sourceBundle(cache);
  if (!existsSync(bundle)) return undefined;
  const binary = join(buildFolder(bundle, cache), BINARY);
  return existsSync(binary) ? binary : undefined;
}

/**
 * Compiles llama-server (about 14 CPU minutes) unless it is in the cache; an interrupted compilation goes on where it stopped.
 * @returns the binary
 * @throws EntresolError `ENT_ENGINE_INSTALL_FAILED` (git, cmake or a compiler is missing, or another process compiles it), and those of `installEngine`
 */
export async function buildLlamaServer(options: BuildOptions): Promise<string> {
  const cache = options.cache ?? cacheDirectory();
  await installEngine({ cache, progress: options.progress });
  const bundle = sourceBundle(cache);
  const folder = buildFolder(bundle, cache);
  const binary = join(folder, BINARY);
  if (existsSync(binary)) return binary;

  const work = `${folder}.building`;
  await mkdir(work, { recursive: true });
  await takeLock(join(work, 'lock'));
  try {
    const source = join(work, 'source');
    if (!existsSync(join(source, 'CMakeLists.txt'))) {
      await rm(source, { recursive: true, force: true });
      await run('git', ['clone', '--quiet', '-c', 'advice.detachedHead=false', bundle, source], options.progress);
    }
    const objects = join(work, 'objects');
    await run('cmake', ['-S', source, '-B', objects, ...CMAKE_OPTIONS], options.progress);
    await run('cmake', ['--build', objects, '--config', 'Release', '--target', 'llama-server', '-j', String(options.jobs ?? cpus().length)], options.progress);
    await mkdir(folder, { recursive: true });
    await copyFile(join(objects, 'bin', BINARY), `${binary}.part`);
    await rename(`${binary}.part`, binary);
  } finally {
    await rm(join(work, 'lock'), { force: true });
  }
  await rm(work, { recursive: true, force: true });
  return binary;
}

/** One compilation at a time in one folder; the lock of a process that has died counts for nothing. */
async function takeLock(path: string): Promise<void> {
  try {
    await writeFile(path, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    const holder = Number(readFileSync(path, 'utf8'));
    if (lives(holder)) throw new EntresolError('ENT_ENGINE_INSTALL_FAILED', `process ${holder} is compiling llama-server.`, { at: path, cause: error });
    await writeFile(path, String(process.pid));
  }
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Another user's process lives as well.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function run(command: string, arguments_: readonly string[], progress: (line: string) => void): Promise<void> {
  progress(`${command} ${arguments_.join(' ')}`);
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...arguments_], { stdio: ['ignore', process.stderr, process.stderr] });
    child.once('error', (error) => { reject(new EntresolError('ENT_ENGINE_INSTALL_FAILED', `${command} cannot be run: ${error.message}`, { cause: error })); });
    child.once('close', (status) => {
      if (status === 0) resolve();
      else reject(new EntresolError('ENT_ENGINE_INSTALL_FAILED', `${command} ended with status ${status}; its words stand above.`));
    });
  });
}
