import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The engine's child process and the CLI run from `dist`: build once before any test. */
export default function setup(): void {
  if (process.env.ENTRESOL_SKIP_BUILD === '1') return;
  execFileSync(process.execPath, ['node_modules/tsdown/dist/run.mjs', '--logLevel', 'error'], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: ['ignore', process.stderr, process.stderr],
  });
}
