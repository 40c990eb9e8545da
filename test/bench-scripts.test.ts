/** Every script in bench/ says what it is for and takes no slip for a wish, before it does any work. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

const FOLDER = resolve(import.meta.dirname, '../bench');
/** What others of the scripts import. */
const PARTS = ['heap.mjs', 'options.mjs'];
const scripts = readdirSync(FOLDER).filter((name) => name.endsWith('.mjs') && !PARTS.includes(name));
const run = (script: string, flag: string): { status: number | null; stdout: string; stderr: string } => spawnSync(process.execPath, [resolve(FOLDER, script), flag], { encoding: 'utf8' });

it.each(scripts)('%s prints its head as help, and refuses an option that it does not have', (script) => {
  const help = run(script, '--help');
  expect(help).toMatchObject({ status: 0, stderr: '' });
  expect(help.stdout).toMatch(/^[A-Z][\s\S]{60,}/);
  const slip = run(script, '--nowhere');
  expect(slip).toMatchObject({ status: 2, stdout: '' });
  expect(slip.stderr).toBe(`ENT_USAGE: Unknown option '--nowhere'. node bench/${script} --help lists the options.\n`);
});
