import { describe, expect, it } from 'vitest';
import { LOCAL_TENANT, agentId, instanceId, sessionId, unitId, workloadId } from '../../core/index.ts';
import { TableReader, TableWriter, createLearnerSource } from '../../learner/index.ts';
import { Frontier } from './frontier.ts';
import { Guard } from './guard.ts';
import { PrefixTree } from './prefix-tree.ts';
import { SageIndex } from './retention-index.ts';

const CAPACITY = 10;

/** A guard over roots of one unit each, with a survival rule of the test's choosing. */
function guardOver(value: (unit: number, usedAt: number) => number) {
  const tree = new PrefixTree();
  tree.watch(new Frontier(tree.groups, () => 0));
  const guard: Guard = new Guard(tree, (group) => value(tree.groups.first[group], tree.groups.usedAt[group]), () => CAPACITY);
  let ordinal = 0;
  const call = (unit: number): void => {
    if (!tree.units.isKnown(unit)) tree.define({ id: unitId(unit), sizeBlocks: 1, marginalPrefillMs: 1 });
    const chain = Int32Array.of(unit);
    guard.arrive(chain);
    const group = tree.claim(chain, 0);
    tree.groups.usedAt[group] = ++ordinal;
    guard.protectFrom(ordinal);
    guard.use(group);
    guard.rankAnew(group);
    guard.trim();
  };
  return { guard, call };
}

/** Eight units come around again and again: they fit, if they are left alone by what comes once only. */
function* hotAndCold(rounds: number): Generator<number> {
  let cold = 1000;
  for (let round = 0; round < rounds; round++) {
    for (let hot = 0; hot < 8; hot++) yield hot;
    yield cold++;
  }
}

describe('Guard', () => {
  it('hands over to LRU when survival keeps the wrong things, and back when it is right', () => {
    let knows = false;
    const { guard, call } = guardOver((unit, usedAt) => (knows ? (unit < 9 ? 1 : 0) : -usedAt));
    for (const unit of hotAndCold(60)) call(unit);
    expect(guard.leader).toBe('lru');
    // Now twelve in turn, more than fit: LRU has none of them when they come, survival nine.
    knows = true;
    for (let round = 0; round < 200; round++) for (let unit = 0; unit < 12; unit++) call(unit);
    expect(guard.leader).toBe('survival');
  });

  it('stays with survival while both do equally well', () => {
    const { guard, call } = guardOver((_unit, usedAt) => usedAt);
    for (const unit of hotAndCold(100)) call(unit);
    expect(guard.leader).toBe('survival');
  });

  it('judges by the calls that tell, however many tell nothing', () => {
    const { guard, call } = guardOver((_unit, usedAt) => -usedAt);
    // Everything fits: nothing is lost by either, and nothing is known.
    for (let round = 0; round < 500; round++) for (let unit = 0; unit < 8; unit++) call(unit);
    expect(guard.leader).toBe('survival');
    for (const unit of hotAndCold(12)) call(unit);
    expect(guard.leader).toBe('lru');
  });

  it('changes sides at half a standard error, not at a trifle', () => {
    const leaderAfterOneMoreCall = (leader: 0 | 1, standardErrors: number): string => {
      const { guard, call } = guardOver((_unit, usedAt) => -usedAt);
      const writer = new TableWriter();
      writer.numbers([leader, standardErrors * 100, 10_000, 200], 'f64');
      guard.load(new TableReader(writer.finish(3), 3));
      // Eleven for ten places: LRU has given up the first one, survival the last but one.
      for (let unit = 0; unit < 11; unit++) call(unit);
      call(0);
      return guard.leader;
    };
    expect([leaderAfterOneMoreCall(0, -0.4), leaderAfterOneMoreCall(0, -0.7)]).toEqual(['survival', 'lru']);
    expect([leaderAfterOneMoreCall(1, 0.4), leaderAfterOneMoreCall(1, 0.7)]).toEqual(['lru', 'survival']);
  });

  it('refuses what no guard can have counted, and is then as it was', () => {
    const good = [0, 20, 100, 500];
    const load = (guard: Guard, numbers: readonly number[]): void => {
      const writer = new TableWriter();
      writer.numbers(numbers, 'f64');
      guard.load(new TableReader(writer.finish(3), 3));
    };
    const { guard } = guardOver(() => 1);
    load(guard, good);
    const saved = (): Uint8Array => {
      const writer = new TableWriter();
      guard.save(writer);
      return writer.finish(3);
    };
    const before = saved();
    const bad: [place: number, value: number][] = [
      ...good.flatMap((_, place): [number, number][] => [[place, NaN], [place, Infinity], [place, -Infinity]]),
      [0, 2], [0, 0.5], [1, 101], [1, -101], [2, -1], [2, 3], [3, -1], [3, 1.5], [3, 2 ** 60],
    ];
    for (const [place, value] of bad) {
      expect(() => load(guard, good.with(place, value))).toThrowError(expect.objectContaining({ code: 'ENT_SNAPSHOT_INVALID' }));
    }
    for (const numbers of [good.slice(1), [...good, 0]]) expect(() => load(guard, numbers)).toThrowError(expect.objectContaining({ code: 'ENT_SNAPSHOT_INVALID' }));
    expect(saved()).toEqual(before);
  });

  it('has the index evict in LRU order while LRU leads', () => {
    const learners = createLearnerSource();
    const writer = new TableWriter();
    writer.numbers([1, -50, 100, 500], 'f64');
    const index = new SageIndex({ learners, tenant: LOCAL_TENANT, value: 'hits', tolerance: 0.05, guard: true, capacityBlocks: 100 });
    index.restore(writer.finish(3));
    expect(index.leader).toBe('lru');
    const parents = [undefined, 0, 1, 0, 3, 1];
    parents.forEach((parent, unit) => index.define({ id: unitId(unit), ...(parent === undefined ? {} : { parent: unitId(parent) }), sizeBlocks: 1, marginalPrefillMs: 1 }));
    const by = { tenant: LOCAL_TENANT, workload: workloadId('w'), session: sessionId('s'), agent: agentId('a'), instance: instanceId('a'), step: 0 };
    [[0, 1, 2], [0, 3, 4], [0, 1, 5]].forEach((chain, ordinal) => {
      index.touch({ by, units: Int32Array.from(chain), first: 0, origin: 'prompt' }, ordinal * 1000);
      for (const unit of chain) index.setResident(unitId(unit), true);
    });
    expect([...index.victims(6, () => false, 5000)]).toEqual([2, 4, 3, 5, 1, 0]);
    expect(index.value(unitId(5), 5000)).toBeGreaterThan(index.value(unitId(4), 5000));
  });
});
