/** What a machine must have before vLLM can be installed on it. */
import { existsSync } from 'node:fs';
import { mkdir, statfs } from 'node:fs/promises';
import { runCommand } from './run-command.ts';

/** The wheels weigh 2.5 GB unpacked, and about 1 GB more while they are fetched. */
const NEEDED_BYTES = 5e9;
const OLDEST_MINOR = 11;
const NEWEST_MINOR = 13;
const PYTHONS = ['python3', 'python3.12', 'python3.11', 'python3.13'];

export interface Python {
  readonly command: string;
  /** Such as `3.11.7`. */
  readonly version: string;
}

/** Undefined: none of the versions that the wheels are made for. */
export async function findPython(): Promise<Python | undefined> {
  for (const command of PYTHONS) {
    const { status, output } = await runCommand(command, ['-c', 'import platform; print(platform.python_version())']);
    const minor = /^3\.(\d+)\./u.exec(output.trim());
    if (status === 0 && minor !== null && Number(minor[1]) >= OLDEST_MINOR && Number(minor[1]) <= NEWEST_MINOR) return { command, version: output.trim() };
  }
  return undefined;
}

const LIBRARY_FOLDERS = ['/usr/lib/x86_64-linux-gnu', '/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib', '/lib64'];

/** Debian's names of the packages that are missing. */
async function missingPackages(python: Python | undefined): Promise<string[]> {
  const missing: string[] = [];
  if (!LIBRARY_FOLDERS.some((folder) => existsSync(`${folder}/libnuma.so.1`))) missing.push('libnuma1');
  if ((await runCommand('gcc', ['--version'])).status !== 0) missing.push('gcc', 'libc6-dev');
  if ((await runCommand('objdump', ['--version'])).status !== 0) missing.push('binutils');
  if (python === undefined) missing.push('python3 (3.11 to 3.13)');
  else if ((await runCommand(python.command, ['-c', 'import venv, ensurepip'])).status !== 0) missing.push('python3-venv');
  return missing;
}

/** Why vLLM cannot be installed here, with the mend; undefined if nothing speaks against it. @param cache where it would lie */
export async function whatIsMissing(cache: string): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return `the wheels of vLLM for CPUs that are used here are for Linux on x86-64, not for ${process.platform} on ${process.arch}.`;
  const missing = await missingPackages(await findPython());
  if (missing.length > 0) return `missing here: ${missing.join(', ')}. On Debian: apt-get install ${missing.map((name) => name.split(' ')[0]).join(' ')}`;
  await mkdir(cache, { recursive: true });
  const { bavail, bsize } = await statfs(cache);
  if (bavail * bsize < NEEDED_BYTES) return `${Math.round(NEEDED_BYTES / 1e9)} GB of free disk are needed in ${cache}, ${(bavail * bsize / 1e9).toFixed(1)} GB are there.`;
  return undefined;
}
