import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, hello, post, until } from '../../test/support/gateway-setup.ts';
import { finishChunk, speak, sse, startUpstream, textChunk, type Script, type ScriptedUpstream } from '../../test/support/scripted-upstream.ts';
import { hashOfKey, newKey } from '../gateway/index.ts';
import { startServer, type RunningServer } from './compose.ts';
import { LiveConfiguration } from './live-configuration.ts';

const folder = await mkdtemp(join(tmpdir(), 'entresol-live-'));
afterEach(closeAll);
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Live {
  readonly server: RunningServer;
  readonly live: LiveConfiguration;
  readonly logs: { readonly level: string; readonly message: string; readonly fields?: Record<string, unknown> }[];
  write(text: string): Promise<void>;
  reload(text: string): Promise<void>;
}
let files = 0;

/** @param follow looks at its file often; else it is read when the test says so */
async function start(text: string, follow = false): Promise<Live> {
  const file = join(folder, `${files++}.yaml`);
  const write = (next: string): Promise<void> => writeFile(file, next);
  await write(text);
  const live = new LiveConfiguration({ file, fixed: { upstreams: false, policies: false } });
  const { engines, policies } = await live.open();
  const logs: Live['logs'] = [];
  const log = (level: string, message: string, fields?: Record<string, unknown>): void => void logs.push({ level, message, ...(fields === undefined ? {} : { fields }) });
  const server = await startServer({ engines, policies: policies ?? [], keys: live.keys, configuration: () => live.status, log });
  closeLater(() => server.close(0));
  const unfollow = live.follow(server, log, server.runtime.metrics.registry, follow ? 10 : 3_600_000);
  closeLater(() => Promise.resolve(unfollow()));
  return { server, live, logs, write, reload: async (next) => { await write(next); await live.reload(server, log); } };
}
async function upstream(script: Script): Promise<ScriptedUpstream> {
  const started = await startUpstream(script);
  closeLater(() => started.close());
  return started;
}
const to = (...upstreams: readonly ScriptedUpstream[]): string => `upstreams:\n${upstreams.map(({ url }) => `  - {kind: openai-compatible, url: "${url}"}\n`).join('')}`;
const chat = (server: RunningServer, headers: Readonly<Record<string, string>> = {}, more: object = {}): Promise<Response> => post(`${server.url}/v1/chat/completions`, JSON.stringify({ ...hello, ...more }), headers);
const health = async (server: RunningServer): Promise<unknown> => (await fetch(`${server.url}/healthz`)).json();

