/** The command line as it is met first: its help, and what it says of mistakes, at once and before any work. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.mjs', import.meta.url));
const entresol = (...flags: string[]): { status: number | null; stdout: string; stderr: string } => spawnSync(process.execPath, [MAIN, ...flags], { encoding: 'utf8' });

it('prints help plain where no terminal shows it, with the command as it is typed', () => {
  const { status, stdout } = entresol('config', 'check', '--help');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^Say what is wrong .*\n\nUSAGE entresol config check \[OPTIONS\]\n/);
  expect(stdout).toBe(stripVTControlCharacters(stdout));
  expect(stdout).not.toMatch(/ \n/);
});

it('lists in its help the policies that replay knows', () => {
  expect(entresol('replay', '--help').stdout).toMatch(/Policies \(.*cache-sage.*lru.*\), bounds \(belady, infinite, belady-online\)/);
});

it.each([
  [['up', '--port', 'many'], 2, /^ENT_USAGE at --port: /],
  [['up', '--capacity', '5000'], 2, /^ENT_USAGE at --capacity: /],
  [['doctor', '--upstream', 'ollama=http://127.0.0.1:1'], 2, /^ENT_USAGE at --upstream: .*openai-compatible/],
  [['doctor', '--upstream', 'openai=ftp://x'], 2, /^ENT_USAGE at --upstream: .*ftp/],
  [['bench', 'engine', '--simulated', '--trace', 'nowhere'], 1, /^SIMULATED .*\nENT_TRACE_MISSING at nowhere: /],
  [['bench', 'queues'], 2, /^ENT_USAGE: Unknown command queues\. There are: engine/],
])('refuses %j', (flags, exitCode, said) => {
  const { status, stdout, stderr } = entresol(...flags);
  expect(stderr).toMatch(said);
  expect(status).toBe(exitCode);
  expect(stdout).toBe('');
});
