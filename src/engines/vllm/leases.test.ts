import { describe, expect, test } from 'vitest';
import { agentId, instanceId, LOCAL_TENANT, sessionId, unitId, workloadId, type CacheUnit, type Lease, type RetentionIndex } from '../../core/index.ts';
import { LeasePublisher } from './leases.ts';
import { Mirror } from './mirror/mirror.ts';
import { UnitIds } from './mirror/unit-ids.ts';
import { packKeys, type Fields, type Run } from './side-channel/messages.ts';

const by = { tenant: LOCAL_TENANT, workload: workloadId('w'), session: sessionId('s'), agent: agentId('a'), instance: instanceId('a'), step: 0 };

/** Gives leases by a table of values, as a retention index does: most valuable first, parents before children; in parts the other way round. */
class ValuedIndex implements RetentionIndex {
  readonly parents = new Map<number, number | undefined>();
  values: readonly (readonly [unit: number, value: number])[] = [];
  lastsMs = 60_000;

  define({ id, parent }: CacheUnit): void { this.parents.set(id, parent); }
  touch(): void { /* The table says what units are worth. */ }
  setResident(): void { /* All are. */ }
  forget(): void { /* None is. */ }
  value(unit: number): number { return this.values.find(([valued]) => valued === unit)?.[1] ?? 0; }
  victims(): Iterable<never> { return []; }
  leases(nowMs: number): readonly Lease[] {
    return this.values.toSorted(([, a], [, b]) => b - a).map(([unit, value]) => ({ unit: unitId(unit), steps: [{ untilMs: nowMs + this.lastsMs, value }] }));
  }
  * leaseParts(nowMs: number): Generator<readonly Lease[]> {
    const leases = this.leases(nowMs).toReversed();
    for (let from = 0; from < leases.length; from += 1000) yield leases.slice(from, from + 1000);
  }
  stateBytes(): { learned: number; working: number; ghosts: number } { return { learned: 0, working: 0, ghosts: 0 }; }
}

function publisher(): { index: ValuedIndex; mirror: Mirror; leases: LeasePublisher; sent: Run[][]; setNow: (ms: number) => void; setAway: (is: boolean) => void } {
  const index = new ValuedIndex();
  const sent: Run[][] = [];
  let nowMs = 0;
  let isAway = false;
  const nothing = (): void => undefined;
  const mirror = new Mirror({ ids: new UnitIds(), index: () => index, nowMs: () => nowMs, marginalPrefillMs: () => 1, onStored: nothing, onRemoved: nothing, trouble: nothing });
  const leases = new LeasePublisher({
    mirror, nowMs: () => nowMs, index: () => index, maximum: () => 100_000,
    send: (_rank: number, { runs }: Fields) => !isAway && sent.push(runs as Run[]) > 0,
  });
  return { index, mirror, leases, sent, setNow: (ms) => { nowMs = ms; }, setAway: (is) => { isAway = is; } };
}

/** Without a pause. */
function whole(parts: Generator<undefined, number>): number {
  for (;;) {
    const part = parts.next();
    if (part.done === true) return part.value;
  }
}

/** A chain of blocks that is there and was used. */
function hold(mirror: Mirror, keys: readonly bigint[]): void {
  mirror.apply(0, keys.map((key, depth) => ({ type: 'stored' as const, hashes: [key], parent: depth === 0 ? undefined : keys[depth - 1], group: 0, kind: 'full_attention', medium: 'device' as const, blockTokens: 16, tokens: [], extraKeys: [], session: undefined })));
  mirror.use({ rank: 0, by, keys: packKeys(keys), first: 0, origin: 'prompt' });
}

const read = (keys: Uint8Array): bigint[] => Array.from({ length: keys.length / 8 }, (_, at) => Buffer.from(keys).readBigUInt64BE(8 * at));
const keysOf = (message: readonly Run[]): bigint[][] => message.map(([keys]) => read(keys));

