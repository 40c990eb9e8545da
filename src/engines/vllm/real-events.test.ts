/**
 * The mirror before a real vLLM (fake executor) whose events are lost on the way and that is started anew in the middle,
 * against what the package says that it holds. ENTRESOL_TEST_KV_EVENTS: how many events; 100,000 take about two minutes.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../../core/index.ts';
import { realVllm, startVllm, type VllmServer, type VllmServerOptions } from '../../lab/vllm-server/index.ts';
import { RecordingHost } from '../embedded/testing/recording-answer.ts';
import { loadZeroMq } from '../kv-events/libraries.ts';
import { VllmEngine } from './engine.ts';
import { vllmSettings } from './settings.ts';
import { SideChannel } from './side-channel/channel.ts';
import { MovingServer } from './testing/moving-server.ts';

const environment = await realVllm();
const EVENTS = Number(process.env.ENTRESOL_TEST_KV_EVENTS ?? 10_000);
const BLOCK_TOKENS = 32;
const OPTIONS: VllmServerOptions = { executor: 'fake', plugin: true, blocks: 600, blockSize: BLOCK_TOKENS };
/** Of messages. */
const LOST = 0.05;
const AT_ONCE = 4;

const random = seededRandom(7);
let vllm: VllmServer;
let moving: MovingServer;
let engine: VllmEngine;
const host = new RecordingHost();

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!await holds()) await new Promise((resolve) => { setTimeout(resolve, 20); });
}

const followed = () => [...engine.link?.subscriptions() ?? []][0]?.[1];

async function complete(tokens: number): Promise<void> {
  const start = Math.floor(random() * 4);
  const prompt = Array.from({ length: tokens }, (_, at) => 300 + (at < 256 ? (start * 97 + at) % 3000 : Math.floor(random() * 3000)));
  const response = await fetch(`${vllm.url}/v1/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: vllm.model, prompt, max_tokens: 2, temperature: 0 }) });
  expect(response.status).toBe(200);
  await response.arrayBuffer();
}

/** Calls until so many events have come. */
async function play(events: number): Promise<void> {
  const place = async (): Promise<void> => { while ((followed()?.counts.events ?? 0) < events) await complete(2000 + Math.floor(random() * 2000)); };
  await Promise.all(Array.from({ length: AT_ONCE }, place));
}

/** The share of blocks on which the mirror agrees with what the package says, by a question of the test's own. */
async function agreement(): Promise<number> {
  const { Packr } = await import('msgpackr');
  const packr = new Packr({ useRecords: false, variableMapSize: true, mapsAsObjects: true });
  let greeted = false;
  const channel = new SideChannel({
    endpoint: vllm.controlEndpoint!, zeromq: await loadZeroMq(), codec: { pack: (value) => packr.pack(value), unpack: (bytes) => packr.unpack(bytes) }, client: 'test',
    onHello: () => { greeted = true; }, onCallEvents: () => undefined, onSilent: () => undefined, trouble: () => undefined,
  });
  channel.start();
  await until(() => greeted);
  const residents = await channel.dump();
  await channel.stop();
  const held = residents?.held ?? new Map<bigint, number>();
  const mirrored = new Set([...engine.link!.mirror.rank(0).all()].filter(({ copies }) => copies > 0).map(({ key }) => key));
  const agreed = [...held.keys()].filter((key) => mirrored.has(key)).length;
  return agreed / (held.size + mirrored.size - agreed);
}

describe.skipIf(environment === undefined)('before a real vLLM whose events get lost', () => {
  beforeAll(async () => {
    vllm = await startVllm(environment!, OPTIONS);
    moving = await MovingServer.before(vllm, () => random() >= LOST);
    engine = new VllmEngine({ url: moving.url }, vllmSettings.parse({ control: { endpoints: moving.controlEndpoint }, kvEvents: { endpoints: moving.eventsEndpoint, replayEndpoints: [moving.replayEndpoint], topic: 'kv-events' } }));
    await engine.start(host);
    await until(() => engine.link?.steers === true && followed()?.connected === true);
  }, 120_000);

  afterAll(async () => {
    await engine?.stop(0);
    await moving?.stop();
    await vllm?.stop();
  });

  test('the mirror is what the engine holds, through gaps and a restart', async () => {
    await play(EVENTS / 2);
    const before = { ...followed()!.counts };
    const firstLink = engine.link;
    const cold = host.events.filter(({ type }) => type === 'engine-up').length + 1;
    await moving.cut();
    await vllm.stop();
    vllm = await startVllm(environment!, OPTIONS);
    await moving.moveTo(vllm);
    await until(() => engine.link?.steers === true && followed()?.connected === true);
    expect(engine.link!.mirror.residentBlocks).toBeLessThan(OPTIONS.blocks / 2);
    // It went down and is up again, with a link of its own: what was known of it is gone.
    expect(engine.link).not.toBe(firstLink);
    expect(host.events.filter(({ type }) => type === 'engine-up')).toHaveLength(cold);
    await play(EVENTS / 2);
    // Nothing shows that a last message was lost but the next one.
    let share = 0;
    await until(async () => {
      await complete(40);
      share = await agreement();
      return share >= 0.999;
    });
    const { counts } = followed()!;
    const replayed = before.replayed + counts.replayed;
    process.stderr.write(`${before.events + counts.events} events in ${before.messages + counts.messages} messages, ${moving.dropped} of them dropped on the way, ${replayed} by replay, ${before.lost + counts.lost} lost, one restart; the mirror agrees on ${(100 * share).toFixed(2)} % of blocks\n`);
    expect(moving.dropped).toBeGreaterThan(5);
    expect(replayed).toBeGreaterThanOrEqual(moving.dropped / 2);
    expect(host.troubles).toContain('kv-gap');
  }, 175_000);
});
