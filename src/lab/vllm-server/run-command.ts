import { spawn } from 'node:child_process';

export interface CommandResult {
  readonly status: number | null;
  /** The last of what it printed, both streams. */
  readonly output: string;
}

const KEPT_CHARACTERS = 20_000;

/** Runs a command to its end; a command that does not exist has status null. */
export function runCommand(command: string, arguments_: readonly string[], options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {}): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, [...arguments_], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (bytes: Buffer): void => { output = (output + bytes.toString()).slice(-KEPT_CHARACTERS); };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', (error) => resolve({ status: null, output: error.message }));
    child.once('close', (status) => resolve({ status, output }));
  });
}
