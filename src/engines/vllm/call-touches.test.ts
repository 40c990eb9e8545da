import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { agentId, instanceId, sessionId, tenantId, workloadId, type Coordinate } from '../../core/index.ts';
import { CallTouches } from './call-touches.ts';
import { Mirror } from './mirror/mirror.ts';
import { RankCache } from './mirror/rank-cache.ts';
import { UnitIds } from './mirror/unit-ids.ts';
import { packKeys, type CallDone, type CallTouch } from './side-channel/messages.ts';
import { chainHash } from './testing/block-pool-model.ts';
import { StrictIndex } from './testing/strict-index.ts';

const by = (session: string): Coordinate => ({ tenant: tenantId('t'), workload: workloadId('w'), session: sessionId(session), agent: agentId('a'), instance: instanceId('a'), step: 0 });

function setUp(): { touches: CallTouches; mirror: Mirror; index: StrictIndex; call(session: string, prompt: readonly bigint[], answer: readonly bigint[], at?: number): void } {
  const index = new StrictIndex();
  const mirror = new Mirror({ ids: new UnitIds(), index: () => index, nowMs: () => 0, marginalPrefillMs: (depth) => 1 + depth, onStored: () => undefined, onRemoved: () => undefined, trouble: (kind) => { throw new Error(kind); } });
  const touches = new CallTouches(mirror);
  let calls = 0;
  return {
    touches, mirror, index,
    call: (session, prompt, answer, rank = 0) => {
      const tag = `call ${calls++}`;
      touches.sent(tag, by(session));
      const touch: CallTouch = { kind: 'touch', sequence: 0, request: tag, tag, promptTokens: 16 * prompt.length, cachedTokens: 0, externalTokens: 0, prompt: packKeys(prompt) };
      const done: CallDone = { kind: 'done', sequence: 0, request: tag, tag, aborted: false, outputTokens: 0, output: packKeys(answer) };
      touches.report(rank, touch);
      touches.report(rank, done);
    },
  };
}

/** Keys of a chain in which each depends on all before it, as an engine's do. */
function chain(tokens: readonly number[]): bigint[] {
  const keys: bigint[] = [];
  for (const token of tokens) keys.push(chainHash(keys.at(-1) ?? 1n, token));
  return keys;
}

test('a turn of a known session looks at the blocks that it adds, not at those before', () => {
  const { call, index, mirror } = setUp();
  mirror.rank(0).capacityBlocks = 10_000;
  const looks = vi.spyOn(RankCache.prototype, 'find');
  const tokens = Array.from({ length: 8000 }, (_, token) => token);
  call('long', chain(tokens), []);
  expect(looks.mock.calls.length).toBeGreaterThanOrEqual(8000);
  looks.mockClear();
  const longer = [...tokens, 1, 2, 3, 4, 5];
  call('long', chain(longer), chain([...longer, 6, 7]).slice(-2));
  expect(looks.mock.calls.length).toBe(7);
  expect(index.touches.at(-1)).toMatchObject({ first: 8005, origin: 'output' });
  expect(index.touches.at(-1)?.units.length).toBe(8007);
  looks.mockRestore();
});

test('tells the index the same whatever is remembered: of sessions that go on, begin anew, share, and answer', () => {
  const tokens = fc.array(fc.nat(2), { minLength: 1, maxLength: 12 });
  const turn = fc.record({ session: fc.constantFrom('one', 'two'), kept: fc.nat(12), added: tokens, answer: fc.array(fc.nat(2), { maxLength: 3 }), rank: fc.nat(1), forget: fc.boolean() });
  fc.assert(fc.property(fc.array(turn, { maxLength: 30 }), (turns) => {
    const { call, index, mirror } = setUp();
    const before = new Map<string, number[]>();
    for (const { session, kept, added, answer, rank, forget } of turns) {
      const prompt = [...(before.get(session) ?? []).slice(0, kept), ...added];
      const whole = [...prompt, ...answer];
      before.set(session, whole);
      if (forget) mirror.rank(rank).capacityBlocks = 1;
      index.touches.length = 0;
      call(session, chain(prompt), chain(whole).slice(prompt.length), rank);
      const units = chain(whole).map((key) => mirror.rank(rank).find(key)?.unit);
      expect(index.touches).toEqual([{ units: units.slice(0, prompt.length), first: 0, origin: 'prompt' }, { units, first: prompt.length, origin: 'output' }]);
    }
  }));
});

test('what was forgotten meanwhile is made known again, whole', () => {
  const { call, index, mirror } = setUp();
  const first = chain(Array.from({ length: 50 }, (_, token) => token));
  call('one', first, []);
  // Thousands of others, none of which is there: the oldest are forgotten, the session's among them.
  for (let other = 0; other < 300; other++) call(`other ${other}`, chain(Array.from({ length: 20 }, (_, token) => 1000 + 20 * other + token)), []);
  expect(mirror.rank(0).find(first[49])).toBeUndefined();
  call('one', first, []);
  expect(index.touches.at(-1)?.units).toEqual(first.map((key) => mirror.rank(0).find(key)?.unit));
});

test('an answer follows the whole of its prompt, or is left out', () => {
  const { touches, mirror, index } = setUp();
  touches.sent('never scheduled', by('one'));
  touches.report(0, { kind: 'done', sequence: 0, request: 'r', tag: 'never scheduled', aborted: true, outputTokens: 0, output: packKeys([5n]) });
  touches.report(0, { kind: 'done', sequence: 0, request: 'r', tag: 'of nobody', aborted: true, outputTokens: 0, output: packKeys([5n]) });
  expect([mirror.size, index.touches.length, touches.counts.unknown]).toEqual([0, 0, 1]);
});
