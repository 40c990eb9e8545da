import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheDirectory } from './cache-directory.ts';
import { installEngine, type NpmResult } from './install.ts';
import { engineFolder, isInstalled, locateEngine } from './locate.ts';
import { cpuPackage } from './platform-package.ts';

let cache: string;
beforeAll(async () => { cache = await mkdtemp(join(tmpdir(), 'entresol-install-')); });
afterAll(async () => { await rm(cache, { recursive: true, force: true }); });

/** An npm that writes just what is looked for. */
async function fakeNpm(arguments_: readonly string[], folder: string): Promise<NpmResult> {
  for (const name of ['node-llama-cpp', cpuPackage()]) {
    const path = join(folder, 'node_modules', ...name.split('/'), name === 'node-llama-cpp' ? 'dist/index.js' : 'package.json');
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, arguments_.join(' '));
  }
  return { status: 0, output: '' };
}

function npmThatSays(status: number, output: string): () => Promise<NpmResult> {
  return () => Promise.resolve({ status, output });
}

describe('installing the engine', () => {
  it('names both packages, omits the accelerators and runs no scripts', async () => {
    const seen: (readonly string[])[] = [];
    const lines: string[] = [];
    const npm = (arguments_: readonly string[], folder: string): Promise<NpmResult> => { seen.push(arguments_); return fakeNpm(arguments_, folder); };
    const installed = await installEngine({ cache, npm, progress: (line) => lines.push(line) });
    expect(installed).toEqual({ folder: engineFolder(cache), changed: true });
    expect(seen).toHaveLength(1);
    expect(seen[0]).toEqual(expect.arrayContaining(['--omit=optional', '--ignore-scripts', 'node-llama-cpp@3.22.1', `${cpuPackage()}@3.22.1`]));
    expect(lines[0]).toContain('installing');
    expect(locateEngine(cache)).toMatch(/^file:.*node-llama-cpp\/dist\/index\.js$/u);

    expect(await installEngine({ cache, npm })).toMatchObject({ changed: false });
    expect(seen).toHaveLength(1);
  });

  it('leaves nothing behind when npm fails, and says what npm said', async () => {
    const other = join(cache, 'failing');
    await expect(installEngine({ cache: other, npm: npmThatSays(1, 'npm error network unreachable') })).rejects.toMatchObject({ code: 'ENT_ENGINE_INSTALL_FAILED', message: expect.stringContaining('network unreachable') });
    expect(await readdir(join(other, 'engines'))).toEqual([]);
    expect(isInstalled(engineFolder(other))).toBe(false);
  });

  it('tells a full disk from other failures', async () => {
    await expect(installEngine({ cache: join(cache, 'full'), npm: npmThatSays(228, 'npm error code ENOSPC\nnpm error nospc') })).rejects.toMatchObject({ code: 'ENT_DISK_FULL' });
  });

  it('repairs an incomplete folder', async () => {
    const other = join(cache, 'incomplete');
    await mkdir(join(engineFolder(other), 'node_modules', 'node-llama-cpp'), { recursive: true });
    expect(await installEngine({ cache: other, npm: fakeNpm })).toMatchObject({ changed: true });
    expect(isInstalled(engineFolder(other))).toBe(true);
    expect(await readdir(join(other, 'engines'))).toHaveLength(1);
  });

  it('refuses platforms without a binary', async () => {
    await expect(installEngine({ cache, platform: { platform: 'sunos', architecture: 'x64', glibc: true } })).rejects.toMatchObject({ code: 'ENT_ENGINE_UNSUPPORTED_PLATFORM' });
    expect(() => cpuPackage({ platform: 'linux', architecture: 'x64', glibc: false })).toThrow(/musl/u);
    expect(cpuPackage({ platform: 'darwin', architecture: 'arm64', glibc: true })).toBe('@node-llama-cpp/mac-arm64-metal');
  });

  it('says how to get a missing engine', () => {
    expect(() => locateEngine(join(cache, 'nothing'))).toThrow(expect.objectContaining({ code: 'ENT_ENGINE_MISSING' }));
  });
});

describe('the cache directory', () => {
  it('is the named one, else the platform\'s own', () => {
    expect(cacheDirectory({ ENTRESOL_CACHE_DIR: '/a', XDG_CACHE_HOME: '/b' }, 'linux')).toBe('/a');
    expect(cacheDirectory({ XDG_CACHE_HOME: '/b' }, 'linux')).toBe(join('/b', 'entresol'));
    expect(cacheDirectory({}, 'darwin')).toMatch(/Library[\\/]Caches[\\/]entresol$/u);
    expect(cacheDirectory({ LOCALAPPDATA: 'C:\\Local' }, 'win32')).toContain('C:\\Local');
  });
});
