import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, hello, post } from '../../test/support/gateway-setup.ts';
import { finishChunk, speak, sse, startUpstream, textChunk } from '../../test/support/scripted-upstream.ts';
import { policySettings } from './policy-settings.ts';
import { stateDirectory } from './state-directory.ts';
import { upstreamEngines } from './upstreams.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.mjs', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'entresol-serve-'));
afterEach(closeAll);
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Cli { readonly child: ChildProcess; readonly lines: AsyncIterator<string>; readonly ended: Promise<{ code: number | null; stderr: string }> }

/** The built command line, as a user runs it. */
function entresol(...flags: string[]): Cli {
  const child = spawn(process.execPath, [MAIN, ...flags], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ENTRESOL_STATE_DIR: join(folder, 'state') } });
  let stderr = '';
  child.stderr.on('data', (part: Buffer) => { stderr += part.toString(); });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stderr }));
  closeLater(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, ended, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}
const firstLine = async (cli: Cli): Promise<string> => ((await cli.lines.next()) as { value: string }).value;

describe('entresol serve', () => {
  it('serves, and on SIGTERM lets a stream finish before it exits with 0', async () => {
    let finish = (): void => undefined;
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${JSON.stringify(textChunk('half'))}\n\n`);
      finish = () => response.end(sse([finishChunk('stop')]));
    });
    closeLater(() => upstream.close());
    const cli = entresol('serve', '--port', '0', '--upstream', `openai-compatible=${upstream.url}/v1`);
    const line = await firstLine(cli);
    expect(line).toMatch(/^listening http:\/\/127\.0\.0\.1:\d+$/);
    const url = line.slice('listening '.length);
    const stream = await post(`${url}/v1/chat/completions`, JSON.stringify({ ...hello, stream: true }));
    const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
    let text = Buffer.from((await reader.read()).value ?? []).toString();
    cli.child.kill('SIGTERM');
    let refused = false;
    while (!refused) refused = await fetch(`${url}/healthz`, { headers: { connection: 'close' } }).then(() => false, () => true);
    finish();
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += Buffer.from(part.value).toString();
    expect(text).toContain('half');
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(await cli.ended).toMatchObject({ code: 0, stderr: expect.stringContaining('SIGTERM') });
  });

  it('cuts what has not ended when the time is over, and still exits with 0', async () => {
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${JSON.stringify(textChunk('half'))}\n\n`);
    });
    closeLater(() => upstream.close());
    const cli = entresol('serve', '--port', '0', '--json', '--drain', '0.1', '--upstream', `openai=${upstream.url}`);
    const { listening } = JSON.parse(await firstLine(cli)) as { listening: string };
    const stream = await post(`${listening}/v1/chat/completions`, JSON.stringify({ ...hello, stream: true }));
    cli.child.kill('SIGTERM');
    await expect(stream.text()).rejects.toThrow();
    expect(await cli.ended).toMatchObject({ code: 0, stderr: expect.stringContaining('1 calls had not ended') });
  });

  it('says that the port is taken', async () => {
    const upstream = await startUpstream(speak('x'));
    closeLater(() => upstream.close());
    const { code, stderr } = await entresol('serve', '--port', new URL(upstream.url).port, '--upstream', `openai=${upstream.url}`).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/ENT_PORT_TAKEN at --port: .*--port 0/);
  });

  it.each([
    [['--host', '0.0.0.0'], 1, 'ENT_INSECURE_BIND at --host'],
    [['--config', 'nowhere.yaml'], 1, 'ENT_CONFIG_INVALID at nowhere.yaml'],
    [['--port', 'many'], 2, 'ENT_USAGE at --port'],
    [['--policies', 'nobody'], 2, 'ENT_POLICY_UNKNOWN at nobody'],
    [['--unknown'], 2, 'ENT_USAGE'],
    [['extra'], 2, 'ENT_USAGE at serve'],
    [['--model', 'mine.gguf'], 2, 'ENT_USAGE at --model'],
  ])('refuses %j', async (flags, exitCode, message) => {
    const { code, stderr } = await entresol('serve', '--upstream', 'openai=http://127.0.0.1:9', ...flags).ended;
    expect(stderr).toContain(message);
    expect(code).toBe(exitCode);
  });
});

describe('flags', () => {
  it.each(['openai', 'openai=', 'openai=ftp://x', 'openai=http://x/foo', 'openai=http://user:pass@x', 'openai=http://x/v1?a=1', 'nothing=http://x'])('refuses the upstream %s', (flag) => {
    expect(() => upstreamEngines([flag])).toThrow(expect.objectContaining({ code: 'ENT_USAGE', at: '--upstream' }));
  });

  it('takes origins and URLs that end in /v1, and no replica twice', () => {
    const replicas = upstreamEngines(['openai=https://api.example', 'openai-compatible=http://a:1/base/v1/']).map((engine) => engine.replica);
    expect(replicas).toEqual(['openai=https://api.example', 'openai-compatible=http://a:1/base']);
    expect(() => upstreamEngines(['openai=http://a', 'openai=http://a/v1'])).toThrow(expect.objectContaining({ code: 'ENT_USAGE' }));
  });

  it('loads policies by name and by file, and none', async () => {
    const file = join(folder, 'mine.ts');
    await writeFile(file, 'import { definePolicy } from "entresol";\nexport default definePolicy({ name: "mine", summary: "x", create: () => ({}) });\n');
    const names = async (named: string[], files: string[]): Promise<string[]> => (await policySettings(named, files))(upstreamEngines(['openai=http://a'])).map((setting) => setting.definition.name);
    expect(await names([], [])).toEqual([]);
    expect(await names(['none'], [file])).toEqual(['mine']);
    expect(await names(['cache-sage'], [])).toEqual(['cache-sage']);
  });

  it('keeps state where the platform keeps it', () => {
    expect(stateDirectory({ ENTRESOL_STATE_DIR: '/x' }, 'linux')).toBe('/x');
    expect(stateDirectory({ XDG_STATE_HOME: '/y' }, 'linux')).toBe('/y/entresol');
    expect(stateDirectory({}, 'linux')).toMatch(/\.local\/state\/entresol$/);
  });
});
