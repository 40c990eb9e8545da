import * as zeromq from 'zeromq';
import { afterEach, describe, expect, test } from 'vitest';
import { closeAll, closeLater } from '../../../../test/support/gateway-setup.ts';
import { Secret } from '../../../core/index.ts';
import { SideChannel } from './channel.ts';
import type { CallDone, CallTouch, Fields, Hello } from './messages.ts';
import { codec, PackageStandIn, type StandInOptions } from './testing/package-stand-in.ts';

const SECRET = new Secret('a secret of thirty-two bytes, and more');
afterEach(closeAll);

interface Heard {
  readonly channel: SideChannel;
  readonly hellos: { readonly hello: Hello; readonly fresh: boolean }[];
  readonly events: (CallTouch | CallDone)[];
  readonly troubles: string[];
  /** Resolves when something has been heard and the condition holds. */
  until(holds: () => boolean): Promise<void>;
}

function connectTo(endpoint: string, secret?: Secret): Heard {
  const hellos: Heard['hellos'] = [];
  const events: Heard['events'] = [];
  const troubles: string[] = [];
  let waiting: (() => void)[] = [];
  const heard = (): void => {
    const now = waiting;
    waiting = [];
    for (const wake of now) wake();
  };
  const channel = new SideChannel({
    endpoint, zeromq, codec, client: 'a test', helloMs: 3_600_000, ...(secret === undefined ? {} : { secret }),
    onHello: (hello, fresh) => { hellos.push({ hello, fresh }); heard(); }, onCallEvents: (more) => { events.push(...more); heard(); },
    onSilent: heard, trouble: (kind) => { troubles.push(kind); heard(); },
  });
  channel.start();
  closeLater(() => channel.stop());
  return { channel, hellos, events, troubles, until: async (holds) => { while (!holds()) await new Promise<void>((resolve) => { waiting.push(resolve); }); } };
}

async function stand(options: StandInOptions = {}): Promise<PackageStandIn> {
  const made = await PackageStandIn.start(options);
  closeLater(() => made.stop());
  return made;
}

const touch = (sequence: number): Fields => ({ kind: 'touch', sequence, request: `r${sequence}`, tag: 't', promptTokens: 16, cachedTokens: 0, externalTokens: 0, prompt: Buffer.alloc(8, sequence) });

