import { assert, array, boolean, nat, property, record, constantFrom } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { definePolicy, LOCAL_TENANT, replicaId, requestId, unitId, type Lease, type PolicyDefinition, type RetentionIndex, type UnitId } from '../core/index.ts';
import { lru } from '../policies/lru/policy.ts';
import { renderExplanation } from './explanation.ts';
import { bench, coordinate, RecordingEngine, report, request, type Bench } from './runtime.fixture.ts';

/** An index that values units as told and notes what it is told. */
function indexOf(over: Partial<RetentionIndex>, told: string[]): RetentionIndex {
  return {
    define: (unit) => { told.push(`define ${unit.id}<${unit.parent ?? '-'}`); },
    touch: (touch) => { told.push(`touch ${[...touch.units].join()} from ${touch.first}`); },
    setResident: (unit, resident) => { told.push(`${resident ? '+' : '-'}${unit}`); },
    forget: (unit) => { told.push(`forget ${unit}`); },
    value: () => 1, victims: () => [], leases: () => [], stateBytes: () => ({ learned: 1, working: 2, ghosts: 3 }), ...over,
  };
}

function retains(name: string, over: Partial<RetentionIndex> = {}, retentionRole: 'base' | 'factor' = 'base'): { definition: PolicyDefinition; told: string[] } {
  const told: string[] = [];
  return { told, definition: definePolicy({ name, summary: name, decisions: ['retention'], retentionRole, create: () => ({ score: { retention: indexOf(over, told) } }) }) };
}

const unpinned = (): boolean => false;
const ids = (victims: Iterable<UnitId>): number[] => [...victims];

/** Units 0 ← 1 ← 2 and 0 ← 3, all resident; 3 was used last. */
function fill({ runtime }: Bench, replica = 'e1'): RetentionIndex {
  const index = runtime.retention(LOCAL_TENANT, replicaId(replica));
  if (index === undefined) throw new Error('no index');
  for (const [id, parent] of [[0], [1, 0], [2, 1], [3, 0]]) index.define({ id: unitId(id), sizeBlocks: 1, marginalPrefillMs: 10, ...(parent === undefined ? {} : { parent: unitId(parent) }) });
  index.touch({ by: coordinate(), units: Int32Array.of(0, 1, 2), first: 0, origin: 'prompt' }, 1000);
  index.touch({ by: coordinate(), units: Int32Array.of(0, 3), first: 0, origin: 'prompt' }, 2000);
  for (const id of [0, 1, 2, 3]) index.setResident(unitId(id), true);
  return index;
}

