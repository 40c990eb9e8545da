import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { configSchema } from '../src/cli/config-schema.ts';
import { IMAGE_ENVIRONMENT } from '../src/cli/memory-settings.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (name: string): string => readFileSync(ROOT + name, 'utf8');

interface Instruction { readonly name: string; readonly value: string }

/** Instructions of a Dockerfile, continued lines joined, comments left out. */
function instructions(text: string): Instruction[] {
  return text.replace(/^#.*\n/gm, '').replaceAll('\\\n', ' ').split('\n').filter((line) => line.trim() !== '').map((line) => {
    const [, name, value] = /^(\S+)\s+(.*)$/.exec(line.trim()) as unknown as [string, string, string];
    return { name, value };
  });
}

const all = instructions(read('Dockerfile'));
const lastStage = all.slice(all.findLastIndex(({ name }) => name === 'FROM'));
const of = (stage: readonly Instruction[], name: string): string[] => stage.filter((instruction) => instruction.name === name).map(({ value }) => value);

describe('the container image', () => {
  it('comes from images of a certain version, one that the package supports', () => {
    const images = of(all, 'FROM');
    expect(images).toHaveLength(2);
    for (const image of images) expect(image).toMatch(/^node:(?:2[2-9]|[3-9]\d)\.\d+-[a-z]+-slim(?: AS \w+)?$/);
  });

  it('runs as nobody special, by number, and says how it is', () => {
    expect(of(lastStage, 'USER')).toEqual(['1000:1000']);
    expect(lastStage.findLastIndex(({ name }) => name === 'RUN' || name === 'COPY')).toBeLessThan(lastStage.findIndex(({ name }) => name === 'USER'));
    expect(of(lastStage, 'HEALTHCHECK').join()).toContain('/healthz');
    expect(of(lastStage, 'STOPSIGNAL')).toEqual(['SIGTERM']);
  });

  it('starts what the package calls entresol, and takes it only from the build', () => {
    const { bin } = JSON.parse(read('package.json')) as { bin: { entresol: string } };
    expect(JSON.parse(of(lastStage, 'ENTRYPOINT')[0])).toEqual(['node', `/app/${bin.entresol}`]);
    expect(JSON.parse(of(lastStage, 'CMD')[0])).toEqual(['serve', '--config', '/etc/entresol/entresol.yaml']);
    for (const copy of of(lastStage, 'COPY')) expect(copy).toMatch(/^--from=build \/src\//);
    expect(of(lastStage, 'RUN').join()).not.toMatch(/npm|apt|curl/);
  });

  it('sets what the soak bench says that it sets, and docs/deploy.md tells those who run without it', () => {
    for (const [name, value] of Object.entries(IMAGE_ENVIRONMENT)) {
      expect(of(lastStage, 'ENV').join(' ').split(/\s+/)).toContain(`${name}=${value}`);
      expect(read('docs/deploy.md')).toContain(`Environment=${name}=${value}`);
    }
  });

  it('holds no secret and runs no script of a dependency', () => {
    expect(all.filter(({ name }) => name === 'ARG')).toEqual([]);
    expect(of(all, 'ENV').join()).not.toMatch(/key|token|secret|password/i);
    for (const command of of(all, 'RUN').join('&&').split('&&').filter((part) => /npm (?:ci|install|prune)/.test(part))) expect(command).toContain('--ignore-scripts');
  });

  it('is built of what the build reads, and of nothing that lies about beside it', () => {
    const [first, ...kept] = read('.dockerignore').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(first).toBe('*');
    for (const line of kept.filter((entry) => entry.startsWith('!'))) expect(existsSync(ROOT + line.slice(1)), line).toBe(true);
    expect(kept.filter((entry) => !entry.startsWith('!'))).toEqual(['**/*.test.ts']);
  });

  it('is shown in docs/deploy.md with a configuration that is right', () => {
    const [, example] = /```yaml\n([\s\S]*?)```/.exec(read('docs/deploy.md')) ?? [];
    expect(configSchema.safeParse(parse(example ?? '')).error?.issues ?? []).toEqual([]);
  });

  const daemon = spawnSync('docker', ['info'], { stdio: 'ignore' }).status === 0;
  if (!daemon) process.stderr.write('\nSKIPPED: the container image is not built here, for no docker daemon answers; its Dockerfile is only read.\n');

  it.skipIf(!daemon)('builds, runs as user 1000, and knows its version', () => {
    const docker = (...flags: string[]): string => {
      const { status, stdout, stderr } = spawnSync('docker', flags, { encoding: 'utf8', cwd: ROOT });
      expect(status, stderr).toBe(0);
      return stdout.trim();
    };
    const tag = `entresol-test-${process.pid}`;
    docker('build', '-q', '-t', tag, '.');
    try {
      expect(docker('run', '--rm', '--read-only', tag, '--version')).toBe((JSON.parse(read('package.json')) as { version: string }).version);
      expect(docker('run', '--rm', '--entrypoint', 'id', tag, '-u')).toBe('1000');
      expect(docker('run', '--rm', tag, 'keys', 'new')).toMatch(/^entresol_/);
    } finally {
      docker('rmi', '-f', tag);
    }
  }, 900_000);
});
