import { afterEach, expect, test } from 'vitest';
import type { KvEvent } from './event.ts';
import { loadDecoder, loadZeroMq } from './libraries.ts';
import { sequenceFrame } from './replay.ts';
import { KvSubscription, type SubscriptionOptions } from './subscription.ts';
import { Publisher, type PublisherOptions } from './testing/publisher.ts';

const zeromq = await loadZeroMq();
const decoder = await loadDecoder();
const opened: { stop(): Promise<void> }[] = [];

afterEach(async () => { await Promise.all(opened.splice(0).map((each) => each.stop())); });

async function publisher(options: PublisherOptions = {}): Promise<Publisher> {
  const started = await Publisher.start(options);
  opened.push(started);
  return started;
}

const removal = (hash: number): unknown => ({ type: 'BlockRemoved', block_hashes: [hash], medium: 'GPU' });

class Follower {
  readonly seen: (bigint | string | 'restart')[] = [];
  readonly troubles: string[] = [];
  lost = 0;
  readonly subscription: KvSubscription;
  #wanted: (() => void) | undefined;

  constructor(of: Publisher, options: Partial<SubscriptionOptions> = {}) {
    this.subscription = new KvSubscription({
      endpoint: of.endpoint, replayEndpoint: of.replayEndpoint, topic: '', zeromq, decoder, replayTimeoutMs: 500,
      onBatch: ({ events }) => { for (const event of events) this.#see(event); },
      onLost: (messages) => { this.lost += messages; },
      onRestart: () => { this.seen.push('restart'); },
      trouble: (kind) => { this.troubles.push(kind); },
      ...options,
    });
    opened.push(this.subscription);
    this.subscription.start();
  }

  #see(event: KvEvent): void {
    if (event.type === 'removed') this.seen.push(...event.hashes);
    this.#wanted?.();
  }

