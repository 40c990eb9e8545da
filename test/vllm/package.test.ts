/** The pip package `entresol-vllm`: its own tests, its types, and its wheel in a real vLLM server beside a stock one. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { realVllm, startVllm, vllmSources, type VllmServer } from '../../src/lab/vllm-server/index.ts';

const vllm = await realVllm();
const PACKAGE = vllmSources();
/** Two and a half times an agent's anchor of 48 blocks, and room for a call beside. */
const BLOCKS = 131;
const servers: VllmServer[] = [];
afterAll(() => Promise.all(servers.map((server) => server.stop())));

/** A module of Python, in the environment of vLLM. @returns its exit status and what it said */
function python(arguments_: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(vllm!.python, ['-m', ...arguments_], {
      cwd: PACKAGE, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PYTHONPATH: join(PACKAGE, 'src'), PYTHONDONTWRITEBYTECODE: '1', VLLM_NO_USAGE_STATS: '1', ...env },
    });
    let output = '';
    child.stdout.on('data', (bytes: Buffer) => { output += bytes.toString(); });
    child.stderr.on('data', (bytes: Buffer) => { output += bytes.toString(); });
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, output }));
  });
}

describe.skipIf(vllm === undefined)('entresol-vllm', () => {
  it('is typed, strictly', async () => {
    const { status, output } = await python(['mypy', '--no-incremental', '--cache-dir', '/dev/null']);
    expect(output).toMatch(/Success: no issues found in \d+ source files/);
    expect(status).toBe(0);
  }, 120_000);

  it('passes its own tests, in the engine core of vLLM', async () => {
    const { status, output } = await python(['pytest', '--tb=short', '--ignore=tests/server']);
    expect(output).toMatch(/\d+ passed/);
    expect(output).not.toMatch(/skipped|failed|error/);
    expect(status).toBe(0);
  }, 240_000);

  it('as a wheel, in a real server: hits, leases, evictions, a thousand calls at once, a peer that dies', async () => {
    const common = { executor: 'fake', blocks: BLOCKS, maxSequences: 128 } as const;
    const started = await Promise.allSettled([startVllm(vllm!, { ...common, plugin: false }), startVllm(vllm!, { ...common, plugin: true })]);
    servers.push(...started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])));
    const [stock, withPackage] = started.map((each) => { if (each.status === 'rejected') throw each.reason; return each.value; });
    expect(stock.controlEndpoint).toBeUndefined();
    const { status, output } = await python(['pytest', '--tb=short', 'tests/server'], {
      ENTRESOL_TEST_STOCK: stock.url, ENTRESOL_TEST_PACKAGE: withPackage.url, ENTRESOL_TEST_CHANNEL: withPackage.controlEndpoint, ENTRESOL_TEST_BLOCKS: String(BLOCKS),
    });
    expect(output).toMatch(/\d+ passed/);
    expect(output).not.toMatch(/skipped|failed|error/);
    expect(status).toBe(0);
  }, 240_000);
});
