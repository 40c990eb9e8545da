/** Scenarios of the Python SDKs, run by a Python of their own. */
import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
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

type Told = { readonly result: unknown } | { readonly failed: string };

/** One Python that has imported one SDK, which takes seconds, and runs its scenarios one after the other. */
export class PythonSdk {
  private readonly command: readonly string[];
  private child: ChildProcessByStdio<Writable, Readable, null> | undefined;
  private lines: AsyncIterator<string> | undefined;

  /** @param module in `scenarios/python` */
  constructor(python: string, module: string) {
    this.command = [python, join(CLIENTS, 'scenarios', 'python', 'runner.py'), module];
  }

  scenario(name: string): Scenario {
    return async (context) => (await this.run(name, context)) as ScenarioResult;
  }

  async run(scenario: string, context: object): Promise<unknown> {
    const { child, lines } = this.started();
    child.stdin.write(`${JSON.stringify({ scenario, context })}\n`);
    const next = await lines.next();
    if (next.done === true) throw new Error('Python ended; what it said is above.');
    const told = JSON.parse(next.value) as Told;
    if ('failed' in told) throw new Error(told.failed);
    return told.result;
  }

  close(): void {
    this.child?.kill();
    this.child = undefined;
  }

  private started(): { child: ChildProcessByStdio<Writable, Readable, null>; lines: AsyncIterator<string> } {
    if (this.child === undefined || this.lines === undefined || this.child.exitCode !== null) {
      const [python, ...args] = this.command;
      this.child = spawn(python, args, { stdio: ['pipe', 'pipe', 'inherit'] });
      this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    }
    return { child: this.child, lines: this.lines };
  }
}
