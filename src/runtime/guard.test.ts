import { describe, expect, it } from 'vitest';
import { definePolicy, requestId, type PolicyDefinition } from '../core/index.ts';
import { bench, report, request, type Bench } from './runtime.fixture.ts';

const limits = { budgetUs: 2000, overrunWindow: 8, overrunTrips: 4 };

/** Time passes only inside of policies: each says how long it takes. */
function slowBench(costsUs: Readonly<Record<string, () => number>>): Bench {
  let nowUs = 0;
  const slow = (name: string): PolicyDefinition => definePolicy({
    name, summary: name, decisions: ['admission'],
    create: () => ({ score: { admission: () => { nowUs += costsUs[name](); return { kind: 'allow' }; } } }),
  });
  return bench({ policies: Object.keys(costsUs).map((name) => ({ definition: slow(name) })), stopwatch: () => nowUs, limits });
}

function serve({ runtime }: Bench, id: string): void {
  runtime.arrive(request(id));
  runtime.admission(request(id));
  runtime.finish(requestId(id), report());
}

describe('time', () => {
  it('puts a policy that keeps overrunning in shadow, says so, and leaves the others alone', () => {
    const slow = slowBench({ heavy: () => 1900, light: () => 200 });
    for (let number = 0; number < 3; number++) serve(slow, `r${number}`);
    expect(slow.runtime.policies()).toMatchObject([{ name: 'heavy', mode: 'on', overruns: 3 }, { name: 'light', mode: 'on', overruns: 0 }]);
    expect(slow.runtime.explain(requestId('r1')).time).toEqual({ budgetUs: 2000, policyUs: { heavy: 1900, light: 200 }, overrunBy: 'heavy' });
    serve(slow, 'r3');
    expect(slow.runtime.policies()).toMatchObject([{ name: 'heavy', mode: 'shadow', modeReason: expect.stringContaining('4 of the last 8') }, { name: 'light', mode: 'on' }]);
    expect(slow.logs.filter(({ level }) => level === 'warn')).toMatchObject([{ message: expect.stringContaining('heavy is now in shadow') }]);
    serve(slow, 'r4');
    expect(slow.runtime.policies()[1]).toMatchObject({ mode: 'on', overruns: 0 });
  });

  it('forgives a policy that is slow now and then', () => {
    let number = 0;
    const slow = slowBench({ bursty: () => (number++ % 3 === 0 ? 5000 : 10) });
    for (let turn = 0; turn < 100; turn++) serve(slow, `r${turn}`);
    expect(slow.runtime.policies()[0]).toMatchObject({ mode: 'on', overruns: 34 });
  });

  it('never fails closed on an overrun, and starts anew when it is switched on again', () => {
    const slow = slowBench({ heavy: () => 9000 });
    for (let number = 0; number < 4; number++) serve(slow, `r${number}`);
    expect(slow.runtime.policies()[0].mode).toBe('shadow');
    slow.runtime.setMode('heavy', 'on');
    serve(slow, 'again');
    expect(slow.runtime.policies()[0]).toMatchObject({ mode: 'on', overruns: 5 });
    expect(slow.runtime.policies()[0]).not.toHaveProperty('modeReason');
    expect(slow.runtime.explain(requestId('again')).decisions).toMatchObject([{ result: 'allow' }]);
  });

  it('is told by quantiles', () => {
    const slow = slowBench({ even: () => 100 });
    for (let number = 0; number < 10; number++) serve(slow, `r${number}`);
    const [{ callUs, calls }] = slow.runtime.policies();
    // `create` is a call too.
    expect(calls).toBe(11);
    expect(callUs.p50).toBeGreaterThan(95);
    expect(callUs.p99).toBeLessThan(105);
  });
});

describe('faults', () => {
  it('are logged ever more seldom', () => {
    const broken = definePolicy({ name: 'broken', summary: '', create: () => ({ observe: () => { throw new Error('bug'); } }) });
    const { runtime, logs } = bench({ policies: [{ definition: broken }] });
    for (let number = 0; number < 100; number++) runtime.arrive(request(`r${number}`));
    expect(runtime.policies()[0].faults).toBe(101);
    expect(logs).toHaveLength(7);
  });

  it('of the learner leave the policies their events', () => {
    const types: string[] = [];
    const spy = definePolicy({ name: 'spy', summary: '', create: () => ({ observe: (event) => { types.push(event.type); } }) });
    const { runtime, logs } = bench({ policies: [{ definition: spy }], learners: { of: () => { throw new Error('no tables'); } } });
    runtime.arrive(request('r1'));
    expect(types).toEqual(['session-start', 'request-arrive']);
    expect(logs).toMatchObject([{ level: 'error', message: expect.stringContaining('the learner threw') }, { level: 'error' }]);
  });
});
