/** The adapter before a stand-in for vLLM's HTTP surface; real-vllm.test.ts has the real one. */
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, closeLater } from '../../../test/support/gateway-setup.ts';
import { startUpstream, type ScriptedUpstream } from '../../../test/support/scripted-upstream.ts';
import { engineCall, RecordingAnswer, RecordingHost } from '../embedded/testing/recording-answer.ts';
import { describeUpstream } from '../upstream/upstream.contract.ts';
import { vllm, VllmEngine } from './engine.ts';
import { readMetricsPage } from './metrics-page.ts';
import { readSecret, vllmSettings } from './settings.ts';
import { reachableEndpoint } from './surface.ts';
import { vllmScript, type StandInOptions } from './testing/stand-in.ts';

describeUpstream('vllm, a stand-in', { make: (options) => vllm.make(options, { control: 'none', kvEvents: 'none' }), script: (start) => vllmScript(start) });
describeUpstream('vllm, a stand-in that is warmed up', { make: (options) => vllm.make(options, { control: 'none', kvEvents: 'none', warmUp: { memoryBytes: 2 ** 20 } }), script: (start) => vllmScript(start) });

afterEach(closeAll);

async function before(options: StandInOptions = {}, settings: object = { control: 'none' }): Promise<{ engine: VllmEngine; host: RecordingHost; server: ScriptedUpstream }> {
  const server = await startUpstream(vllmScript(1, options));
  closeLater(() => server.close());
  const engine = new VllmEngine({ url: server.url, proxy: 'none' }, vllmSettings.parse(settings));
  const host = new RecordingHost();
  await engine.start(host);
  closeLater(() => engine.stop(0));
  return { engine, host, server };
}

const found = (engine: VllmEngine): Record<string, string> => Object.fromEntries(engine.discovery()?.features.map(({ name, available }) => [name, available]) ?? []);

describe('vllm', () => {
  it('says what a stock server can and cannot do, and how to get more', async () => {
    const { engine } = await before();
    expect(engine.discovery()?.product).toBe('vLLM 0.32.0');
    expect(found(engine)).toEqual({
      'tells its load': 'yes', 'keeps caches of tenants apart': 'yes', 'orders its queue by priority': 'yes', 'counts cached tokens': 'yes', 'times each call': 'yes', 'takes fields for plugins': 'yes',
      'finds prefixes in its cache': 'yes', 'publishes what it caches': 'no', 'evicts as it is told': 'unknown',
    });
    expect(engine.discovery()?.features.find(({ name }) => name === 'publishes what it caches')?.mend).toContain('--kv-events-config');
    expect(engine.capabilities).toMatchObject({ intents: [], saltsCache: true, cache: { capacityBlocks: 1000, blockTokens: 16 }, dialects: ['chat', 'completions', 'embeddings'] });
    expect(engine.capabilities.retention).toBeUndefined();
    expect(engine.load()).toEqual({ runningRequests: 0, waitingRequests: 0, cacheUsedFraction: 0.25 });
  });

  it('does not salt where the salt would do nothing, and knows a server without priorities', async () => {
    const { engine } = await before({ fields: [], priority: false });
    expect(engine.capabilities.saltsCache).toBe(false);
    expect(found(engine)).toMatchObject({ 'keeps caches of tenants apart': 'no', 'takes fields for plugins': 'no', 'orders its queue by priority': 'no' });
  });

  it('serves before a page of figures that is none', async () => {
    const { engine } = await before({ metrics: '\u0000garbage{ 1\nvllm:num_requests_running NaN\n' });
    expect(found(engine)['tells its load']).toBe('no');
    expect((await engine.handle(engineCall('chat', { model: 'm', messages: [] }), new RecordingAnswer())).status).toBe('ok');
  });

  it('takes out of requests what only Entresol may say, and leaves the rest as it is', async () => {
    const { engine, server } = await before();
    const send = async (body: string): Promise<string> => {
      await engine.handle({ ...engineCall('completions', {}), body: Buffer.from(body), parsed: JSON.parse(body) as unknown }, new RecordingAnswer());
      return server.received.at(-1)!.body.toString();
    };
    const plain = '{"model":"m" ,"prompt":[1], "vllm_xargs":{"mine":1.0}}';
    expect(await send(plain)).toBe(plain);
    expect(await send('{"model":"m" ,"vllm_xargs":{"mine":1,"entresol_lease":[1,9],"entresol_tag":"x"},"prompt":[1]}')).toBe('{"model":"m" ,"vllm_xargs":{"mine":1},"prompt":[1]}');
  });

  it('tells the time in queue and prefill where the engine does', async () => {
    const { engine } = await before();
    expect(await engine.handle(engineCall('completions', { model: 'm', prompt: [1] }), new RecordingAnswer())).toMatchObject({ queueMs: 10.25, prefillMs: 20.25 });
  });

  it('reads a page of several ranks', () => {
    const page = readMetricsPage('vllm:num_requests_running{engine="0"} 2\nvllm:num_requests_running{engine="1"} 3\nvllm:kv_cache_usage_perc{engine="0"} 0.2\nvllm:kv_cache_usage_perc{engine="1"} 0.4\n');
    expect(page).toMatchObject({ runningRequests: 5, waitingRequests: 0 });
    expect(page?.cacheUsedFraction).toBeCloseTo(0.3);
    expect(readMetricsPage('other:metric 1\n')).toBeUndefined();
  });

  it('looks for events where its HTTP is, unless it names a place', () => {
    expect(reachableEndpoint('tcp://*:5557', 'http://gpu-1:8000')).toBe('tcp://gpu-1:5557');
    expect(reachableEndpoint('tcp://10.0.0.3:5557', 'http://gpu-1:8000')).toBe('tcp://10.0.0.3:5557');
  });

  it('refuses a secret that is too short, and an endpoint that is none', () => {
    const settings = vllmSettings.parse({ control: { endpoints: 'tcp://h:1', secretVariable: 'S' } });
    expect(readSecret(settings, { S: 'x'.repeat(32) })?.reveal()).toBe('x'.repeat(32));
    expect(() => readSecret(settings, { S: 'short' })).toThrow(expect.objectContaining({ code: 'ENT_CONFIG_INVALID' }));
    expect(() => readSecret(vllmSettings.parse({ control: { endpoints: 'tcp://h:1', secretFile: '/nowhere/at/all' } }))).toThrow(expect.objectContaining({ code: 'ENT_CONFIG_INVALID' }));
    expect(vllmSettings.safeParse({ control: { endpoints: 'http://h' } }).success).toBe(false);
  });
});
