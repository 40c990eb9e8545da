import { fork, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { childPath } from './child-path.ts';
import { StateFolder } from './state-folder.ts';

const parent = mkdtempSync(join(tmpdir(), 'entresol-folders-'));
afterAll(() => { rmSync(parent, { recursive: true, force: true }); });

describe('the folder of saved states', () => {
  it('is for our eyes only and gone when removed', () => {
    const folder = new StateFolder(parent);
    if (process.platform !== 'win32') expect(statSync(folder.path).mode & 0o777).toBe(0o700);
    writeFileSync(folder.nextFile().path, 'state');
    folder.remove();
    expect(readdirSync(parent)).toEqual([]);
  });

  it('sweeps what dead processes have left, and nothing else', () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    mkdirSync(join(parent, `entresol-states-${pid}-1-0`));
    writeFileSync(join(parent, `entresol-states-${pid}-1-0`, '0.state'), 'state');
    mkdirSync(join(parent, `entresol-states-${process.pid}-1-0`));
    mkdirSync(join(parent, 'other'));
    const folder = new StateFolder(parent);
    expect(readdirSync(parent).filter((name) => !folder.path.endsWith(name)).sort()).toEqual([`entresol-states-${process.pid}-1-0`, 'other'].sort());
    folder.remove();
  });
});

describe('the engine process', () => {
  it('ends when its parent goes', async () => {
    const child = fork(childPath(), [], { serialization: 'advanced', execArgv: [] });
    const ended = new Promise((resolve) => { child.once('exit', resolve); });
    await new Promise((resolve) => { child.once('spawn', resolve); });
    child.disconnect();
    expect(await ended).toBe(0);
  });
});