describe('configuration read again', () => {
  it('sends new calls to other upstreams, and lets a stream of an old one end', async () => {
    let finish = (): void => undefined;
    const before = await upstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${JSON.stringify(textChunk('half'))}\n\n`);
      finish = () => response.end(sse([finishChunk('stop')]));
    });
    const after = await upstream(speak('after'));
    const { server, reload } = await start(to(before));
    const stream = await chat(server, {}, { stream: true });
    await reload(to(after));
    expect(await (await chat(server)).json()).toMatchObject({ choices: [{ message: { content: 'after' } }] });
    expect(before.received).toHaveLength(1);
    finish();
    expect((await stream.text()).endsWith('data: [DONE]\n\n')).toBe(true);
    expect((await (await fetch(`${server.url}/readyz`)).json() as { engines: unknown[] }).engines).toMatchObject([{ replica: `openai-compatible=${after.url}` }]);
  });

  it('keeps an upstream that has not changed, connections and all', async () => {
    const [one, two] = [await upstream(speak('one')), await upstream(speak('two'))];
    const { server, reload } = await start(to(one));
    const [engine] = server.engines;
    await reload(to(one, two));
    expect(server.engines).toHaveLength(2);
    expect(server.engines[0]).toBe(engine);
  });

  it('takes another credential of the same upstream', async () => {
    const only = await upstream(speak('x'));
    const secret = join(folder, 'secret');
    await writeFile(secret, 'sk-one');
    const text = `upstreams:\n  - {kind: openai, url: "${only.url}", apiKey: {file: ${secret}}}\n`;
    const { server, live, reload } = await start(text);
    await (await chat(server)).text();
    await writeFile(secret, 'sk-two');
    await reload(text);
    await (await chat(server)).text();
    expect(only.received.map(({ headers }) => headers[headers.findIndex((name) => name.toLowerCase() === 'authorization') + 1])).toEqual(['Bearer sk-one', 'Bearer sk-two']);
    expect(live.status.generation).toBe(2);
  });

  it('lets a key in, and another one out, from the next call on', async () => {
    const only = await upstream(speak('x'));
    const [old, fresh] = [newKey(), newKey()];
    const keys = (key: string): string => `${to(only)}keys:\n  - {name: k, tenant: t, hash: "${hashOfKey(key)}"}\n`;
    const { server, reload } = await start(keys(old));
    expect((await chat(server, { 'x-entresol-key': old })).status).toBe(200);
    await reload(keys(fresh));
    expect((await chat(server, { 'x-entresol-key': old })).status).toBe(401);
    expect((await chat(server, { 'x-entresol-key': fresh })).status).toBe(200);
  });

  it('never opens what was shut: with the last key gone the file is refused', async () => {
    const only = await upstream(speak('x'));
    const key = newKey();
    const { server, live, reload } = await start(`${to(only)}keys:\n  - {name: k, tenant: t, hash: "${hashOfKey(key)}"}\n`);
    for (const half of ['', to(only), `${to(only)}keys: []\n`]) {
      await reload(half);
      expect(live.status).toMatchObject({ generation: 1, refused: { code: 'ENT_CONFIG_INVALID' } });
      expect((await chat(server)).status).toBe(401);
      expect((await chat(server, { 'x-entresol-key': key })).status).toBe(200);
    }
  });

  it('changes policies: their parameters, their modes, and a file of one\'s own that was edited', async () => {
    const only = await upstream(speak('x'));
    const policy = join(folder, 'mine.mjs');
    const mine = (why: string): Promise<void> => writeFile(policy, `import { definePolicy } from 'entresol';\nexport default definePolicy({ name: 'mine', summary: 'x', decisions: ['admission'], create: () => ({ score: { admission: () => ({ kind: 'reject', code: 'ENT_REJECTED_BY_POLICY', why: '${why}' }) } }) });\n`);
    await mine('the first says so');
    const text = (more: string): string => `${to(only)}policies:\n  - cache-sage\n  - {file: ./mine.mjs${more}}\n`;
    const { server, reload } = await start(text(''));
    expect(await (await chat(server)).text()).toContain('the first says so');
    await mine('the second says so');
    await reload(text(''));
    expect(await (await chat(server)).text()).toContain('the second says so');
    await reload(text(', mode: shadow'));
    expect((await chat(server)).status).toBe(200);
    expect(server.runtime.policies().map(({ name, mode }) => [name, mode])).toEqual([['cache-sage', 'on'], ['mine', 'shadow']]);
  });

  it.each([
    ['a broken file', 'upstreams: [', 'ENT_CONFIG_INVALID', /:1:\d+$/],
    ['a parameter that is none', 'policies:\n  - name: cache-sage\n    parameters: {nothing: 1}\n', 'ENT_CONFIG_INVALID', /:5:\d+$/],
    ['an upstream twice', undefined, 'ENT_CONFIG_INVALID', /:3:\d+$/],
    ['a policy that is not there', 'policies: [nobody]\n', 'ENT_CONFIG_INVALID', /:3:\d+$/],
  ])('refuses %s: what was in force stays, and health, metrics and log say so', async (_name, bad, code, place) => {
    const only = await upstream(speak('x'));
    const { server, live, logs, reload } = await start(to(only));
    await reload(bad === undefined ? to(only, only) : bad.startsWith('upstreams') ? bad : to(only) + bad);
    expect((await chat(server)).status).toBe(200);
    expect(live.status).toMatchObject({ generation: 1, refused: { code, at: expect.stringMatching(place) } });
    expect(await health(server)).toMatchObject({ status: 'ok', configuration: { generation: 1, refused: { code } } });
    expect(await server.runtime.metrics.render()).toContain('entresol_config_last_reload_successful 0');
    expect(logs).toMatchObject([{ level: 'error', fields: { code } }]);
    await reload(to(only));
    expect(live.status).not.toHaveProperty('refused');
    expect(await server.runtime.metrics.render()).toContain('entresol_config_last_reload_successful 1');
  });

  it('says what takes a restart, and does the rest', async () => {
    const [one, two] = [await upstream(speak('one')), await upstream(speak('two'))];
    const { server, logs, reload } = await start(to(one));
    await reload(`${to(two)}listen: {port: 9999}\nlimits: {bodyBytes: 10}\n`);
    expect(await (await chat(server)).json()).toMatchObject({ choices: [{ message: { content: 'two' } }] });
    expect(logs).toContainEqual({ level: 'warn', message: 'some settings take effect at the next start only', fields: { settings: ['listen', 'limits'] } });
  });

  it('follows its file by itself', async () => {
    const [one, two] = [await upstream(speak('one')), await upstream(speak('two'))];
    const { server, live, write } = await start(to(one), true);
    await write(to(two));
    await until(() => live.status.generation === 2);
    expect(await (await chat(server)).json()).toMatchObject({ choices: [{ message: { content: 'two' } }] });
  });
});
