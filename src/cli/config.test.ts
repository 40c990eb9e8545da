import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { closeAll, closeLater, hello, post } from '../../test/support/gateway-setup.ts';
import { speak, startUpstream } from '../../test/support/scripted-upstream.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.mjs', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'entresol-cli-config-'));
const file = join(folder, 'entresol.yaml');
afterEach(closeAll);
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended { readonly code: number | null; readonly stdout: string; readonly stderr: string }

/** The built command line, as a user runs it. */
async function entresol(flags: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...flags], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (part: Buffer) => { text[name] += part.toString(); });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...text };
}

describe('entresol', () => {
  it.each([
    [['frobnicate'], /^ENT_USAGE: Unknown command frobnicate\. There are: .*doctor.*serve/],
    [['config'], /^ENT_USAGE: No command specified\. There are: check, show, schema\./],
    [['serve', '--confg', 'x'], /^ENT_USAGE: Unknown option '--confg'\. There are: .*--config/],
    [['serve', '--port', '-1'], /^ENT_USAGE: Option '--port' argument is ambiguous\. See --help\.\n$/],
    [['serve', '--upstream', 'openai=https://user:very-secret@api.example'], /^ENT_USAGE at --upstream: "https:\/\/api\.example" carries a credential/],
  ])('says what is wrong with %j, and how it would be right', async (flags, told) => {
    const { code, stdout, stderr } = await entresol(flags);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(told);
    expect(stderr).not.toContain('very-secret');
  });
});

describe('entresol config', () => {
  it('checks: all that is wrong with its place, for people and for machines', async () => {
    await writeFile(file, 'listen: {port: many}\nupstream: []\npolicies: [nobody]\n');
    const people = await entresol(['config', 'check', file]);
    expect(people).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(`ENT_CONFIG_INVALID at ${file}:1:16: listen.port must be a number.`) });
    expect(people.stderr).toContain(`${file}:2:1: there is no setting "upstream"`);
    const machines = await entresol(['config', 'check', '--config', file, '--json']);
    expect([machines.code, JSON.parse(machines.stdout)]).toMatchObject([1, { ok: false, issues: [{ at: `${file}:1:16` }, { at: `${file}:2:1` }] }]);
    await writeFile(file, 'policies:\n  - cache-sage\n  - nobody\n');
    expect((await entresol(['config', 'check', file])).stderr).toContain(`${file}:3:5: No policy is called "nobody"`);
    await writeFile(file, 'policies: [cache-sage]\n');
    expect(await entresol(['config', 'check', file])).toMatchObject({ code: 0, stdout: `${file} is right: 0 upstreams, 1 policies, 0 keys.\n` });
    expect(await entresol(['config', 'check', join(folder, 'nowhere.yaml')])).toMatchObject({ code: 1, stderr: expect.stringContaining('ENOENT') });
  });

  it('shows what is understood, and no secret', async () => {
    await writeFile(file, 'upstreams:\n  - {kind: openai, url: "${URL}", apiKey: "${KEY}", proxy: "http://user:proxy-password@proxy:3128"}\n');
    const { code, stdout, stderr } = await entresol(['config', 'show', file], { URL: 'https://api.example', KEY: 'sk-very-secret' });
    expect(code).toBe(0);
    expect(parse(stdout)).toMatchObject({ listen: { port: 8080 }, upstreams: [{ url: 'https://api.example', apiKey: '[redacted]', proxy: 'http://proxy:3128/', breaker: { failures: 5 } }] });
    expect(stdout + stderr).not.toMatch(/very-secret|proxy-password/);
  });

  it('prints a JSON Schema', async () => {
    const { code, stdout } = await entresol(['config', 'schema']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'object', properties: { upstreams: { type: 'array' } } });
  });
});

describe('entresol keys new', () => {
  it('prints a key once and lines for the file; serve takes the key, reads the file again on SIGHUP, and logs no secret', async () => {
    const made = await entresol(['keys', 'new', '--name', 'ci', '--tenant', 'build', '--admin']);
    const key = made.stdout.trim();
    expect(key).toMatch(/^entresol_[\w-]{43}$/);
    expect(made.stderr).not.toContain(key);
    const lines = made.stderr.slice(made.stderr.indexOf('keys:\n'));
    const upstream = await startUpstream(speak('x'));
    closeLater(() => upstream.close());
    const upstreams = `listen: {port: 0}\nupstreams:\n  - {kind: openai-compatible, url: "${upstream.url}", apiKey: "\${UPSTREAM_KEY}"}\n`;
    await writeFile(file, upstreams + lines);
    const child = spawn(process.execPath, [MAIN, 'serve', '--config', file], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, UPSTREAM_KEY: 'sk-upstream-secret', ENTRESOL_STATE_DIR: join(folder, 'state') } });
    const ended = once(child, 'close');
    closeLater(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    let log = '';
    let heard = (): void => undefined;
    child.stderr.on('data', (part: Buffer) => {
      log += part.toString();
      heard();
    });
    const logged = async (text: string): Promise<void> => {
      while (!log.includes(text)) await new Promise<void>((resolve) => { heard = resolve; });
    };
    const first = (await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()) as { value: string };
    const url = first.value.slice('listening '.length);
    const chat = (credential: string): Promise<number> => post(`${url}/v1/chat/completions`, JSON.stringify(hello), { authorization: `Bearer ${credential}` }).then(async (answer) => {
      await answer.text();
      return answer.status;
    });
    expect([await chat(key), await chat('sk-other')]).toEqual([200, 401]);
    expect(upstream.received[0].headers.join(' ')).toContain('Bearer sk-upstream-secret');
    await writeFile(file, 'keys: [');
    child.kill('SIGHUP');
    await logged('the one before stays in force');
    expect(await chat(key)).toBe(200);
    const second = JSON.parse((await entresol(['keys', 'new', '--json'])).stdout) as { key: string; setting: { hash: string } };
    await writeFile(file, `${upstreams}keys: [{name: n, tenant: t, hash: "${second.setting.hash}"}]\n`);
    child.kill('SIGHUP');
    await logged('is in force"');
    expect([await chat(key), await chat(second.key)]).toEqual([401, 200]);
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    for (const secret of [key, second.key, 'sk-upstream-secret', 'sk-other', hello.messages[0].content]) expect(log).not.toContain(secret);
  });
});