describe('retention', () => {
  it('is left to the engine when no policy retains', () => {
    const other = definePolicy({ name: 'other', summary: '', create: () => ({}) });
    expect(bench({ policies: [{ definition: other }] }).runtime.retention(LOCAL_TENANT, replicaId('e1'))).toBeUndefined();
  });

  it('is by the first base that is on; the others are told and not asked', () => {
    const first = retains('first', { value: () => 7, victims: () => [unitId(3), unitId(2)] });
    const second = retains('second', { value: () => 9, victims: () => [unitId(2)] });
    const made = bench({ policies: [{ definition: first.definition }, { definition: second.definition }] });
    const index = fill(made);
    expect(first.told).toEqual(second.told);
    expect([index.value(unitId(3), 3000), ids(index.victims(1, unpinned, 3000))]).toEqual([7, [3]]);
    made.runtime.setMode('first', 'shadow');
    expect([index.value(unitId(3), 3000), ids(index.victims(1, unpinned, 3000))]).toEqual([9, [2]]);
    expect(made.runtime.retention(LOCAL_TENANT, replicaId('e1'))).toBe(index);
    index.setResident(unitId(3), false);
    expect(first.told.at(-1)).toBe('-3');
  });

  it('hands out leases in parts where the policy makes them so, as many as are asked for, and cuts them up where it does not', () => {
    const lease = (unit: number): Lease => ({ unit: unitId(unit), steps: [{ untilMs: 9000, value: 4 - unit }] });
    const inParts = retains('in-parts', { leaseParts: () => [[lease(3), lease(2)], [], [lease(1)], [lease(0)]] });
    const whole = retains('whole', { leases: () => [lease(0), lease(3)] });
    const many = retains('many', { leases: () => Array.from({ length: 5000 }, (_, unit) => ({ unit: unitId(unit), steps: [{ untilMs: 9000, value: 5000 - unit }] })) });
    const breaking = retains('breaking', { * leaseParts() { yield [lease(2)]; throw new Error('broken'); } });
    const partsOf = (definition: PolicyDefinition, max: number): number[][] => [...fill(bench({ policies: [{ definition }] })).leaseParts?.(3000, max) ?? []].map((part) => part.map(({ unit }) => unit));
    expect(partsOf(inParts.definition, 9)).toEqual([[3, 2], [], [1], [0]]);
    expect(partsOf(inParts.definition, 3)).toEqual([[3, 2], [], [1]]);
    expect(partsOf(whole.definition, 9)).toEqual([[3, 0]]);
    const cut = partsOf(many.definition, 4000);
    expect(Math.max(...cut.map((part) => part.length))).toBeLessThanOrEqual(1024);
    expect(cut.flat()).toEqual(Array.from({ length: 4000 }, (_, at) => 3999 - at));
    expect(partsOf(breaking.definition, 9)).toEqual([[2]]);
  });

  it('hands out leases in the parts of the base times the factors', () => {
    const lease = (unit: number): Lease => ({ unit: unitId(unit), steps: [{ untilMs: 9000, value: 4 - unit }] });
    const inParts = retains('in-parts', { leaseParts: () => [[lease(3), lease(2)], [lease(1)]], leases: () => [lease(1), lease(2), lease(3)] });
    const factor = retains('factor', { value: (unit) => (unit === 2 ? 0.5 : 3) }, 'factor');
    const index = fill(bench({ policies: [{ definition: inParts.definition }, { definition: factor.definition }] }));
    expect([...index.leaseParts?.(3000, 9) ?? []].map((part) => part.map(({ unit, steps }) => [unit, steps[0].value]))).toEqual([[[3, 3], [2, 1]], [[1, 9]]]);
    expect(index.leases(3000, 9).map(({ unit, steps }) => [unit, steps[0].value])).toEqual([[1, 9], [2, 1], [3, 3]]);
  });

  it('is least recent use while none is on, children first, and values rank the same way', () => {
    const made = bench({ policies: [{ definition: retains('only').definition, mode: 'shadow' }] });
    const index = fill(made);
    expect(ids(index.victims(4, unpinned, 3000))).toEqual([2, 1, 3, 0]);
    expect(index.value(unitId(3), 3000)).toBeGreaterThan(index.value(unitId(2), 3000));
    expect(ids(index.victims(2, (unit) => unit === 2, 3000))).toEqual([3]);
  });

  it('tells a policy that is switched on what is there', () => {
    const late = retains('late', { victims: () => [unitId(2)] });
    const made = bench({ policies: [{ definition: late.definition, mode: 'off' }] });
    const index = fill(made);
    index.setResident(unitId(3), false);
    expect(late.told).toEqual([]);
    made.runtime.setMode('late', 'on');
    expect(ids(index.victims(1, unpinned, 3000))).toEqual([2]);
    const defined = late.told.filter((line) => line.startsWith('define'));
    expect([...defined].sort()).toEqual(['define 0<-', 'define 1<0', 'define 2<1', 'define 3<0']);
    expect(defined.indexOf('define 0<-')).toBeLessThan(defined.indexOf('define 1<0'));
    expect(defined.indexOf('define 1<0')).toBeLessThan(defined.indexOf('define 2<1'));
    expect(late.told.filter((line) => line.startsWith('+')).sort()).toEqual(['+0', '+1', '+2']);
  });

  it('multiplies by factors, clamped, and evicts by the product', () => {
    const base = retains('base', { value: (unit) => [8, 4, 2, 3][unit] });
    const factor = retains('factor', { value: (unit) => (unit === 2 ? 1000 : 0.5) }, 'factor');
    const made = bench({ policies: [{ definition: base.definition }, { definition: factor.definition }] });
    const index = fill(made);
    expect([0, 1, 2, 3].map((id) => index.value(unitId(id), 3000))).toEqual([4, 2, 20, 1.5]);
    // 1 and 0 are worth what hangs from them.
    expect(ids(index.victims(4, unpinned, 3000))).toEqual([3, 2, 1, 0]);
  });

  it('mends what a policy answers: pinned, absent, doubled, parents before children, too few', () => {
    const wild = retains('wild', { victims: () => [unitId(0), unitId(99), unitId(3), unitId(3), unitId(2)] });
    const made = bench({ policies: [{ definition: wild.definition }] });
    const index = fill(made);
    expect(ids(index.victims(3, (unit) => unit === 3, 3000))).toEqual([2, 1]);
    expect(ids(index.victims(4, unpinned, 3000))).toEqual([3, 2, 1, 0]);
  });

  it('falls back to least recent use for a call in which the policy throws', () => {
    const broken = retains('broken', { victims: () => { throw new Error('bug'); }, value: () => { throw new Error('bug'); } });
    const made = bench({ policies: [{ definition: broken.definition }] });
    const index = fill(made);
    expect(ids(index.victims(1, unpinned, 3000))).toEqual([2]);
    expect(index.value(unitId(1), 3000)).toBe(0);
    expect(made.runtime.policies()[0].faults).toBe(2);
  });

  it('keeps engines apart, and forgets what a lost engine held', () => {
    const facts: (number | undefined)[] = [];
    const told: string[] = [];
    const definition = definePolicy({
      name: 'each', summary: '', decisions: ['retention'],
      create: ({ cache }) => { facts.push(cache?.capacityBlocks); return { score: { retention: indexOf({}, told) } }; },
    });
    const made = bench({ policies: [{ definition }] });
    made.runtime.registerEngine(new RecordingEngine('e1', []));
    made.runtime.registerEngine(new RecordingEngine('e2', []));
    expect(fill(made, 'e1')).not.toBe(fill(made, 'e2'));
    expect(facts).toEqual([100, 100]);
    told.length = 0;
    made.runtime.removeEngine(replicaId('e1'));
    expect(told).toEqual(['-2', '-1', '-3', '-0', 'forget 2', 'forget 1', 'forget 3', 'forget 0']);
  });

  it('is explained and counted: what the call was worth to each policy', async () => {
    const made = bench({ policies: [{ definition: retains('a', { value: () => 5 }).definition }, { definition: retains('b', { value: () => 6 }).definition, mode: 'shadow' }] });
    const index = fill(made);
    made.runtime.arrive(request('r1'));
    index.touch({ by: coordinate(), units: Int32Array.of(0, 1, 2), first: 2, origin: 'output' }, 3000);
    made.runtime.finish(requestId('r1'), report());
    expect(made.runtime.explain(requestId('r1')).decisions).toMatchObject([{ decision: 'retention', result: 'kept by a', policies: [{ policy: 'a', answer: { value: 5 } }, { policy: 'b', mode: 'shadow', answer: { value: 6 } }] }]);
    expect(renderExplanation(made.runtime.explain(requestId('r1')))).toContain('b (shadow): 6.000 ms per block-second');
    expect(made.runtime.policies().map(({ stateBytes }) => stateBytes)).toEqual([6, 6]);
    made.runtime.arrive(request('short'));
    index.touch({ by: coordinate(), units: Int32Array.of(), first: 0, origin: 'output' }, 4000);
    expect(made.runtime.explain(requestId('short')).decisions).toMatchObject([{ decision: 'retention', result: 'nothing to keep: shorter than a unit of the cache', policies: [] }]);
    expect(await made.runtime.metrics.render()).toContain('entresol_decisions_total{decision="retention",result="kept by a"} 1');
  });
});