describe('the side channel', () => {
  test('says hello when it is connected, not at its next look an hour later', async () => {
    const stood = await stand();
    const { channel, hellos, until } = connectTo(stood.endpoint);
    await until(() => hellos.length > 0);
    expect(stood.count('hello')).toBe(1);
    expect(hellos).toEqual([{ fresh: true, hello: expect.objectContaining({ mode: 'active', capacityBlocks: 100, blockTokens: 16 }) }]);
    expect(channel.hello).toBeDefined();
  });

  test.each([['open', undefined], ['signed', SECRET]])('finds the engine again after its restart, and knows that it is another (%s)', async (_, secret) => {
    const signed = secret === undefined ? {} : { secret };
    const first = await stand(signed);
    const { endpoint } = first;
    const heard = connectTo(endpoint, secret);
    await heard.until(() => heard.hellos.length === 1);
    await first.stop();
    await heard.until(() => heard.channel.hello === undefined);
    expect(heard.channel.tell({ type: 'clear' })).toBe(false);
    const second = await stand({ endpoint, ...signed });
    await heard.until(() => heard.hellos.length === 2);
    expect(heard.hellos[1].fresh).toBe(true);
    expect(heard.channel.tell({ type: 'clear' })).toBe(true);
    await second.until('clear');
    expect(heard.troubles).toEqual(['side-channel-silent']);
  });

  test('an engine that was there all along is the same one', async () => {
    let forgotten = false;
    const stood = await stand({ answer: (message) => (forgotten && message.type !== 'hello' ? [{ type: 'refused', id: message.id, why: 'hello first' }] : undefined) });
    const heard = connectTo(stood.endpoint);
    await heard.until(() => heard.hellos.length === 1);
    forgotten = true;
    void heard.channel.ask({ type: 'ping' });
    await heard.until(() => heard.hellos.length === 2);
    expect(heard.hellos[1].fresh).toBe(false);
  });

  test('a question is answered, refused, or left alone; each comes back', async () => {
    const stood = await stand({ answer: ({ type, id }) => (type === 'odd' ? [{ type: 'refused', id, why: 'unknown type' }] : type === 'deaf' ? [] : undefined) });
    const heard = connectTo(stood.endpoint);
    await heard.until(() => heard.hellos.length === 1);
    expect(await heard.channel.ask({ type: 'ping' })).toMatchObject({ type: 'accepted' });
    expect(await heard.channel.ask({ type: 'odd' })).toBeUndefined();
    expect(await heard.channel.ask({ type: 'deaf' }, 20)).toBeUndefined();
    expect(heard.troubles).toEqual(['side-channel-refused']);
    // An engine that goes away leaves no question open.
    const asked = heard.channel.ask({ type: 'deaf' }, 600_000);
    await stood.until('deaf', 2);
    await stood.stop();
    expect(await asked).toBeUndefined();
  });

  test('a dump of several parts is put together, and of other memories and groups nothing', async () => {
    const key = (number: number): Buffer => { const packed = Buffer.alloc(8); packed.writeBigUInt64BE(BigInt(number)); return packed; };
    const part = (index: number, more: Fields): Fields => ({ type: 'residents', part: index, parts: 4, medium: 'GPU', group: 0, copies: Buffer.of(1), pendingEvents: 2, free: 5, ...more });
    const stood = await stand({ answer: ({ type, id }) => (type !== 'dump' ? undefined : [
      part(0, { id, keys: Buffer.concat([key(1), key(2)]), copies: Buffer.of(1, 3) }), part(1, { id, keys: key(7), medium: 'CPU' }), part(2, { id, keys: key(8), group: 1 }), part(3, { id, keys: key(3) }),
    ]) });
    const heard = connectTo(stood.endpoint);
    await heard.until(() => heard.hellos.length === 1);
    expect([...(await heard.channel.dump())!.held]).toEqual([[1n, 1], [2n, 3], [3n, 1]]);
  });

  test('what calls used comes in, and what is missing of it is counted', async () => {
    const stood = await stand();
    const heard = connectTo(stood.endpoint);
    await heard.until(() => heard.hellos.length === 1);
    await stood.send({ type: 'touches', events: [touch(5), { kind: 'nothing known' }, touch(6), touch(9)] });
    await heard.until(() => heard.events.length === 3);
    expect(heard.events.map(({ sequence }) => sequence)).toEqual([5, 6, 9]);
    expect(heard.troubles).toEqual(['side-channel-garbage', 'side-channel-touches-lost']);
  });

  test('who does not know the secret says nothing here', async () => {
    const stood = await stand({ secret: SECRET });
    const heard = connectTo(stood.endpoint, SECRET);
    await heard.until(() => heard.hellos.length === 1);
    const forged = codec.pack({ type: 'touches', events: [touch(1)] });
    await stood.raw([Buffer.alloc(32), forged]);
    await stood.raw([Buffer.alloc(0), forged]);
    await heard.until(() => heard.troubles.length === 2);
    expect(heard.troubles).toEqual(['side-channel-unauthenticated', 'side-channel-unauthenticated']);
    await stood.send({ type: 'touches', events: [touch(1)] });
    await heard.until(() => heard.events.length === 1);
  });

  test('garbage of any kind is counted, and the next message is read', async () => {
    const stood = await stand();
    const heard = connectTo(stood.endpoint);
    await heard.until(() => heard.hellos.length === 1);
    const none = Buffer.alloc(0);
    const garbage = [[none], [none, none, none], [none, Buffer.from('ddffffffff', 'hex')], [none, Buffer.from('c1', 'hex')], [none, codec.pack([1])], [none, codec.pack('hello')]];
    for (const frames of garbage) await stood.raw(frames);
    await stood.send({ type: 'touches', events: [touch(1)] });
    await heard.until(() => heard.events.length === 1);
    expect(heard.troubles).toEqual(garbage.map(() => 'side-channel-garbage'));
  });
});