describe('leases of blocks', () => {
  test('tell of the least valuable first, and of what hangs from a prefix before the prefix: so the package gives up those of one class', () => {
    const { index, mirror, leases, sent } = publisher();
    hold(mirror, [1n, 2n, 3n]);
    hold(mirror, [1n, 7n]);
    // Units in the order in which they were defined: 1n, 2n, 3n, 7n. The prefix is worth what hangs from it.
    index.values = [[0, 5], [1, 5], [2, 4.9], [3, 5.2]];
    whole(leases.flush([LOCAL_TENANT]));
    expect(keysOf(sent[0]).flat()).toEqual([3n, 2n, 1n, 7n]);
  });

  test('say again only what is worth another class than was told', () => {
    const { index, mirror, leases, sent, setNow } = publisher();
    hold(mirror, [1n, 2n]);
    index.values = [[0, 5], [1, 1]];
    whole(leases.flush([LOCAL_TENANT]));
    index.values = [[0, 5.3], [1, 0.5]];
    setNow(10);
    whole(leases.flush([LOCAL_TENANT]));
    expect(sent.map(keysOf)).toEqual([[[2n], [1n]], [[2n]]]);
  });

  test('end for what is worth nothing any more, and that goes first', () => {
    const { index, mirror, leases, sent } = publisher();
    hold(mirror, [1n, 2n]);
    index.values = [[0, 5], [1, 1]];
    whole(leases.flush([LOCAL_TENANT]));
    index.values = [[0, 9]];
    whole(leases.flush([LOCAL_TENANT]));
    expect(sent[1].map(([keys, steps]) => [read(keys), steps])).toEqual([[[2n], [1, 0]], [[1n], [60_000, 9]]]);
  });

  test('that the package did not take are sent again, all of them where it has forgotten', () => {
    const { index, mirror, leases, sent, setAway } = publisher();
    hold(mirror, [1n, 2n]);
    index.values = [[0, 5], [1, 1]];
    setAway(true);
    whole(leases.flush([LOCAL_TENANT]));
    expect(leases.counts).toMatchObject({ keys: 0, refused: 1 });
    setAway(false);
    whole(leases.flush([LOCAL_TENANT]));
    whole(leases.flush([LOCAL_TENANT]));
    leases.forget(0);
    whole(leases.flush([LOCAL_TENANT]));
    expect(sent.map(keysOf)).toEqual([[[2n], [1n]], [[2n], [1n]]]);
  });

  test('are renewed before they run out, and not earlier', () => {
    const { index, mirror, leases, sent, setNow } = publisher();
    hold(mirror, [1n]);
    index.values = [[0, 5]];
    for (const atMs of [0, 10_000, 29_000, 31_000]) {
      setNow(atMs);
      whole(leases.flush([LOCAL_TENANT]));
    }
    expect(sent.map((message) => message.map(([, steps]) => steps))).toEqual([[[60_000, 5]], [[60_000, 5]]]);
  });

  test('of many blocks go out in many messages, with turns for others between', () => {
    const { index, mirror, leases, sent } = publisher();
    hold(mirror, Array.from({ length: 20_000 }, (_, key) => BigInt(key + 1)));
    index.values = Array.from({ length: 20_000 }, (_, unit) => [unit, 5] as const);
    let turns = 0;
    for (const parts = leases.flush([LOCAL_TENANT]); parts.next().done !== true;) turns += 1;
    expect(turns).toBeGreaterThanOrEqual(15);
    const perMessage = sent.map((message) => keysOf(message).flat().length);
    expect(Math.max(...perMessage)).toBeLessThanOrEqual(4096);
    expect(new Set(sent.flatMap((message) => keysOf(message).flat())).size).toBe(20_000);
  });

  test('of a flush are bounded, and the rest follows', () => {
    const { index, mirror, leases } = publisher();
    hold(mirror, Array.from({ length: 70_000 }, (_, key) => BigInt(key + 1)));
    index.values = Array.from({ length: 70_000 }, (_, unit) => [unit, 5] as const);
    expect(whole(leases.flush([LOCAL_TENANT]))).toBe(65_536);
    expect(whole(leases.flush([LOCAL_TENANT]))).toBe(4464);
    expect(whole(leases.flush([LOCAL_TENANT]))).toBe(0);
  });

  test('do not end for what came while they were made, and is worth something', () => {
    const { index, mirror, leases, sent } = publisher();
    hold(mirror, [1n, 2n]);
    index.values = [[0, 5], [1, 1]];
    whole(leases.flush([LOCAL_TENANT]));
    index.values = [[0, 9]];
    const parts = leases.flush([LOCAL_TENANT]);
    parts.next();
    index.values = [[0, 9], [1, 1]];
    whole(parts);
    expect(sent[1].map(([keys]) => read(keys))).toEqual([[1n]]);
  });

  test('of a block that is gone are not taken for those of the one that has its unit now', () => {
    const { index, mirror, leases, sent } = publisher();
    hold(mirror, [1n]);
    index.values = [[0, 5]];
    whole(leases.flush([LOCAL_TENANT]));
    // So many others are remembered that the first is not, and its unit is another's.
    mirror.apply(0, [{ type: 'removed', hashes: [1n], group: 0, medium: 'device' }]);
    for (let key = 100n; key < 9000n && mirror.block(unitId(0))?.key === 1n; key++) {
      hold(mirror, [key]);
      mirror.apply(0, [{ type: 'removed', hashes: [key], group: 0, medium: 'device' }]);
    }
    hold(mirror, [3n]);
    const unit = [...mirror.ranks()][0].find(3n)!.unit;
    index.values = [[unit, 5]];
    whole(leases.flush([LOCAL_TENANT]));
    expect(unit).toBe(0);
    expect(sent.slice(1).map(keysOf)).toEqual([[[3n]]]);
  });
});
