/** Smoke lane: the built package on a newer Node, taken from the npm registry. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const NEWER = '24.21.0';
const root = fileURLToPath(new URL('..', import.meta.url));
const platform = process.platform === 'win32' ? 'win' : process.platform;

/** Path of the newer Node's binary, or the reason why there is none. */
function newerNode(): { binary: string } | { missing: string } {
  const folder = join(process.env.ENTRESOL_CACHE_DIR ?? join(homedir(), '.cache', 'entresol'), 'test', `node-${NEWER}`);
  const name = `node-${platform}-${process.arch}`;
  const binary = join(folder, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(binary)) return { binary };
  mkdirSync(folder, { recursive: true });
  const done = spawnSync('npm', ['install', '--prefix', folder, '--no-save', '--ignore-scripts', '--loglevel=error', `${name}@${NEWER}`], { encoding: 'utf8', shell: process.platform === 'win32' });
  return existsSync(binary) ? { binary } : { missing: `${name}@${NEWER} did not install: ${done.stderr}` };
}

const node = newerNode();
if ('missing' in node) process.stderr.write(`SKIPPED: tests on Node ${NEWER}: ${node.missing}\n`);

it.skipIf('missing' in node)(`the command line works on Node ${NEWER}`, () => {
  if ('missing' in node) return;
  const entresol = (...args: string[]): string => execFileSync(node.binary, ['dist/cli/main.mjs', ...args], { cwd: root, encoding: 'utf8' });
  expect(entresol('--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
  const replay = JSON.parse(entresol('replay', 'metagpt-sop', '--policy', 'lru,belady,cache-sage', '--capacity', '0.2', '--json').trim().split('\n').at(-1) ?? '');
  const rates = replay.traces[0].results.map((result: { hitRate: number }) => result.hitRate);
  expect(rates[1]).toBeGreaterThan(rates[0]);
});