const use = record({ chain: array(nat(5), { minLength: 1, maxLength: 4 }), evict: nat(4), mode: constantFrom('on', 'shadow', 'off'), pin: boolean() });

describe('whatever is used and switched', () => {
  it('victims are resident, unpinned, once, children first, and enough', () => {
    assert(property(array(use, { maxLength: 30 }), (uses) => {
      const made = bench({ policies: [{ definition: lru }] });
      const index = made.runtime.retention(LOCAL_TENANT, replicaId('e1')) as RetentionIndex;
      const units = new Map<string, { id: UnitId; parent: UnitId | undefined }>();
      const resident = new Set<UnitId>();
      const parents = new Map<UnitId, UnitId | undefined>();
      let nowMs = 1000;
      for (const { chain, evict, mode, pin } of uses) {
        nowMs += 10;
        const path: UnitId[] = [];
        chain.forEach((_, depth) => {
          const key = chain.slice(0, depth + 1).join('/');
          let unit = units.get(key);
          if (unit === undefined) {
            unit = { id: unitId(units.size), parent: path.at(-1) };
            units.set(key, unit);
            parents.set(unit.id, unit.parent);
            index.define({ id: unit.id, sizeBlocks: 1, marginalPrefillMs: 1, ...(unit.parent === undefined ? {} : { parent: unit.parent }) });
          }
          path.push(unit.id);
        });
        index.touch({ by: coordinate(), units: Int32Array.from(path), first: 0, origin: 'prompt' }, nowMs);
        for (const id of path) if (!resident.has(id)) { resident.add(id); index.setResident(id, true); }
        made.runtime.setMode('lru', mode);
        const pinned = new Set(pin ? path : []);
        const victims = [...index.victims(evict, (id) => pinned.has(id), nowMs)];
        expect(victims.length).toBeGreaterThanOrEqual(Math.min(evict, [...resident].filter((id) => !pinned.has(id)).length));
        for (const id of victims) {
          expect([resident.delete(id), pinned.has(id)]).toEqual([true, false]);
          expect([...resident].some((other) => parents.get(other) === id)).toBe(false);
        }
        for (const id of victims) index.setResident(id, false);
      }
    }), { numRuns: 100 });
  });
});
