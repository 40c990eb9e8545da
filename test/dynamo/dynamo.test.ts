/** The adapter before a real frontend of Dynamo, with a mocker for its worker. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentId, LOCAL_TENANT, sessionId, tenantId, workloadId, type Coordinate, type Engine, type EngineCall } from '../../src/core/index.ts';
import { engineCall, RecordingAnswer, RecordingHost } from '../../src/engines/embedded/testing/recording-answer.ts';
import { dynamo } from '../../src/engines/dynamo/engine.ts';
import { describeEngine } from '../../src/engines/engine.contract.ts';
import { ResidentFollower } from '../../src/engines/kv-events/resident-follower.ts';
import { startCluster, type Cluster } from './cluster.ts';
import { installDynamo } from './install.ts';

const python = installDynamo();
const bodyOf = (text: string, { maxTokens, stream = false }: { maxTokens: number; stream?: boolean }): object =>
  ({ model: 'm', messages: [{ role: 'user', content: text }], max_tokens: maxTokens, ...(stream ? { stream, stream_options: { include_usage: true } } : {}) });

describe.skipIf(python === undefined)('Dynamo itself', () => {
  let cluster: Cluster;
  beforeAll(async () => { cluster = await startCluster(python!); }, 120_000);
  afterAll(() => cluster?.close());

  const started = async (): Promise<{ engine: Engine; host: RecordingHost; close(): Promise<void> }> => {
    const engine = dynamo.make({ url: cluster.url, proxy: 'none', check: { path: '/live', intervalMs: 200, timeoutMs: 2000, failures: 5 } });
    const host = new RecordingHost();
    await engine.start(host);
    return { engine, host, close: () => engine.stop(0) };
  };

  describeEngine('dynamo, the real one', {
    dialect: 'chat', longTokens: 4000,
    // What one test sends none before it has sent.
    body: (text, more) => bodyOf(`${expect.getState().currentTestName} ${text}`, more),
    start: async () => {
      const running = await started();
      return { ...running, restart: async () => {
        const up = running.host.next('engine-up');
        await cluster.restartWorker();
        await up;
      } };
    },
  });

  const callOf = (text: string, by: Partial<Coordinate> = {}, more: object = {}): EngineCall => {
    const call = engineCall('chat', { ...bodyOf(text, { maxTokens: 4 }), ...more });
    return { ...call, request: { ...call.request, by: { ...call.request.by, ...by } } };
  };
  const serve = async (engine: Engine, call: EngineCall): Promise<{ status: number; cached: number; text: string }> => {
    const answer = new RecordingAnswer();
    await engine.handle(call, answer);
    const { usage } = answer.json as { usage?: { prompt_tokens_details?: { cached_tokens: number } } };
    return { status: answer.status, cached: usage?.prompt_tokens_details?.cached_tokens ?? 0, text: answer.body };
  };
  const target = { kind: 'lineage', tenant: LOCAL_TENANT, workload: workloadId('w'), session: sessionId('s'), agent: agentId('a') } as const;

  it('says what it is, and takes every hint that the adapter sends', async () => {
    const { engine, close } = await started();
    expect(engine.discovery?.()).toMatchObject({ product: 'Dynamo 1.6.1' });
    await engine.perform({ kind: 'retain', target, untilMs: Infinity });
    expect(await serve(engine, callOf('hints'))).toMatchObject({ status: 200 });
    expect(await serve(engine, callOf('hints', {}, { nvext: { agent_hints: { osl: 7 } } }))).toMatchObject({ status: 200 });
    await close();
  });

  it('refuses fields that it does not know: so the adapter adds none of other engines\'', async () => {
    const { engine, close } = await started();
    expect(await serve(engine, callOf('x', {}, { priority: 1 }))).toMatchObject({ status: 400, text: expect.stringContaining('priority') });
    await close();
  });

  it('finds a prompt again', async () => {
    const { engine, close } = await started();
    const text = 'The same words, and long enough for several blocks of sixteen. '.repeat(3);
    expect((await serve(engine, callOf(text))).cached).toBe(0);
    expect((await serve(engine, callOf(text))).cached).toBeGreaterThan(100);
    await close();
  });

  it('publishes KV events as maps, several hashes to a removal, with an empty topic: all are read', async () => {
    const { engine, close } = await started();
    const host = new RecordingHost();
    const follower = new ResidentFollower({ replica: engine.replica, origin: cluster.url, host, ask: () => Promise.reject(new Error('nothing is asked')), capabilitiesChanged: () => undefined });
    await follower.follow([{ rank: 0, endpoint: cluster.events, replayEndpoint: cluster.replays, topic: '' }]);
    // 64 blocks of 16 tokens: this much drives out what came first.
    for (let round = 0; round < 200 && !host.events.some(({ type }) => type === 'kv-removed'); round++) await serve(engine, callOf(`round ${round}: ${'something that nobody asks again '.repeat(6)}`));
    expect(host.events.map(({ type }) => type)).toEqual(expect.arrayContaining(['kv-stored', 'kv-removed']));
    expect(host.troubles.filter((kind) => kind.startsWith('kv-event') || kind.startsWith('kv-frame') || kind === 'kv-removed-unknown')).toEqual([]);
    expect(follower.residentBlocks).toBeGreaterThan(0);
    expect(follower.residentBlocks).toBeLessThanOrEqual(64);
    await follower.close();
    await close();
  });

  // Whether workers keep them apart cannot be seen here: this version's mocker reads neither cache_salt nor x-tenant-id.
  it('takes calls of several tenants', async () => {
    const { engine, close } = await started();
    for (const tenant of ['a', 'b']) expect(await serve(engine, callOf('x', { tenant: tenantId(tenant) }, { cache_salt: tenant }))).toMatchObject({ status: 200 });
    await close();
  });
});
