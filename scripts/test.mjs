/** `npm test`: on a bare clone too. Installs what is missing, checks types and imports, then runs every test. */
import { spawnSync } from 'node:child_process';
import { ROOT, installDependencies, run } from './install.mjs';

installDependencies();
run(process.execPath, ['node_modules/typescript/bin/tsc', '--noEmit']);
// Code that runs in a browser has types of its own.
run(process.execPath, ['node_modules/typescript/bin/tsc', '--noEmit', '-p', 'src/lab/league/page']);
run(process.execPath, ['node_modules/oxlint/bin/oxlint', '--quiet']);

const report = process.env.ENTRESOL_TEST_REPORT;
const reporters = report === undefined ? [] : ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
const tests = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...reporters, ...process.argv.slice(2)], { cwd: ROOT, stdio: 'inherit' });
process.exitCode = tests.status ?? 1;
