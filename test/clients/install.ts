/** Installs the clients, once per lock file; says loudly where it cannot. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const STAMP = `${FOLDER}node_modules/.entresol-lock`;

/** @returns whether the clients are there */
export function installClients(): boolean {
  const lock = createHash('sha256').update(readFileSync(`${FOLDER}package-lock.json`)).digest('hex');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lock) return true;
  process.stderr.write('installing the clients for tests …\n');
  const began = performance.now();
  const done = spawnSync('npm', ['ci', '--ignore-scripts', '--loglevel=error'], { cwd: FOLDER, encoding: 'utf8', shell: process.platform === 'win32', timeout: 300_000 });
  if (done.status !== 0) {
    process.stderr.write(`\n*** SKIPPED: all tests with real clients, for they cannot be installed here: ${done.error?.message ?? done.stderr.slice(-500)}\n\n`);
    return false;
  }
  writeFileSync(STAMP, lock);
  process.stderr.write(`the clients are installed, in ${Math.round((performance.now() - began) / 1000)} s\n`);
  return true;
}
