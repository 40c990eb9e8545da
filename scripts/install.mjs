/**
 * Installs the project's dependencies when they are missing or older than the lock file, and builds.
 * Node's own modules only: it runs on a bare clone. All output goes to standard error.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
const STAMP = `${ROOT}node_modules/.entresol-lock`;
const [major, minor] = process.versions.node.split('.').map(Number);

/** Runs a command with its output on standard error; ends this process with its code if it fails. */
export function run(command, args) {
  const onWindows = process.platform === 'win32';
  const done = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', process.stderr, process.stderr], shell: onWindows });
  if (done.error !== undefined) {
    process.stderr.write(`cannot run ${command}: ${done.error.message}\n`);
    process.exit(1);
  }
  if (done.status !== 0) process.exit(done.status ?? 1);
}

/** @returns whether anything was installed */
export function installDependencies() {
  if (major < 20 || (major === 20 && minor < 19)) {
    process.stderr.write(`Entresol needs Node 20.19 or newer; this is ${process.version}.\n`);
    process.exit(1);
  }
  const lock = createHash('sha256').update(readFileSync(`${ROOT}package-lock.json`)).digest('hex');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lock) return false;
  process.stderr.write('installing dependencies …\n');
  run('npm', ['ci', '--loglevel=error']);
  writeFileSync(STAMP, lock);
  return true;
}

/** By tsdown's own interface: its command tells people on Node 20, which this project supports, to upgrade. */
export function build() {
  run(process.execPath, ['--input-type=module', '--eval', "import { build } from 'tsdown'; await build({ logLevel: 'error' });"]);
}
