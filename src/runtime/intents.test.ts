import { describe, expect, it } from 'vitest';
import {
  definePolicy, LOCAL_TENANT, replicaId, requestId, tenantId, toolCallId, unitId,
  type Event, type Intent, type IntentKind, type PolicyDefinition,
} from '../core/index.ts';
import { bench, coordinate, RecordingEngine, report, request } from './runtime.fixture.ts';

const lineage = { kind: 'lineage', ...coordinate() } as const;

/** Wants the same at every tick; notes what became of it. */
function wants(intents: readonly Intent[], declared: readonly IntentKind[] = intents.map(({ kind }) => kind)): { definition: PolicyDefinition; outcomes: string[] } {
  const outcomes: string[] = [];
  const definition = definePolicy({
    name: 'wants', summary: '', intents: declared,
    create: () => ({
      act: (moment) => (moment.kind === 'tick' ? intents : []),
      observe: (event: Event) => { if (event.type === 'intent-done') outcomes.push(`${event.intent.kind} ${event.outcome.status}`); },
    }),
  });
  return { definition, outcomes };
}
const tick = (atMs = 1000) => ({ kind: 'tick', atMs }) as const;

describe('intents', () => {
  it('go to the engine that can perform them, and each has one outcome', async () => {
    const { definition, outcomes } = wants([
      { kind: 'prefetch', target: lineage }, { kind: 'evict', target: lineage },
      { kind: 'memoise', toolCall: { id: toolCallId('t'), by: coordinate(), name: 'read', arguments: { secret: 'text' }, argumentsHash: 'h', taint: [] }, result: { content: 'private', isError: false }, ttlMs: 5 },
    ]);
    const first = new RecordingEngine('e1', ['retain']);
    const second = new RecordingEngine('e2', ['prefetch', 'evict'], (intent) => Promise.resolve(intent.kind === 'evict' ? { status: 'clipped', why: 'half of it' } : { status: 'accepted' }));
    const { runtime } = bench({ policies: [{ definition }] });
    runtime.registerEngine(first);
    runtime.registerEngine(second);
    runtime.arrive(request('r1'));
    const records = await runtime.act(tick());
    expect(records.map(({ outcome }) => outcome?.status)).toEqual(['accepted', 'clipped', 'unsupported']);
    expect(second.performed.map(({ kind }) => kind)).toEqual(['prefetch', 'evict']);
    expect(first.performed).toEqual([]);
    expect(outcomes.sort()).toEqual(['evict clipped', 'memoise unsupported', 'prefetch accepted']);
    expect(JSON.stringify(records)).not.toMatch(/private|text/);
    expect(await runtime.metrics.render()).toContain('entresol_intents_total{policy="wants",kind="evict",outcome="clipped"} 1');
  });

  it('about a lineage go where its session last ran', async () => {
    const { definition } = wants([{ kind: 'prefetch', target: lineage }]);
    const engines = ['e1', 'e2'].map((name) => new RecordingEngine(name, ['prefetch']));
    const { runtime } = bench({ policies: [{ definition }] });
    for (const engine of engines) runtime.registerEngine(engine);
    runtime.arrive(request('r1'));
    runtime.observe({ type: 'request-dispatch', atMs: 1000, by: coordinate(), request: requestId('r1'), replica: replicaId('e2') });
    await runtime.act(tick());
    expect(engines.map(({ performed }) => performed.length)).toEqual([0, 1]);
  });

  it('are logged and not done while the policy is in shadow', async () => {
    const { definition, outcomes } = wants([{ kind: 'prefetch', target: lineage }]);
    const engine = new RecordingEngine('e1', ['prefetch']);
    const { runtime } = bench({ policies: [{ definition, mode: 'shadow' }] });
    runtime.registerEngine(engine);
    runtime.arrive(request('r1'));
    expect(await runtime.act(tick())).toMatchObject([{ mode: 'shadow', outcome: { status: 'shadow' } }]);
    expect([engine.performed, outcomes]).toEqual([[], []]);
    runtime.setMode('wants', 'off');
    expect(await runtime.act(tick())).toEqual([]);
  });

  it('reach no other tenant, no unknown unit, no ended request, and nothing undeclared', async () => {
    const other = tenantId('other');
    const { definition } = wants([
      { kind: 'evict', target: { ...lineage, tenant: other } }, { kind: 'evict', target: { kind: 'units', units: [unitId(3)] } },
      { kind: 'cancel', request: requestId('theirs'), why: 'test' }, { kind: 'cancel', request: requestId('ended'), why: 'test' },
      { kind: 'cancel', request: requestId('open'), why: 'test' }, { kind: 'demote', target: lineage, tier: 'host' },
    ], ['evict', 'cancel']);
    const engine = new RecordingEngine('e1', ['evict', 'cancel', 'demote']);
    const { runtime } = bench({ policies: [{ definition }] });
    runtime.registerEngine(engine);
    runtime.arrive(request('open'));
    runtime.arrive(request('ended'));
    runtime.finish(requestId('ended'), report());
    runtime.arrive(request('theirs', { by: coordinate({ tenant: other }) }));
    const records = await runtime.act(tick(), LOCAL_TENANT);
    expect(records.map(({ outcome }) => outcome?.status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected', 'accepted', 'rejected']);
    expect(engine.performed).toEqual([{ kind: 'cancel', request: 'open', why: 'test' }]);
  });

  it('of an engine that throws or never answers are rejected and deferred', async () => {
    const { definition } = wants([{ kind: 'prefetch', target: lineage }, { kind: 'evict', target: lineage }]);
    const engine = new RecordingEngine('e1', ['prefetch', 'evict'], (intent) => (intent.kind === 'evict' ? Promise.reject(new Error('gone')) : new Promise(() => {})));
    const { runtime, time } = bench({ policies: [{ definition }], limits: { intentTimeoutMs: 500 } });
    runtime.registerEngine(engine);
    runtime.arrive(request('r1'));
    const records = runtime.act(tick());
    await time.pass(500);
    expect((await records).map(({ outcome }) => outcome?.status)).toEqual(['deferred', 'rejected']);
  });

  it('are bounded at one moment', async () => {
    const { definition } = wants(Array.from({ length: 10 }, () => ({ kind: 'prefetch', target: lineage }) as const));
    const { runtime } = bench({ policies: [{ definition }], limits: { intentsPerMoment: 3 } });
    runtime.arrive(request('r1'));
    expect(await runtime.act(tick())).toHaveLength(3);
    expect(runtime.policies()[0].faults).toBe(1);
  });
});

describe('moments', () => {
  it('come by themselves: ticks, steps that end, engines that fall idle', async () => {
    const moments: string[] = [];
    const definition = definePolicy({ name: 'watch', summary: '', create: () => ({ act: (moment) => { moments.push(moment.kind); return []; } }) });
    const { runtime, time } = bench({ policies: [{ definition }], limits: { tickMs: 1000 } });
    await runtime.start();
    const load = (runningRequests: number): void => runtime.observe({ type: 'engine-load', atMs: time.nowMs(), replica: replicaId('e1'), runningRequests, waitingRequests: 0, cacheUsedFraction: 0 });
    runtime.arrive(request('r1'));
    load(1);
    runtime.finish(requestId('r1'), report());
    load(0);
    load(0);
    await time.pass(10);
    expect(moments).toEqual(['step-end', 'engine-idle']);
    await time.pass(1000);
    expect(moments.at(-1)).toBe('tick');
    await runtime.close();
    await time.pass(5000);
    expect(moments).toHaveLength(3);
  });
});
