/** Scenarios of the Python SDKs, run by a Python of their own. */
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Scenario, ScenarioResult } from './scenario.ts';

const CLIENTS = fileURLToPath(new URL('..', import.meta.url));

/** Installs the SDKs, once per list of them, beside the engine. @returns their Python, or undefined, said loudly, where none can be had */
export function installPythonClients(): string | undefined {
  const requirements = readFileSync(join(CLIENTS, 'requirements.txt'));
  const folder = join(process.env.ENTRESOL_CACHE_DIR ?? join(homedir(), '.cache', 'entresol'), 'test', `python-${createHash('sha256').update(requirements).digest('hex').slice(0, 12)}`);
  const python = process.platform === 'win32' ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');
  const stamp = join(folder, 'complete');
  if (existsSync(stamp)) return python;
  process.stderr.write('installing the Python clients for tests …\n');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const steps = [
    [process.platform === 'win32' ? 'python' : 'python3', '-m', 'venv', folder],
    [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', join(CLIENTS, 'requirements.txt')],
  ];
  for (const [command, ...args] of steps) {
    const done = spawnSync(command, args, { encoding: 'utf8', timeout: 300_000 });
    if (done.status === 0) continue;
    process.stderr.write(`\n*** SKIPPED: all tests with Python clients, for they cannot be installed here: ${done.error?.message ?? done.stderr.slice(-500)}\n\n`);
    return undefined;
  }
  writeFileSync(stamp, '');
  return python;
}

/** @param name of the scenario in `scenarios/python_sdks.py` */
export function pythonScenario(python: string, name: string): Scenario {
  return async (context) => {
    const { stdout } = await promisify(execFile)(python, [join(CLIENTS, 'scenarios', 'python_sdks.py'), name, JSON.stringify(context)], { timeout: 240_000 });
    return JSON.parse(stdout) as ScenarioResult;
  };
}
