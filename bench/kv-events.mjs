/**
 * How many KV events a second one core follows: through real sockets into the mirror (order, decode, apply), and of that
 * decoding and applying alone. Events are those of a model of vLLM's block pool under pressure.
 *
 *   node bench/kv-events.mjs [--events 200000] [--rounds 3] [--json] [--assert]
 */
import { Packr } from 'msgpackr';
import { createJiti } from 'jiti';
import { benchOptions } from './options.mjs';

const values = benchOptions(import.meta.url, { events: { type: 'string', default: '200000' }, rounds: { type: 'string', default: '3' }, json: { type: 'boolean', default: false }, assert: { type: 'boolean', default: false } });
const jiti = createJiti(import.meta.url);
const { seededRandom } = await jiti.import('../src/core/index.ts');
const { loadDecoder, loadZeroMq } = await jiti.import('../src/engines/kv-events/libraries.ts');
const { KvSubscription } = await jiti.import('../src/engines/kv-events/subscription.ts');
const { Publisher } = await jiti.import('../src/engines/kv-events/testing/publisher.ts');
const { BlockPoolModel } = await jiti.import('../src/engines/vllm/testing/block-pool-model.ts');
const { UnitIds } = await jiti.import('../src/engines/vllm/mirror/unit-ids.ts');
const { Mirror } = await jiti.import('../src/engines/vllm/mirror/mirror.ts');

const BAR = 50_000;
const wanted = Number(values.events);
const random = seededRandom(1);
const decoder = await loadDecoder();
const packr = new Packr({ useRecords: false });

const pool = new BlockPoolModel({ blocks: 20_000, random });
const batches = [];
for (let events = 0; events < wanted;) {
  const session = Math.floor(random() * 2000);
  pool.serve([session % 7, session, ...Array.from({ length: Math.floor(random() * 60) }, (_, index) => session * 100 + index)]);
  const batch = pool.takeEvents();
  if (batch.length === 0) continue;
  events += batch.length;
  batches.push(batch);
}
const events = batches.reduce((sum, { length }) => sum + length, 0);
const payloads = batches.map((batch) => packr.pack([Date.now() / 1000, batch, 0]));
const newMirror = () => new Mirror({ ids: new UnitIds(), index: () => undefined, nowMs: () => 0, marginalPrefillMs: () => 1, onStored: () => undefined, onRemoved: () => undefined, trouble: () => undefined });
const perSecond = (us) => Math.round(events / (us / 1e6));
const cpuUs = () => { const { user, system } = process.cpuUsage(); return user + system; };

function alone() {
  const mirror = newMirror();
  const began = cpuUs();
  for (const payload of payloads) mirror.apply(0, decoder.decode(payload).events);
  return perSecond(cpuUs() - began);
}

/** The publisher runs in the same process: what it costs to publish to nobody is taken off. */
async function throughSockets() {
  const mirror = newMirror();
  const deaf = await Publisher.start({ buffer: 1 });
  const beganAlone = cpuUs();
  for (const batch of batches) await deaf.publish(batch);
  const publishingUs = cpuUs() - beganAlone;
  await deaf.stop();
  const source = await Publisher.start({ buffer: batches.length + 10 });
  const follower = new KvSubscription({
    endpoint: source.endpoint, replayEndpoint: source.replayEndpoint, topic: '', zeromq: await loadZeroMq(), decoder,
    onBatch: ({ events: batch }) => { mirror.apply(0, batch); }, onLost: (messages) => { throw new Error(`${messages} messages were lost`); }, onRestart: () => undefined, trouble: () => undefined,
  });
  follower.start();
  while (!follower.connected) await new Promise((resolve) => { setTimeout(resolve, 5); });
  await new Promise((resolve) => { setTimeout(resolve, 100); });
  const began = cpuUs();
  for (const batch of batches) await source.publish(batch);
  while (follower.next !== source.next) await new Promise((resolve) => { setTimeout(resolve, 1); });
  const rate = perSecond(cpuUs() - began - publishingUs);
  await Promise.all([follower.stop(), source.stop()]);
  return rate;
}

const rows = [];
for (let round = 0; round < Number(values.rounds); round++) rows.push({ decodeAndApply: alone(), throughSockets: await throughSockets() });
const least = Math.min(...rows.map(({ throughSockets: rate }) => rate));
if (values.json) process.stdout.write(`${JSON.stringify({ events, perCpuSecond: rows, bar: BAR, met: least >= BAR })}\n`);
else {
  for (const { decodeAndApply, throughSockets: rate } of rows) process.stdout.write(`${events} events: ${decodeAndApply} a second decoded and applied, ${rate} through sockets (CPU time)\n`);
  process.stdout.write(`${least >= BAR ? 'met' : 'MISSED'}: at least ${BAR} a second\n`);
}
if (values.assert && least < BAR) process.exitCode = 1;
process.exit();
