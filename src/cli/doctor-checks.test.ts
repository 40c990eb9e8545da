import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater, hello, setUp } from '../../test/support/gateway-setup.ts';
import { speak, startUpstream, type Script } from '../../test/support/scripted-upstream.ts';
import { EntresolError } from '../core/index.ts';
import { SglangStandIn } from '../engines/sglang/testing/stand-in.ts';
import { startServer } from './compose.ts';
import { embeddedEngine, examine, nodeVersion, upstream, writableDirectory } from './doctor-checks.ts';
import { identityCoverage } from './identity-coverage.ts';
import { upstreamEngine } from './upstreams.ts';

const folder = await mkdtemp(join(tmpdir(), 'entresol-doctor-'));
afterEach(closeAll);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the doctor', () => {
  it.each([['20.18.9', 'failed'], ['20.19.0', 'ok'], ['18.20.0', 'failed'], ['24.1.0', 'ok']])('judges Node %s', (version, result) => {
    expect(nodeVersion(version).result).toBe(result);
  });

  it('notes a missing embedded engine with the command that installs it', () => {
    const missing = embeddedEngine(() => { throw new EntresolError('ENT_ENGINE_MISSING', 'it is not installed.'); });
    expect(missing).toMatchObject({ result: 'note', mend: expect.stringContaining('entresol engine add embedded') });
    expect(embeddedEngine(() => 'file:///x').result).toBe('ok');
  });

  it('finds directories that cannot be written', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    expect(await writableDirectory('cache', join(file, 'below'), 'Mend it.')).toMatchObject({ result: 'failed', mend: 'Mend it.' });
    expect(await writableDirectory('cache', join(folder, 'a', 'b'), 'Mend it.')).toMatchObject({ result: 'ok' });
  });

  it('reaches upstreams, or says why not', async () => {
    const { upstream: server } = await setUp(speak('x'));
    expect(await upstream(`openai=${server.url}/v1`)).toMatchObject({ result: 'ok', detail: 'answers (200)' });
    server.script((_request, response) => void response.writeHead(401).end());
    expect(await upstream(`openai=${server.url}`)).toMatchObject({ result: 'ok', detail: expect.stringContaining('credential') });
    server.script((_request, response) => void response.writeHead(404).end());
    expect(await upstream(`openai=${server.url}`)).toMatchObject({ result: 'note' });
    server.script(() => undefined);
    expect(await upstream(`openai=${server.url}`, 50)).toMatchObject({ result: 'failed', detail: expect.stringMatching(/^no answer \(.*time/i) });
    await server.close();
    expect(await upstream(`openai=${server.url}`)).toMatchObject({ result: 'failed', detail: expect.stringContaining('ECONNREFUSED') });
    expect(await upstream('openai=nonsense')).toMatchObject({ result: 'failed' });
  });

  it('tells how calls say who they are', async () => {
    const { client, server } = await setUp(speak('x'));
    expect(await identityCoverage(server.url)).toMatchObject({ result: 'note', detail: 'no call has come yet.' });
    await client.chat.completions.create(hello);
    const inferred = await identityCoverage(`${server.url}/v1`);
    expect(inferred).toMatchObject({ result: 'note', detail: expect.stringContaining('openai-sdk, 1 call: agent 0 % sure (100 % fingerprint)'), mend: expect.stringContaining('openai-sdk: send x-entresol-session and x-entresol-agent') });
    for (let call = 0; call < 19; call++) await client.chat.completions.create(hello, { headers: { 'x-entresol-agent': 'coder', 'x-session-id': 's' } });
    expect(await identityCoverage(server.url)).toMatchObject({ result: 'ok', detail: expect.stringContaining('agent 95 % sure (95 % header:x-entresol-agent, 5 % fingerprint)') });
  });

  it('says which setting of a harness would raise its coverage, and asks for a key where one is wanted', async () => {
    const { client, server } = await setUp(speak('x'));
    await client.chat.completions.create(hello, { headers: { 'user-agent': 'claude-cli/2.1.283 (external, cli)' } });
    expect(await identityCoverage(server.url)).toMatchObject({ mend: expect.stringContaining('claude-code: set CLAUDE_CODE_GATEWAY_HINT_HEADERS=1') });
    const upstreamServer = await setUp(speak('x'));
    upstreamServer.upstream.script((_request, response) => void response.writeHead(401).end('{}'));
    expect(await identityCoverage(upstreamServer.upstream.url)).toMatchObject({ result: 'failed', mend: expect.stringContaining('ENTRESOL_KEY') });
  });

  it('tells what an engine is, what it lacks, and which flag would give it', async () => {
    const standIn = new SglangStandIn({ enable_cache_report: false });
    const server = await startUpstream(standIn.script);
    closeLater(() => server.close());
    const findings = await examine({ upstreams: [`sglang=${server.url}`] });
    const told = findings.filter(({ check }) => check.startsWith('engine '));
    expect(told[0]).toMatchObject({ check: `engine sglang=${server.url}`, result: 'ok', detail: expect.stringMatching(/^SGLang 0\.5\.23: keeps prefixes \(pages of 16 tokens.*tells its load/) });
    expect(told).toContainEqual(expect.objectContaining({ check: `engine sglang=${server.url}, counts cached tokens`, result: 'note', detail: 'no.', mend: 'Start it with --enable-cache-report.' }));
  });

  it('says so of a kind that there is not', async () => {
    const { upstream: server } = await setUp(speak('x'));
    expect(await examine({ upstreams: [`openllm=${server.url}`] })).toContainEqual(expect.objectContaining({ check: `engine openllm=${server.url}`, result: 'failed', detail: expect.stringContaining('sglang') }));
  });

  it('shows the garbage that an engine sends: of one that it asks itself, and of those of a running server', async () => {
    const garbage: Script = (request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(request.path === '/v1/models' ? '{"data":[]}' : '{{{');
    const server = await startUpstream(garbage);
    closeLater(() => server.close());
    const asked = await examine({ upstreams: [`sglang=${server.url}`] });
    expect(asked).toContainEqual(expect.objectContaining({ check: `engine sglang=${server.url}, troubles`, result: 'note', detail: expect.stringContaining('answer-garbage') }));
    const running = await startServer({ engines: [upstreamEngine(`sglang=${server.url}`)], log: () => undefined });
    closeLater(() => running.close(0));
    const told = await examine({ upstreams: [], server: running.url });
    expect(told).toContainEqual(expect.objectContaining({ check: `engine sglang=${server.url}, troubles`, detail: expect.stringContaining('answer-garbage') }));
    expect(await (await fetch(`${running.url}/metrics`)).text()).toMatch(/entresol_engine_troubles_total\{replica="sglang=[^"]+",kind="answer-garbage"\} [1-9]/);
  });

  it('looks at everything', async () => {
    const findings = await examine({ upstreams: ['openai=http://127.0.0.1:1'], server: 'http://127.0.0.1:1' });
    expect(findings.map((finding) => finding.check)).toEqual(['node', 'embedded engine', 'cache directory', 'state directory', 'upstream openai=http://127.0.0.1:1', 'server http://127.0.0.1:1']);
  });
});
