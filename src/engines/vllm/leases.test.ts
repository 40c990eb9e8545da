import { describe, expect, test } from 'vitest';
import { agentId, instanceId, LOCAL_TENANT, sessionId, unitId, workloadId, type CacheUnit, type Lease, type RetentionIndex } from '../../core/index.ts';
import { LeasePublisher } from './leases.ts';
import { Mirror } from './mirror/mirror.ts';
import { UnitIds } from './mirror/unit-ids.ts';
import { packKeys, type Fields, type Run } from './side-channel/messages.ts';

const by = { tenant: LOCAL_TENANT, workload: workloadId('w'), session: sessionId('s'), agent: agentId('a'), instance: instanceId('a'), step: 0 };

/** Gives leases by a table of values, as a retention index does: most valuable first, parents before children. */
class ValuedIndex implements RetentionIndex {
  readonly parents = new Map<number, number | undefined>();
  values: readonly (readonly [unit: number, value: number])[] = [];

  define({ id, parent }: CacheUnit): void { this.parents.set(id, parent); }
  touch(): void { /* The table says what units are worth. */ }
  setResident(): void { /* All are. */ }
  forget(): void { /* None is. */ }
  value(): number { return 0; }
  victims(): Iterable<never> { return []; }
  leases(nowMs: number): readonly Lease[] {
    return this.values.toSorted(([, a], [, b]) => b - a).map(([unit, value]) => ({ unit: unitId(unit), steps: [{ untilMs: nowMs + 60_000, value }] }));
  }
  stateBytes(): { learned: number; working: number; ghosts: number } { return { learned: 0, working: 0, ghosts: 0 }; }
}

function publisher(): { index: ValuedIndex; mirror: Mirror; leases: LeasePublisher; sent: Run[][]; setNow: (ms: number) => void } {
  const index = new ValuedIndex();
  const sent: Run[][] = [];
  let nowMs = 0;
  const nothing = (): void => undefined;
  const mirror = new Mirror({ ids: new UnitIds(), index: () => index, nowMs: () => nowMs, marginalPrefillMs: () => 1, onStored: nothing, onRemoved: nothing, trouble: nothing });
  const leases = new LeasePublisher({
    mirror, nowMs: () => nowMs, index: () => index, maximum: () => 1000,
    send: (_rank: number, { runs }: Fields) => sent.push(runs as Run[]) > 0,
  });
  return { index, mirror, leases, sent, setNow: (ms) => { nowMs = ms; } };
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
    leases.flush([LOCAL_TENANT]);
    expect(keysOf(sent[0]).flat()).toEqual([3n, 2n, 1n, 7n]);
  });

  test('say again only what is worth another class than was told', () => {
    const { index, mirror, leases, sent, setNow } = publisher();
    hold(mirror, [1n, 2n]);
    index.values = [[0, 5], [1, 1]];
    leases.flush([LOCAL_TENANT]);
    index.values = [[0, 5.3], [1, 0.5]];
    setNow(10);
    leases.flush([LOCAL_TENANT]);
    expect(sent.map(keysOf)).toEqual([[[2n], [1n]], [[2n]]]);
  });

  test('end for what is worth nothing any more, and that goes first', () => {
    const { index, mirror, leases, sent } = publisher();
    hold(mirror, [1n, 2n]);
    index.values = [[0, 5], [1, 1]];
    leases.flush([LOCAL_TENANT]);
    index.values = [[0, 9]];
    leases.flush([LOCAL_TENANT]);
    expect(sent[1].map(([keys, steps]) => [read(keys), steps])).toEqual([[[2n], [1, 0]], [[1n], [60_000, 9]]]);
  });
});
