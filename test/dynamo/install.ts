/** Installs NVIDIA Dynamo's frontend and its mocker (a worker without a model), once per list of requirements; says loudly where it cannot. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const REQUIREMENTS = fileURLToPath(new URL('requirements.txt', import.meta.url));

/** @returns their Python, or undefined, said loudly, where none can be had */
export function installDynamo(): string | undefined {
  const key = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 12);
  const folder = join(process.env.ENTRESOL_CACHE_DIR ?? join(homedir(), '.cache', 'entresol'), 'test', `dynamo-${key}`);
  const python = join(folder, 'bin', 'python');
  const stamp = join(folder, 'complete');
  if (existsSync(stamp)) return python;
  const skipped = (why: string): undefined => {
    process.stderr.write(`\n*** SKIPPED: all tests with a real Dynamo: ${why}\n\n`);
    return undefined;
  };
  if (process.platform !== 'linux') return skipped('its packages are for Linux alone.');
  // Some 700 MB: only where they are asked for, or where a machine is there for tests.
  if (process.env.CI === undefined && process.env.ENTRESOL_TEST_DYNAMO === undefined) return skipped('it is not installed; npm run test:dynamo installs it (700 MB).');
  process.stderr.write('installing Dynamo for tests …\n');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [command, ...args] of [['python3', '-m', 'venv', folder], [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '-r', REQUIREMENTS]]) {
    const done = spawnSync(command, args, { encoding: 'utf8', timeout: 480_000 });
    if (done.status !== 0) return skipped(`it cannot be installed here: ${done.error?.message ?? done.stderr.slice(-500)}`);
  }
  writeFileSync(stamp, '');
  return python;
}
