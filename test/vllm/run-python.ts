import { spawn } from 'node:child_process';

export interface PythonResult { readonly status: number | null; readonly output: string }

/** It says where each of its threads is before it ends (pytest has Python's `faulthandler` on). */
const LAST_WORDS_MS = 5000;

/**
 * @param limitMs after so long it is ended, and what it has said by then is said: a test runner that ends a test shows nothing of a child
 * @returns its exit status and what it said
 */
export function runPython(python: string, arguments_: readonly string[], options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly limitMs: number }): Promise<PythonResult> {
  const { cwd, env, limitMs } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(python, arguments_, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let isLate = false;
    const take = (bytes: Buffer): void => { output += bytes.toString(); };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    let kill: NodeJS.Timeout | undefined;
    const limit = setTimeout(() => {
      isLate = true;
      child.kill('SIGABRT');
      kill = setTimeout(() => child.kill('SIGKILL'), LAST_WORDS_MS);
    }, limitMs);
    child.once('error', (error) => {
      clearTimeout(limit);
      reject(error);
    });
    child.once('close', (status) => {
      clearTimeout(limit);
      clearTimeout(kill);
      if (isLate) reject(new Error(`${arguments_.join(' ')} took more than ${limitMs} ms. It had said:\n${output}`));
      else resolve({ status, output });
    });
  });
}
