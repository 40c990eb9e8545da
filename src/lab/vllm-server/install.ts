/** The environment with the real vLLM, for CPUs: installed once per lock file, outside of the checkout. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EntresolError } from '../../core/index.ts';
import { cacheDirectory } from '../../engines/embedded/cache-directory.ts';
import { exclusively } from './exclusively.ts';
import { findPython, whatIsMissing } from './requirements.ts';
import { runCommand } from './run-command.ts';
import { contentKey, vllmSources } from './sources.ts';

export interface VllmEnvironment {
  readonly folder: string;
  readonly python: string;
  /** Folder of a small model of random weights. */
  readonly model: string;
}

const UV = 'uv==0.13.9';
const MESSAGE_CHARACTERS = 800;
const LOCKS = ['requirements.lock.txt', 'test-requirements.lock.txt'];

/** Beside each other: environments of other versions of the lock files. */
function environmentOf(cache: string): VllmEnvironment {
  const server = join(vllmSources(), 'server');
  const key = contentKey([...LOCKS, 'cuda_stand_ins.py', 'make_model.py'].map((name) => join(server, name)), `${process.platform} ${process.arch}`);
  const folder = join(cache, 'test', `vllm-${key}`);
  return { folder, python: join(folder, 'bin', 'python'), model: join(folder, 'model') };
}

const isComplete = ({ folder, python }: VllmEnvironment): boolean => existsSync(join(folder, 'complete')) && existsSync(python);

/** Undefined: not installed. */
export function locateVllm(cache: string = cacheDirectory()): VllmEnvironment | undefined {
  const environment = environmentOf(cache);
  return isComplete(environment) ? environment : undefined;
}

/** Each step's name, for the error; its command and arguments. */
type Step = readonly [name: string, command: string, ...arguments_: string[]];

function stepsInto(folder: string, python: string): readonly Step[] {
  const server = join(vllmSources(), 'server');
  const own = join(folder, 'bin', 'python');
  const site = '__import__("sysconfig").get_path("purelib")';
  return [
    ['a virtual environment', python, '-m', 'venv', folder],
    ['the installer', own, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-cache-dir', UV],
    ['vLLM', own, '-m', 'uv', 'pip', 'install', '--quiet', '--python', own, '--no-deps', ...LOCKS.flatMap((name) => ['-r', join(server, name)])],
    ['stand-ins for CUDA', own, '-c', `import runpy, sys; sys.argv = ["", ${site}]; runpy.run_path(${JSON.stringify(join(server, 'cuda_stand_ins.py'))}, run_name="__main__")`],
    ['the model', own, join(server, 'make_model.py'), join(folder, 'model')],
    // Shows that it loads, and leaves its bytecode, which would cost the first start a minute.
    ['a trial', own, '-c', 'import torch, vllm.entrypoints.openai.api_server, vllm.v1.core.sched.async_scheduler; assert not torch.cuda.is_available()'],
  ];
}

async function installInto(target: VllmEnvironment, python: string, progress: (line: string) => void): Promise<void> {
  await mkdir(dirname(target.folder), { recursive: true });
  const folder = await mkdtemp(`${target.folder}.part-`);
  try {
    const env = { ...process.env, UV_CACHE_DIR: join(folder, 'uv-cache'), VLLM_TARGET_DEVICE: 'cpu', VLLM_PLUGINS: '' };
    for (const [name, command, ...arguments_] of stepsInto(folder, python)) {
      progress(`vLLM: ${name}`);
      const { status, output } = await runCommand(command, arguments_, { env, cwd: folder });
      if (status === 0) continue;
      throw new EntresolError('ENT_VLLM_UNAVAILABLE', `${name} could not be installed: ${output.trim().slice(-MESSAGE_CHARACTERS)}`, { at: folder });
    }
    await rm(join(folder, 'uv-cache'), { recursive: true, force: true });
    await writeFile(join(folder, 'complete'), '');
    // What is there in its place is the remainder of a removal that was cut short.
    await rm(target.folder, { recursive: true, force: true });
    await rename(folder, target.folder);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Installs it where it is not (2.5 GB, one to two minutes); two at a time wait for each other. It appears whole or not at all.
 * @throws EntresolError `ENT_VLLM_UNAVAILABLE`, with what is missing and how to get it
 */
export async function installVllm(options: { readonly cache?: string; readonly progress?: (line: string) => void } = {}): Promise<VllmEnvironment> {
  const cache = options.cache ?? cacheDirectory();
  const environment = environmentOf(cache);
  if (isComplete(environment)) return environment;
  const missing = await whatIsMissing(cache);
  const python = await findPython();
  if (missing !== undefined || python === undefined) throw new EntresolError('ENT_VLLM_UNAVAILABLE', missing ?? 'no Python.');
  await exclusively(`${environment.folder}.lock`, async () => {
    if (isComplete(environment)) return;
    options.progress?.(`installing vLLM for CPUs into ${environment.folder} (2.5 GB, once)`);
    await installInto(environment, python.command, options.progress ?? (() => undefined));
  });
  return environment;
}
