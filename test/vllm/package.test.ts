/** The pip package `entresol-vllm`: its own tests, its types, and its wheel in a real vLLM server beside a stock one. */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { realVllm, startVllm, vllmSources, type VllmServer } from '../../src/lab/vllm-server/index.ts';
import { runPython, type PythonResult } from './run-python.ts';

const vllm = await realVllm();
const PACKAGE = vllmSources();
/** Two and a half times an agent's anchor of 48 blocks, and room for a call beside. */
const BLOCKS = 131;
const servers: VllmServer[] = [];
afterAll(() => Promise.all(servers.map((server) => server.stop())));

/** A module of Python, in the environment of vLLM. */
const python = (arguments_: readonly string[], limitMs: number, env: NodeJS.ProcessEnv = {}): Promise<PythonResult> => runPython(vllm!.python, ['-m', ...arguments_], {
  cwd: PACKAGE, limitMs, env: { ...process.env, PYTHONPATH: join(PACKAGE, 'src'), PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1', VLLM_NO_USAGE_STATS: '1', ...env },
});
/** More than any of it takes on a machine that is busy with other tests; the test's time leaves it some for its last words. */
const LIMIT_MS = 280_000;
const TIMEOUT_MS = 300_000;
/** Beside the start of two servers. */
const ON_SERVERS_MS = 130_000;

describe.skipIf(vllm === undefined)('entresol-vllm', () => {
  it('is typed, strictly', async () => {
    const { status, output } = await python(['mypy', '--no-incremental', '--cache-dir', '/dev/null'], LIMIT_MS);
    expect(status, output).toBe(0);
    expect(output, output).toMatch(/Success: no issues found in \d+ source files/);
  }, TIMEOUT_MS);

  it('passes its own tests, in the engine core of vLLM', async () => {
    const { status, output } = await python(['pytest', '--tb=short', '--ignore=tests/server'], LIMIT_MS);
    expect(status, output).toBe(0);
    expect(output, output).toMatch(/\d+ passed/);
    expect(output, output).not.toMatch(/skipped|failed|error/);
  }, TIMEOUT_MS);

  it('as a wheel, in a real server: hits, leases, evictions, a thousand calls at once, a peer that dies', async () => {
    const common = { executor: 'fake', blocks: BLOCKS, maxSequences: 128 } as const;
    const started = await Promise.allSettled([startVllm(vllm!, { ...common, plugin: false }), startVllm(vllm!, { ...common, plugin: true })]);
    servers.push(...started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])));
    const [stock, withPackage] = started.map((each) => { if (each.status === 'rejected') throw each.reason; return each.value; });
    expect(stock.controlEndpoint).toBeUndefined();
    const { status, output } = await python(['pytest', '--tb=short', 'tests/server'], ON_SERVERS_MS, {
      ENTRESOL_TEST_STOCK: stock.url, ENTRESOL_TEST_PACKAGE: withPackage.url, ENTRESOL_TEST_CHANNEL: withPackage.controlEndpoint, ENTRESOL_TEST_BLOCKS: String(BLOCKS),
    });
    expect(status, output).toBe(0);
    expect(output, output).toMatch(/\d+ passed/);
    expect(output, output).not.toMatch(/skipped|failed|error/);
  }, TIMEOUT_MS);
});