  /** Resolves once the hash has come; the publisher repeats `again` until then, for a subscriber joins late. */
  async sees(hash: bigint): Promise<void> {
    while (!this.seen.includes(hash)) await new Promise<void>((resolve) => { this.#wanted = resolve; });
  }
}

/** A subscription takes a moment to reach its publisher: messages go out until the first arrives. */
async function joined(of: Publisher, follower: Follower): Promise<void> {
  let arrived = false;
  void follower.sees(999n).then(() => { arrived = true; });
  while (!arrived) {
    await of.publish([removal(999)]);
    await new Promise((resolve) => { setImmediate(resolve); });
  }
  follower.seen.length = 0;
  follower.troubles.length = 0;
}

test('events come in order, and what came before it joined comes by replay', async () => {
  const source = await publisher();
  for (const hash of [1, 2, 3]) await source.publish([removal(hash)]);
  const follower: Follower = new Follower(source, { onBegin: () => { follower.seen.push('begin'); } });
  let arrived = false;
  void follower.sees(4n).then(() => { arrived = true; });
  while (!arrived) {
    await source.publish([removal(4)]);
    await new Promise((resolve) => { setImmediate(resolve); });
  }
  expect(follower.seen.slice(0, 5)).toEqual(['begin', 1n, 2n, 3n, 4n]);
  expect(follower.seen.filter((each) => each === 'begin')).toHaveLength(1);
  expect(follower.lost).toBe(0);
});

test('a message that cannot be read is as good as lost, one with a tag that nobody knows is not', async () => {
  const source = await publisher();
  const follower = new Follower(source);
  await joined(source, follower);
  await source.publish([{ type: 'BlockTeleported' }]);
  await source.publish([removal(1)]);
  await follower.sees(1n);
  expect([follower.troubles, follower.lost]).toEqual([['kv-event-unknown'], 0]);
  await source.publishPayload(Buffer.from([0xc1]));
  await source.publish([{ type: 'BlockRemoved', block_hashes: 7 }, removal(2)]);
  await source.publish([removal(3)]);
  await follower.sees(3n);
  expect(follower.troubles).toEqual(['kv-event-unknown', 'kv-frame-garbage', 'kv-lost', 'kv-event-malformed', 'kv-lost']);
  expect([follower.lost, follower.seen.filter((hash) => hash !== 999n)]).toEqual([2, [1n, 2n, 3n]]);
});

test('a clock of the publisher that jumps is told of, each way, and changes nothing', async () => {
  const source = await publisher();
  const follower = new Follower(source);
  await joined(source, follower);
  for (const [hash, aheadSeconds] of [[1, 0], [2, 86_400], [3, 86_400], [4, -3600]] as const) {
    source.clockAheadSeconds = aheadSeconds;
    await source.publish([removal(hash)]);
  }
  await follower.sees(4n);
  expect(follower.troubles).toEqual(['kv-clock-jump', 'kv-clock-jump']);
  expect(follower.seen.filter((hash) => hash !== 999n)).toEqual([1n, 2n, 3n, 4n]);
});

test.each([true, false])('a gap is filled by replay, in order (replies with the topic: %s)', async (replaysTopic) => {
  const source = await publisher({ replaysTopic });
  const follower = new Follower(source);
  await joined(source, follower);
  await source.publish([removal(1)]);
  await source.publish([removal(2)], true);
  await source.publish([removal(3)], true);
  await source.publish([removal(4)]);
  await follower.sees(4n);
  expect(follower.seen.filter((hash) => hash !== 999n)).toEqual([1n, 2n, 3n, 4n]);
  expect(follower.troubles).toContain('kv-gap');
  expect([follower.lost, follower.subscription.counts.replayed >= 2]).toEqual([0, true]);
});

test('what the publisher no longer has is lost, and counted', async () => {
  const source = await publisher({ buffer: 2 });
  const follower = new Follower(source);
  await joined(source, follower);
  const before = follower.lost;
  await source.publish([removal(1)]);
  await follower.sees(1n);
  for (const hash of [2, 3, 4]) await source.publish([removal(hash)], true);
  await source.publish([removal(5)]);
  await follower.sees(5n);
  expect(follower.seen.filter((hash) => hash !== 999n)).toEqual([1n, 4n, 5n]);
  expect(follower.lost - before).toBe(2);
  expect(follower.troubles).toContain('kv-lost');
});

test('a publisher that was started anew is told from a gap, whatever its number', async () => {
  for (const ahead of [0, 500]) {
    const source = await publisher();
    const follower = new Follower(source);
    await joined(source, follower);
    const { ports } = source;
    await source.stop();
    const second = await publisher({ ports });
    for (let index = 0; index < ahead + source.next; index++) await second.publish([removal(7)], true);
    let arrived = false;
    void follower.sees(8n).then(() => { arrived = true; });
    while (!arrived) {
      await second.publish([removal(8)]);
      await new Promise((resolve) => { setTimeout(resolve, 5); });
    }
    // What the first had sent may still come when the connection is known to be lost: then it begins anew twice.
    const anew = follower.seen.lastIndexOf('restart');
    expect(anew).toBeGreaterThanOrEqual(0);
    expect(follower.seen.slice(anew).filter((seen) => seen === 7n)).toHaveLength(ahead + source.next);
    await Promise.all(opened.splice(0).map((each) => each.stop()));
  }
});

test('only messages of the topic are heard, and garbage harms none of them', async () => {
  const source = await publisher({ topic: 'kv-events' });
  const follower = new Follower(source, { topic: 'kv-events' });
  await joined(source, follower);
  await source.raw(['other', sequenceFrame(0), Buffer.alloc(1)]);
  await source.raw(['kv-events', 'no number', Buffer.alloc(1)]);
  await source.raw(['kv-events']);
  await source.raw(['kv-events', sequenceFrame(source.next), Buffer.from('93c1', 'hex')]);
  await source.publish([{ type: 'Unheard' }], true);
  await source.publish([removal(1)]);
  await follower.sees(1n);
  expect(follower.seen.filter((hash) => hash !== 999n)).toEqual([1n]);
  expect(follower.troubles.filter((kind) => kind === 'kv-frame-garbage')).toHaveLength(3);
});

test('a replay socket that never answers costs messages, not the subscription', async () => {
  const source = await publisher();
  await source.publish([removal(4)]);
  const follower = new Follower(source, { replayEndpoint: 'tcp://127.0.0.1:1' });
  let arrived = false;
  void follower.sees(5n).then(() => { arrived = true; });
  while (!arrived) {
    await source.publish([removal(5)]);
    await new Promise((resolve) => { setImmediate(resolve); });
  }
  expect(follower.lost).toBeGreaterThan(0);
  expect(follower.troubles).toContain('kv-lost');
});

test('is stopped in the middle of a replay that would take for ever, and tells nothing after', async () => {
  const source = await publisher();
  await source.publish([removal(4)]);
  let asked: (() => void) | undefined;
  const question = new Promise<void>((resolve) => { asked = resolve; });
  // It takes questions, and answers none.
  const silent = new zeromq.Router({ linger: 0 });
  await silent.bind('tcp://127.0.0.1:*');
  const listening = (async () => { for await (const _ of silent) asked?.(); })();
  const follower = new Follower(source, { replayEndpoint: silent.lastEndpoint!, replayTimeoutMs: 3_600_000 });
  let isAsked = false;
  void question.then(() => { isAsked = true; });
  while (!isAsked) {
    await source.publish([removal(5)]);
    await new Promise((resolve) => { setImmediate(resolve); });
  }
  await follower.subscription.stop();
  expect([follower.seen, follower.lost, follower.troubles]).toEqual([[], 0, []]);
  silent.close();
  await listening;
});
