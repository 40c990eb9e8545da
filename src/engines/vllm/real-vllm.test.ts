/** Against a real vLLM with the package in it (fake executor). Skipped, loudly, where it is not installed. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type RunningServer } from '../../cli/compose.ts';
import { realVllm, startVllm, type VllmServer } from '../../lab/vllm-server/index.ts';
import { agentId, DEFAULT_WORKLOAD, LOCAL_TENANT, sessionId } from '../../core/index.ts';
import { registeredPolicy } from '../../runtime/load-policy.ts';
import { prefixKeys } from '../kv-events/prefix-hash.ts';
import { VllmEngine } from './engine.ts';
import type { Block } from './mirror/block.ts';
import { vllmSettings } from './settings.ts';

const environment = await realVllm();
const BLOCKS = 132;
const BLOCK_TOKENS = 32;

let vllm: VllmServer;
let server: RunningServer;
let engine: VllmEngine;
let served = 0;

async function complete(prompt: readonly number[], session: string, more: object = {}): Promise<{ cached: number; status: number; body: unknown }> {
  const response = await fetch(`${server.url}/v1/completions`, {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-entresol-session': session, 'x-entresol-agent': 'a' },
    body: JSON.stringify({ model: vllm.model, prompt, max_tokens: 2, temperature: 0, ...more }),
  });
  if (response.ok) served += 1;
  const body = await response.json() as { usage?: { prompt_tokens_details?: { cached_tokens?: number } } };
  return { cached: body.usage?.prompt_tokens_details?.cached_tokens ?? 0, status: response.status, body };
}

const tokens = (seed: number, count: number): number[] => Array.from({ length: count }, (_, index) => 300 + ((seed * 7919 + index * 104_729) % 3000));

/** Polls: what the engine reports comes after the answer. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!await holds()) await new Promise((resolve) => { setTimeout(resolve, 10); });
}

describe.skipIf(environment === undefined)('a real vLLM with the package', () => {
  beforeAll(async () => {
    vllm = await startVllm(environment!, { executor: 'fake', plugin: true, blocks: BLOCKS, blockSize: BLOCK_TOKENS, hashAlgorithm: 'sha256_cbor' });
    engine = new VllmEngine({ url: vllm.url }, vllmSettings.parse({ control: { endpoints: vllm.controlEndpoint }, warmUp: { memoryBytes: 2 ** 20 } }));
    server = await startServer({ engines: [engine], policies: [{ definition: registeredPolicy('cache-sage')! }], log: () => undefined });
  }, 170_000);

  afterAll(async () => {
    await server?.close(0);
    await vllm?.stop();
  });

  test('is known for what it is', async () => {
    // The sockets connect beside the start.
    await until(() => { const followed = [...engine.link?.subscriptions() ?? []]; return engine.link?.steers === true && followed.length > 0 && followed.every(([, { connected }]) => connected); });
    const found = Object.fromEntries(engine.discovery()!.features.map(({ name, available }) => [name, available]));
    expect(engine.discovery()!.product).toMatch(/^vLLM \d/);
    expect(found).toEqual({
      'tells its load': 'yes', 'keeps caches of tenants apart': 'yes', 'orders its queue by priority': 'yes', 'counts cached tokens': 'yes', 'times each call': 'yes',
      'takes fields for plugins': 'yes', 'finds prefixes in its cache': 'yes', 'publishes what it caches': 'yes', 'evicts as it is told': 'yes', 'is warmed up where a policy asks': 'yes',
    });
    expect(engine.capabilities).toMatchObject({ intents: ['evict', 'prefetch'], retention: { mode: 'push' }, cache: { capacityBlocks: BLOCKS, blockTokens: BLOCK_TOKENS } });
  });

  test('serves, reports what calls used, and the mirror holds what it holds', async () => {
    const link = engine.link!;
    const before = link.touches.counts.touched;
    const first = await complete(tokens(1, 200), 'one');
    expect([first.status, first.cached]).toEqual([200, 0]);
    expect((await complete(tokens(1, 200), 'one')).cached).toBe(192);
    await until(() => link.touches.counts.touched === before + 2);
    // Eight sessions, four turns each, more than it can hold.
    for (let turn = 0; turn < 4; turn++) for (let session = 0; session < 8; session++) await complete(tokens(session + 10, 400 + turn * 150), `s${session}`);
    await until(() => link.touches.counts.touched === before + 34);
    await until(() => link.leases.counts.keys > 0);
    // The last events come a moment after the last answer.
    await until(async () => (await link.reconcile(0) ?? 0) >= 0.999);
  });

  test('names its blocks as we compute them, also under a salt', async () => {
    const prompt = tokens(77, 300);
    const resident = (keys: readonly bigint[]): boolean => keys.length === 9 && keys.every((key) => (engine.link!.mirror.rank(0).find(key)?.copies ?? 0) > 0);
    // Each time anew: between an answer and a look cache-sage may have had the blocks evicted.
    for (const salt of [undefined, 'of one tenant']) {
      await until(async () => {
        expect((await complete(prompt, 'names', salt === undefined ? {} : { cache_salt: salt })).status).toBe(200);
        return resident(prefixKeys(prompt, BLOCK_TOKENS, salt));
      });
    }
    expect(engine.link!.computesNames).toBe(true);
    expect(engine.discovery()!.features).toContainEqual({ name: 'names blocks as can be computed from a prompt', available: 'yes' });
  });

  test('a client cannot set what is ours to set', async () => {
    expect((await complete(tokens(2, 40), 'two', { vllm_xargs: { entresol_lease: [1e9, 1e9], entresol_tag: 'mine' } })).status).toBe(200);
  });

  test('is warmed up: the call after it finds what was evicted, and nothing else has changed', async () => {
    const link = engine.link!;
    const prompt = tokens(501, 300);
    const lineage = { kind: 'lineage', tenant: LOCAL_TENANT, workload: DEFAULT_WORKLOAD, session: sessionId('warm'), agent: agentId('a') } as const;
    const blocks = (): Block[] => prefixKeys(prompt, BLOCK_TOKENS).flatMap((key) => link.mirror.rank(0).find(key) ?? []);
    const resident = (): number => blocks().filter(({ copies }) => copies > 0).length;
    // Done before the next call looks for anything, once it has arrived: what is asked after it is answered then. An idle engine does nothing.
    const evict = async (): Promise<void> => {
      expect(await engine.perform({ kind: 'evict', target: { kind: 'units', units: blocks().map(({ unit }) => unit) } })).toEqual({ status: 'accepted' });
      expect(await link.reconcile(0)).toBeDefined();
    };
    // What was used by the calls of the tests before is reported after their answers: nothing of it is to come in between.
    await until(() => link.touches.counts.touched === served);
    const before = served;
    expect(await complete(prompt, 'warm')).toMatchObject({ cached: 0, status: 200 });
    await until(() => resident() === 9 && link.touches.counts.touched === before + 1);
    await evict();
    expect((await complete(prompt, 'warm')).cached).toBe(0);
    await until(() => resident() === 9 && link.touches.counts.touched === before + 2);
    await evict();
    expect(await engine.perform({ kind: 'prefetch', target: lineage })).toEqual({ status: 'accepted' });
    await until(() => resident() === 9);
    expect(blocks().map(({ owner }) => owner)).toEqual(Array.from({ length: 9 }, () => LOCAL_TENANT));
    const details = engine.discovery()!.features.find(({ name }) => name === 'is warmed up where a policy asks')?.detail;
    expect(details).toMatch(/^1 made \(300 tokens, 0 of them found\)/);
    expect((await complete(prompt, 'warm')).cached).toBe(288);
    await until(() => link.touches.counts.touched >= before + 3);
    expect(link.touches.counts.touched).toBe(before + 3);
  });
});
