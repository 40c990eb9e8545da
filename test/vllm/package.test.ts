/**
 * A real vLLM (fake executor), stock and with the wheel of the pip package `entresol-vllm`: the contract of all engines before
 * both, and what the package does in it. And the package's own tests and types.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RecordingHost } from '../../src/engines/embedded/testing/recording-answer.ts';
import { describeEngine } from '../../src/engines/engine.contract.ts';
import { VllmEngine } from '../../src/engines/vllm/engine.ts';
import { vllmSettings } from '../../src/engines/vllm/settings.ts';
import { MovingServer } from '../../src/engines/vllm/testing/moving-server.ts';
import { realVllm, startVllm, vllmSources, type VllmServer } from '../../src/lab/vllm-server/index.ts';
import { runPython, type PythonResult } from './run-python.ts';

const vllm = await realVllm();
const PACKAGE = vllmSources();
/** Two and a half times an agent's anchor of 48 blocks, and room for a call beside. */
const BLOCKS = 131;
/** Short enough that a test can wait for the end of leases whose owner is dead, and longer than any test needs its own. */
const LONGEST_LEASE_S = '15';
const ENTRESOL = [process.execPath, fileURLToPath(new URL('../../dist/cli/main.mjs', import.meta.url))];
const KINDS = ['stock', 'package'] as const;
type Kind = (typeof KINDS)[number];

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

});

describe.skipIf(vllm === undefined)('a real vLLM', () => {
  const servers = new Map<Kind, VllmServer>();
  const addresses = new Map<Kind, MovingServer>();
  const start = async (kind: Kind): Promise<VllmServer> => {
    const server = await startVllm(vllm!, { executor: 'fake', blocks: BLOCKS, maxSequences: 128, plugin: kind === 'package', env: { ENTRESOL_VLLM_MAX_LEASE_S: LONGEST_LEASE_S } });
    servers.set(kind, server);
    return server;
  };
  beforeAll(async () => {
    const started = await Promise.allSettled(KINDS.map(async (kind) => addresses.set(kind, await MovingServer.before(await start(kind), () => true))));
    for (const each of started) if (each.status === 'rejected') throw each.reason;
  }, TIMEOUT_MS);
  afterAll(async () => {
    await Promise.all([...addresses.values()].map((address) => address.stop()));
    await Promise.all([...servers.values()].map((server) => server.stop()));
  });

  for (const kind of KINDS) {
    describeEngine(`vllm, a real one, ${kind === 'stock' ? 'stock' : 'with entresol-vllm'}`, {
      dialect: 'completions', longTokens: 3000, restartLimitMs: TIMEOUT_MS,
      // What one test sends none before it has sent.
      body: (text, { maxTokens, stream = false }) => ({
        model: 'tiny', prompt: `${expect.getState().currentTestName} ${text}`, max_tokens: maxTokens, temperature: 0, ignore_eos: true, ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
      }),
      start: async () => {
        const address = addresses.get(kind)!;
        const endpoints = { kvEvents: { endpoints: address.eventsEndpoint, replayEndpoints: [address.replayEndpoint], topic: 'kv-events' }, control: kind === 'package' ? { endpoints: address.controlEndpoint } : 'none' };
        const engine = new VllmEngine({ url: address.url, proxy: 'none', retryMs: 100 }, vllmSettings.parse({ ...endpoints, warmUp: { memoryBytes: 2 ** 20 } }));
        const host = new RecordingHost();
        await engine.start(host);
        return {
          engine, host,
          restart: async () => {
            const up = host.next('engine-up');
            await address.cut();
            await servers.get(kind)!.stop();
            await address.moveTo(await start(kind));
            await up;
          },
          close: () => engine.stop(0),
        };
      },
    });
  }

  it('with the package as a wheel, beside a stock one: hits, leases, evictions, a thousand calls at once, a peer that dies, Entresol that dies', async () => {
    const [stock, withPackage] = KINDS.map((kind) => servers.get(kind)!);
    expect(stock.controlEndpoint).toBeUndefined();
    const { status, output } = await python(['pytest', '--tb=short', 'tests/server'], ON_SERVERS_MS, {
      ENTRESOL_TEST_STOCK: stock.url, ENTRESOL_TEST_PACKAGE: withPackage.url, ENTRESOL_TEST_CHANNEL: withPackage.controlEndpoint, ENTRESOL_TEST_BLOCKS: String(BLOCKS), ENTRESOL_TEST_GATEWAY: JSON.stringify(ENTRESOL),
    });
    expect(status, output).toBe(0);
    expect(output, output).toMatch(/\d+ passed/);
    expect(output, output).not.toMatch(/skipped|failed|error/);
    for (const [line] of output.matchAll(/^seen: .*$/gm)) process.stderr.write(`${line}\n`);
  }, TIMEOUT_MS);
});
