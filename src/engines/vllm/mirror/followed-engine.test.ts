/** The mirror behind real sockets: 100,000 events, messages lost on the way, an engine that is started anew. */
import { afterEach, expect, test } from 'vitest';
import { seededRandom } from '../../../core/index.ts';
import { loadDecoder, loadZeroMq } from '../../kv-events/libraries.ts';
import { KvSubscription } from '../../kv-events/subscription.ts';
import { Publisher } from '../../kv-events/testing/publisher.ts';
import { BlockPoolModel } from '../testing/block-pool-model.ts';
import { Mirror } from './mirror.ts';
import { UnitIds } from './unit-ids.ts';

const BLOCKS = 2000;
const EVENTS = 100_000;
const opened: { stop(): Promise<void> }[] = [];
afterEach(async () => { await Promise.all(opened.splice(0).map((each) => each.stop())); });

function share(mirror: Mirror, engine: BlockPoolModel): number {
  const held = engine.held();
  const believed = new Set([...mirror.rank(0).all()].filter(({ copies }) => copies > 0).map(({ key }) => key));
  const agreed = [...held.keys()].filter((key) => believed.has(key)).length;
  return agreed / Math.max(held.size, believed.size);
}

test('it agrees on at least 99.9 % of blocks after gaps and a restart', async () => {
  const random = seededRandom(7);
  const mirror = new Mirror({ ids: new UnitIds(), index: () => undefined, nowMs: () => 0, marginalPrefillMs: () => 1, onStored: () => undefined, onRemoved: () => undefined, trouble: () => undefined });
  let source = await Publisher.start();
  opened.push(source);
  let applied: (() => void) | undefined;
  const lost = { messages: 0 };
  const follower = new KvSubscription({
    endpoint: source.endpoint, replayEndpoint: source.replayEndpoint, topic: '', zeromq: await loadZeroMq(), decoder: await loadDecoder(),
    onBatch: ({ events }) => {
      mirror.apply(0, events);
      applied?.();
    },
    onLost: (messages) => { lost.messages += messages; },
    onRestart: () => mirror.clear(0),
    trouble: () => undefined,
  });
  opened.push(follower);
  follower.start();
  let engine = new BlockPoolModel({ blocks: BLOCKS, random });
  const call = (): void => {
    const session = Math.floor(random() * 400);
    engine.serve([session % 7, session, ...Array.from({ length: Math.floor(random() * 40) }, (_, index) => session * 100 + index)]);
  };
  /** Until all that was published has been applied; that the last messages were lost shows with the next one. */
  const settled = async (): Promise<void> => {
    for (let before = follower.counts.messages; follower.next !== source.next; before = follower.counts.messages) {
      const next = new Promise<void>((resolve) => { applied = resolve; });
      await Promise.race([next, new Promise((resolve) => { setTimeout(resolve, 20); })]);
      if (follower.counts.messages > before) continue;
      call();
      await source.publish(engine.takeEvents());
    }
  };
  let published = 0;
  let message = 0;
  const serve = async (until: number): Promise<void> => {
    while (published < until) {
      call();
      if (random() < 0.001) engine.clear();
      const events = engine.takeEvents();
      published += events.length;
      // One message in fifty is lost, now and then two hundred in a row.
      await source.publish(events, random() < 0.02 || message++ % 3000 > 2800);
      if (message % 500 === 0) await settled();
    }
    await settled();
  };
  await serve(EVENTS / 2);
  expect(share(mirror, engine)).toBeGreaterThanOrEqual(0.999);
  // The same ports, another process: its cache is empty and its numbers start at 0.
  const { ports } = source;
  await source.stop();
  source = await Publisher.start({ ports });
  opened.push(source);
  engine = new BlockPoolModel({ blocks: BLOCKS, random });
  await serve(EVENTS);
  expect(share(mirror, engine)).toBeGreaterThanOrEqual(0.999);
  expect(follower.counts.restarts).toBeGreaterThanOrEqual(1);
  expect(follower.counts.replayed).toBeGreaterThan(100);
  expect(lost.messages).toBe(0);
}, 120_000);
