/** `npm start`: on a bare clone too. Installs what is missing, builds, installs the engine, then runs `entresol up`. */
import { spawn, spawnSync } from 'node:child_process';
import { ROOT, build, installDependencies } from './install.mjs';

installDependencies();
build();

const ENTRESOL = `${ROOT}dist/cli/main.mjs`;

// Where no engine can be had (no binary for this platform, no registry in reach) `up` says so and simulates one.
const engine = spawnSync(process.execPath, [ENTRESOL, 'engine', 'add', 'embedded'], { cwd: ROOT, stdio: ['ignore', process.stderr, process.stderr] });
if (engine.status !== 0) process.stderr.write('The embedded engine could not be installed; going on without it.\n');

const up = spawn(process.execPath, [ENTRESOL, 'up', ...process.argv.slice(2)], { cwd: ROOT, stdio: 'inherit' });
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => { up.kill(signal); });
up.on('error', (error) => {
  process.stderr.write(`cannot start: ${error.message}\n`);
  process.exitCode = 1;
});
up.on('exit', (code, signal) => { process.exitCode = code ?? (signal === null ? 1 : 128); });
