/** More tenants than have policies at once, engines that come and go: who is served, what is kept, what is let go. */
import { describe, expect, it } from 'vitest';
import { definePolicy, rankedRetention, replicaId, tenantId, unitId, type Coordinate, type PolicyDefinition, type RetentionIndex } from '../core/index.ts';
import { bench, coordinate, RecordingEngine, report, request, type Bench } from './runtime.fixture.ts';

const E1 = replicaId('e1');
const named = (tenant: string): Coordinate => coordinate({ tenant: tenantId(tenant) });

interface Keeper { readonly definition: PolicyDefinition; readonly made: string[]; readonly told: string[] }

/** Keeps the units with the highest ids, and counts the calls that it has seen in its snapshot. */
function keeper(): Keeper {
  const made: string[] = [];
  const told: string[] = [];
  const definition = definePolicy({
    name: 'keeper', summary: 'keeps high ids', decisions: ['retention', 'admission'],
    create: ({ tenant }) => {
      const place = made.push(`${tenant}:0`) - 1;
      let calls = 0;
      return {
        observe: (event) => {
          if (event.type !== 'request-arrive') return;
          told.push(tenant);
          calls += 1;
        },
        score: { admission: () => ({ kind: 'allow' }), retention: rankedRetention((unit) => unit.id) },
        snapshot: () => Uint8Array.of(calls),
        restore: (bytes) => {
          calls = bytes[0];
          made[place] = `${tenant}:${calls}`;
        },
      };
    },
  });
  return { definition, made, told };
}

let numbers = 0;

/** A call from its arrival to its end; while it runs the engine tells of a unit for each id. @returns the verdict of admission */
function call({ runtime }: Bench, by: Coordinate, units: readonly number[] = [], replica = E1): string {
  const view = request(`call ${numbers++}`, { by });
  runtime.arrive(view);
  const { kind } = runtime.admission(view);
  if (kind === 'allow') {
    const index = runtime.retention(by.tenant, replica);
    for (const id of units) {
      index?.define({ id: unitId(id), sizeBlocks: 1, marginalPrefillMs: 1 });
      index?.setResident(unitId(id), true);
    }
  }
  runtime.finish(view.id, report());
  return kind;
}

describe('more tenants than have policies at once', () => {
  it('are all served, one after another, though engines hold something of each', () => {
    const made = bench({ policies: [{ definition: keeper().definition }], limits: { tenants: 2 } });
    const verdicts = ['a', 'b', 'c', 'd', 'a'].map((tenant, at) => call(made, named(tenant), [at]));
    expect(verdicts).toEqual(['allow', 'allow', 'allow', 'allow', 'allow']);
  });

  it('go on with what their policies had learned, in the index that engines know', () => {
    const policy = keeper();
    const made = bench({ policies: [{ definition: policy.definition }], limits: { tenants: 1 } });
    call(made, named('a'), [5, 4]);
    const index = made.runtime.retention(tenantId('a'), E1) as RetentionIndex;
    index.touch({ by: named('a'), units: Int32Array.of(4), first: 0, origin: 'prompt' }, 1100);
    index.touch({ by: named('a'), units: Int32Array.of(5), first: 0, origin: 'prompt' }, 1000);
    const victims = (): readonly number[] => [...index.victims(2, () => false, 2000)];
    expect(victims()).toEqual([4, 5]);
    call(made, named('b'));
    expect(made.runtime.retention(tenantId('a'), E1)).toBe(index);
    // Asleep: by least recent use, whatever the policy would say.
    index.touch({ by: named('a'), units: Int32Array.of(4), first: 0, origin: 'prompt' }, 1200);
    expect(victims()).toEqual([5, 4]);
    expect(policy.made).toEqual(['a:0', 'b:0']);
    call(made, named('a'));
    expect(victims()).toEqual([4, 5]);
    expect(policy.made).toEqual(['a:0', 'b:0', 'a:1']);
  });

  it('stay asleep when engines ask for what they hold, and when policies are configured anew', () => {
    const [first, second] = [keeper(), keeper()];
    const made = bench({ policies: [{ definition: first.definition }], limits: { tenants: 1 } });
    call(made, named('a'), [1]);
    call(made, named('b'), [2]);
    made.runtime.configure([{ definition: second.definition }]);
    for (const [tenant, unit] of [['a', 1], ['b', 2]] as const) made.runtime.retention(tenantId(tenant), E1)?.value(unitId(unit), 2000);
    expect(first.made).toEqual(['a:0', 'b:0']);
    expect(second.made).toEqual(['b:1']);
  });

  it('are forgotten once engines have forgotten them', () => {
    const made = bench({ policies: [{ definition: keeper().definition }], limits: { tenants: 1 } });
    call(made, named('a'), [1]);
    const index = made.runtime.retention(tenantId('a'), E1) as RetentionIndex;
    call(made, named('b'));
    index.forget(unitId(1));
    call(made, named('c'));
    call(made, named('a'));
    expect(made.runtime.retention(tenantId('a'), E1)).not.toBe(index);
  });
});

describe('engines that are taken away', () => {
  it('leave no instances behind that are told events', () => {
    const policy = keeper();
    const made = bench({ policies: [{ definition: policy.definition }] });
    const by = named('a');
    made.runtime.registerEngine(new RecordingEngine('e1', []));
    call(made, by, [0]);
    for (let number = 2; number < 6; number++) {
      const engine = new RecordingEngine(`e${number}`, []);
      made.runtime.registerEngine(engine);
      call(made, by, [0], engine.replica);
      made.runtime.removeEngine(engine.replica);
    }
    policy.told.length = 0;
    call(made, by);
    expect(policy.told).toEqual(['a']);
  });

  it('get no index any more while they end what they had begun, until they are back', () => {
    const made = bench({ policies: [{ definition: keeper().definition }] });
    made.runtime.registerEngine(new RecordingEngine('e1', []));
    call(made, named('a'), [0]);
    made.runtime.removeEngine(E1);
    expect(made.runtime.retention(tenantId('a'), E1)).toBeUndefined();
    made.runtime.registerEngine(new RecordingEngine('e1', []));
    expect(made.runtime.retention(tenantId('a'), E1)).toBeDefined();
  });
});
