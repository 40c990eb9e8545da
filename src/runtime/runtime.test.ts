import { describe, expect, it } from 'vitest';
import { definePolicy, LOCAL_TENANT, replicaId, requestId, tenantId, type Event } from '../core/index.ts';
import { renderExplanation } from './explanation.ts';
import { bench, coordinate, RecordingEngine, report, request } from './runtime.fixture.ts';

/** Notes every event that it is told. */
function spy(): { readonly events: Event[]; readonly policy: ReturnType<typeof definePolicy> } {
  const events: Event[] = [];
  return { events, policy: definePolicy({ name: 'spy', summary: 'notes events', create: () => ({ observe: (event) => { events.push(event); } }) }) };
}

describe('the course of a request', () => {
  it('is told to the learner and to the policies, with the session around it', () => {
    const { events, policy } = spy();
    const { runtime, learners } = bench({ policies: [{ definition: policy }] });
    runtime.arrive(request('r1'));
    expect(runtime.admission(request('r1'))).toEqual({ kind: 'allow' });
    runtime.observe({ type: 'request-dispatch', atMs: 1001, by: coordinate(), request: requestId('r1'), replica: replicaId('e1') });
    runtime.finish(requestId('r1'), report(), { ttftMs: 12 });
    const types = ['session-start', 'request-arrive', 'request-admit', 'request-dispatch', 'request-end'];
    expect(events.map((event) => event.type)).toEqual(types);
    expect(learners.of(LOCAL_TENANT, coordinate().workload).seen).toEqual(types);
    expect(events.at(-1)).toMatchObject({ status: 'ok', promptTokens: 100, cachedTokens: 60, ttftMs: 12, warmup: false });
    expect(runtime.openRequests).toBe(0);
  });

  it('is explained as a document and in words', () => {
    const admit = definePolicy({ name: 'easy', summary: 'lets all go', decisions: ['admission'], create: () => ({ score: { admission: () => ({ kind: 'allow' }) } }) });
    const { runtime } = bench({ policies: [{ definition: admit }] });
    const identity = {
      workload: { value: coordinate().workload, source: 'default', confidence: 0.2 }, session: { value: coordinate().session, source: 'header:x-entresol-session', confidence: 1 },
      agent: { value: coordinate().agent, source: 'fingerprint', confidence: 0.7 }, instance: { value: coordinate().instance, source: 'lineage', confidence: 0.8 },
      final: false, conflicts: [{ field: 'session', value: 'other', source: 'body:user', confidence: 0.3 }], dropped: ['header:x-entresol-parent'], label: 'the planner',
    };
    runtime.arrive(request('r1'), { identity });
    runtime.admission(request('r1'));
    runtime.finish(requestId('r1'), report({ notes: ['restored 60 tokens from host'], queueMs: 3, prefillMs: 9 }), { ttftMs: 12 });
    const explained = runtime.explain(requestId('r1'), LOCAL_TENANT);
    expect(explained).toMatchObject({
      status: 'ok', identity: { agent: { value: 'planner', source: 'fingerprint', confidence: 0.7 }, conflicts: [{ value: 'other' }] },
      decisions: [{ decision: 'admission', result: 'allow', asked: 1, policies: [{ policy: 'easy', mode: 'on', answer: { verdict: { kind: 'allow' } } }] }],
      engine: { notes: ['restored 60 tokens from host'], queueMs: 3, prefillMs: 9 }, end: { cachedTokens: 60, ttftMs: 12 },
    });
    expect(JSON.parse(JSON.stringify(explained))).toEqual(explained);
    const text = renderExplanation(runtime.explain(requestId('r1')));
    for (const part of ['planner (fingerprint, 0.70)', 'against: session other', 'admission  allow', 'easy: allow', 'restored 60 tokens from host', '60 of them cached']) expect(text).toContain(part);
    expect(() => runtime.explain(requestId('r1'), tenantId('someone else'))).toThrow(expect.objectContaining({ code: 'ENT_UNKNOWN_REQUEST' }));
    expect(() => runtime.explain(requestId('never'))).toThrow(expect.objectContaining({ code: 'ENT_UNKNOWN_REQUEST' }));
  });

  it('is in the decision log that is being read only if it ended before: reading it ends', () => {
    const { runtime } = bench({ policies: [], limits: { recentRequests: 4 } });
    const serve = (id: string): void => {
      runtime.arrive(request(id));
      runtime.finish(requestId(id), report());
    };
    for (const id of ['r1', 'r2']) serve(id);
    runtime.arrive(request('open'));
    const read: string[] = [];
    for (const { request: id } of runtime.explainAll(LOCAL_TENANT)) {
      read.push(id);
      if (read.length < 20) serve(`later${read.length}`);
    }
    expect(read).toEqual(['r1', 'r2']);
  });

  it('asks for intents when a step has ended and logs their outcomes with it', async () => {
    const keep = definePolicy({
      name: 'keep', summary: 'keeps what was used', intents: ['retain'],
      create: ({ tenant }) => ({
        act: (moment) => moment.kind !== 'step-end' ? [] : [{
          kind: 'retain', untilMs: moment.atMs + 1000, target: { kind: 'lineage', tenant, workload: coordinate().workload, session: moment.session, agent: coordinate().agent },
        }],
      }),
    });
    const engine = new RecordingEngine('e1', ['retain']);
    const { runtime, time } = bench({ policies: [{ definition: keep }] });
    runtime.registerEngine(engine);
    runtime.arrive(request('r1'));
    runtime.finish(requestId('r1'), report());
    expect(engine.performed).toEqual([]);
    await time.pass(1);
    expect(engine.performed).toHaveLength(1);
    expect(runtime.explain(requestId('r1')).intents).toMatchObject([{ policy: 'keep', intent: { kind: 'retain' }, outcome: { status: 'accepted' }, replica: 'e1' }]);
  });
});
