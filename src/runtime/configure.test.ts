import { describe, expect, it } from 'vitest';
import { definePolicy, LOCAL_TENANT, requestId, tenantId, unitId, type PolicyDefinition } from '../core/index.ts';
import { cacheSage } from '../policies/cache-sage/policy.ts';
import { lru } from '../policies/lru/policy.ts';
import { bench, coordinate, RecordingEngine, report, request } from './runtime.fixture.ts';

interface Counted { readonly policy: PolicyDefinition; readonly counts: number[] }

/** Counts calls, snapshots its count; each instance that is made adds a place to `counts`. */
function counter(name: string): Counted {
  const counts: number[] = [];
  const policy = definePolicy({
    name, summary: 'counts', parameters: { step: { default: 1, description: 'added per call' } },
    create: ({ parameters }) => {
      const at = counts.push(0) - 1;
      return {
        observe: (event) => { if (event.type === 'request-arrive') counts[at] += parameters.step; },
        snapshot: () => Uint8Array.of(counts[at]),
        restore: (bytes) => { counts[at] = bytes[0]; },
      };
    },
  });
  return { policy: policy as unknown as PolicyDefinition, counts };
}

describe('policies replaced while the runtime works', () => {
  it('go on as they are where nothing changed, in the mode that they were switched to', () => {
    const { policy, counts } = counter('counts');
    const { runtime } = bench({ policies: [{ definition: policy }] });
    runtime.arrive(request('r1'));
    runtime.setMode('counts', 'shadow');
    runtime.configure([{ definition: lru }, { definition: policy }]);
    runtime.arrive(request('r2'));
    expect(counts).toEqual([2]);
    expect(runtime.policies().map(({ name, mode }) => [name, mode])).toEqual([['lru', 'on'], ['counts', 'shadow']]);
    runtime.configure([{ definition: policy, mode: 'off' }]);
    expect(runtime.policies()).toMatchObject([{ name: 'counts', mode: 'off' }]);
  });

  it('start with what they could snapshot where a parameter changed, for every tenant', () => {
    const { policy, counts } = counter('counts');
    const { runtime } = bench({ policies: [{ definition: policy }] });
    const other = coordinate({ tenant: tenantId('other') });
    runtime.arrive(request('r1'));
    runtime.arrive(request('r2', { by: other }));
    runtime.arrive(request('r3', { by: other }));
    runtime.configure([{ definition: policy, parameters: { step: 10 } }]);
    runtime.arrive(request('r4'));
    runtime.arrive(request('r5', { by: other }));
    expect(counts).toEqual([1, 2, 11, 12]);
  });

  it('stay as they were where the new ones are wrong', () => {
    const { policy, counts } = counter('counts');
    const { runtime } = bench({ policies: [{ definition: policy }] });
    runtime.arrive(request('r1'));
    expect(() => runtime.configure([{ definition: policy, parameters: { nothing: 1 } }])).toThrow(expect.objectContaining({ code: 'ENT_CONFIG_INVALID' }));
    expect(() => runtime.configure([{ definition: policy }, { definition: policy }])).toThrow(expect.objectContaining({ code: 'ENT_CONFIG_INVALID' }));
    runtime.arrive(request('r2'));
    expect(counts).toEqual([2]);
  });

  it('take over what an engine holds: the index is the same, the one who answers another', () => {
    const { runtime } = bench({ policies: [{ definition: lru }] });
    const engine = new RecordingEngine('e1', []);
    runtime.registerEngine(engine);
    const index = runtime.retention(LOCAL_TENANT, engine.replica);
    for (const id of [0, 1, 2]) {
      index?.define({ id: unitId(id), sizeBlocks: 1, marginalPrefillMs: 1 });
      index?.setResident(unitId(id), true);
    }
    runtime.arrive(request('r1'));
    index?.touch({ by: coordinate(), units: Int32Array.of(2, 0, 1), first: 0, origin: 'prompt' }, 1000);
    runtime.configure([{ definition: cacheSage }]);
    expect(runtime.retention(LOCAL_TENANT, engine.replica)).toBe(index);
    expect([...(index?.victims(3, () => false, 2000) ?? [])].map(Number).toSorted()).toEqual([0, 1, 2]);
    index?.touch({ by: coordinate(), units: Int32Array.of(1), first: 0, origin: 'output' }, 2000);
    runtime.finish(requestId('r1'), report());
    expect(runtime.explain(requestId('r1')).decisions).toMatchObject([{ decision: 'retention', result: 'kept by cache-sage' }]);
    runtime.configure([]);
    expect([...(index?.victims(1, () => false, 3000) ?? [])]).toHaveLength(1);
  });

  it('come to an engine that had none', () => {
    const { runtime } = bench({ policies: [] });
    const engine = new RecordingEngine('e1', []);
    runtime.registerEngine(engine);
    expect(runtime.retention(LOCAL_TENANT, engine.replica)).toBeUndefined();
    runtime.configure([{ definition: lru }]);
    expect(runtime.retention(LOCAL_TENANT, engine.replica)).toBeDefined();
  });
});
