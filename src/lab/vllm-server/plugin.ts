/** The pip package `entresol-vllm`, as a wheel that was built and unpacked: what a user gets, not the checkout's files. */
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EntresolError } from '../../core/index.ts';
import { exclusively } from './exclusively.ts';
import type { VllmEnvironment } from './install.ts';
import { runCommand } from './run-command.ts';
import { contentKey, vllmSources } from './sources.ts';

const PARTS = ['pyproject.toml', 'README.md', 'src'];

async function build(environment: VllmEnvironment, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const work = await mkdtemp(`${target}.part-`);
  try {
    // setuptools writes beside the sources: it gets a copy.
    await Promise.all(PARTS.map((name) => cp(join(vllmSources(), name), join(work, 'sources', name), { recursive: true })));
    const pip = ['-m', 'pip', '--disable-pip-version-check', '--quiet'];
    const steps = [
      ['wheel', '--no-deps', '--no-build-isolation', '--no-index', '--wheel-dir', join(work, 'wheel'), join(work, 'sources')],
      ['install', '--no-deps', '--no-index', '--find-links', join(work, 'wheel'), '--target', join(work, 'package'), 'entresol-vllm'],
    ];
    for (const step of steps) {
      const { status, output } = await runCommand(environment.python, [...pip, ...step]);
      if (status !== 0) throw new EntresolError('ENT_VLLM_UNAVAILABLE', `the package entresol-vllm could not be built: ${output.slice(-800)}`, { at: work });
    }
    await rename(join(work, 'package'), target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** @returns a folder for PYTHONPATH with the package and its entry point, made anew when its sources have changed */
export async function builtPlugin(environment: VllmEnvironment): Promise<string> {
  const folder = join(environment.folder, 'plugins');
  const target = join(folder, contentKey(PARTS.map((name) => join(vllmSources(), name))));
  if (existsSync(target)) return target;
  return exclusively(`${folder}.lock`, async () => {
    if (existsSync(target)) return target;
    // A server that runs has read an older one whole by now, or reads it in this very second: the last one stays.
    const older = existsSync(folder) ? await readdir(folder) : [];
    await Promise.all(older.slice(0, -1).map((name) => rm(join(folder, name), { recursive: true, force: true })));
    await build(environment, target);
    return target;
  });
}
