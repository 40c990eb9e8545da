import { describe, expect, it } from 'vitest';
import {
  definePolicy, replicaId, requestId, tenantId, toolCallId,
  type AdmissionVerdict, type FailureMode, type PolicyDefinition, type Replica, type RequestView, type ToolCallVerdict, type ToolCallView,
} from '../core/index.ts';
import { renderExplanation } from './explanation.ts';
import { bench, coordinate, request } from './runtime.fixture.ts';

const admits = (name: string, verdict: AdmissionVerdict, failure: FailureMode = 'open'): PolicyDefinition =>
  definePolicy({ name, summary: name, decisions: ['admission'], failure, create: () => ({ score: { admission: () => verdict } }) });
const throws = (name: string, failure: FailureMode): PolicyDefinition => definePolicy({
  name, summary: name, decisions: ['admission', 'tool-call'], failure,
  create: () => ({ score: { admission: () => { throw new Error('bug'); }, toolCall: () => { throw new Error('bug'); } } }),
});
const orders = (name: string, role: 'rank' | 'affinity', score: (request: RequestView) => number): PolicyDefinition => definePolicy({
  name, summary: name, decisions: ['order'], role,
  create: () => ({ score: { order: (waiting, scores) => waiting.forEach((each, index) => { scores[index] = score(each); }) } }),
});
const places = (name: string, score: (replica: Replica) => number): PolicyDefinition => definePolicy({
  name, summary: name, decisions: ['placement'],
  create: () => ({ score: { placement: (_request, replicas, scores) => replicas.forEach((each, index) => { scores[index] = score(each); }) } }),
});
const call: ToolCallView = { id: toolCallId('t1'), by: coordinate(), name: 'rm', arguments: {}, argumentsHash: 'h', taint: [] };
const REJECT: AdmissionVerdict = { kind: 'reject', code: 'ENT_REJECTED_BY_POLICY', why: 'no' };

describe('admission', () => {
  it('takes the strictest verdict of the policies that are on', () => {
    const { runtime } = bench({ policies: [
      { definition: admits('a', { kind: 'allow' }) }, { definition: admits('b', { kind: 'hold', untilMs: 2000 }) },
      { definition: admits('c', { kind: 'hold', untilMs: 3000 }) }, { definition: admits('d', REJECT), mode: 'shadow' },
    ] });
    runtime.arrive(request('r1'));
    expect(runtime.admission(request('r1'))).toEqual({ kind: 'hold', untilMs: 3000 });
    expect(runtime.explain(requestId('r1')).decisions[0]).toMatchObject({ result: 'hold', policies: [
      { policy: 'a' }, { policy: 'b' }, { policy: 'c' }, { policy: 'd', mode: 'shadow', answer: { verdict: REJECT } },
    ] });
    runtime.setMode('d', 'on');
    expect(runtime.admission(request('r1'))).toEqual(REJECT);
    runtime.setMode('d', 'off');
    runtime.setMode('b', 'off');
    runtime.setMode('c', 'off');
    expect(runtime.admission(request('r1'))).toEqual({ kind: 'allow' });
    expect(runtime.explain(requestId('r1')).decisions.map(({ result }) => result)).toEqual(['hold', 'reject', 'allow']);
  });

  it('keeps on when a policy throws; one that fails closed says no', async () => {
    const open = bench({ policies: [{ definition: throws('perf', 'open') }, { definition: admits('b', { kind: 'hold', untilMs: 2000 }) }] });
    open.runtime.arrive(request('r1'));
    expect(open.runtime.admission(request('r1')).kind).toBe('hold');
    expect(open.runtime.policies()[0]).toMatchObject({ name: 'perf', mode: 'on', faults: 1, lastFault: 'admission: bug' });
    expect(open.logs).toMatchObject([{ level: 'error', fields: { policy: 'perf', error: 'bug' } }]);
    expect(await open.runtime.metrics.render()).toContain('entresol_policy_faults_total{policy="perf"} 1');

    const closed = bench({ policies: [{ definition: throws('safety', 'closed') }] });
    closed.runtime.arrive(request('r1'));
    expect(closed.runtime.admission(request('r1'))).toMatchObject({ kind: 'reject', code: 'ENT_POLICY_FAILED_CLOSED' });
    expect(closed.runtime.toolCall(call)).toMatchObject({ kind: 'deny', code: 'ENT_POLICY_FAILED_CLOSED' });
    expect(renderExplanation(closed.runtime.explain(requestId('r1')))).toContain('safety: threw: ');
    closed.runtime.setMode('safety', 'shadow');
    expect(closed.runtime.toolCall(call)).toEqual({ kind: 'allow' });
  });

  it('lets configuration say how a policy fails', () => {
    const { runtime } = bench({ policies: [{ definition: throws('perf', 'open'), failure: 'closed' }] });
    runtime.arrive(request('r1'));
    expect(runtime.admission(request('r1')).kind).toBe('reject');
  });

  it('skips a policy for the rest of a request in which it threw, and asks it at the next one', () => {
    let calls = 0;
    const once = definePolicy({
      name: 'once', summary: 'throws when it observes the first request', decisions: ['admission'], failure: 'closed',
      create: () => ({
        observe: (event) => { if (event.type === 'request-arrive' && event.request === 'r1') throw new Error('bug'); },
        score: { admission: () => { calls += 1; return { kind: 'allow' }; } },
      }),
    });
    const { runtime } = bench({ policies: [{ definition: once }] });
    runtime.arrive(request('r1'));
    expect(runtime.admission(request('r1')).kind).toBe('reject');
    expect(calls).toBe(0);
    runtime.arrive(request('r2'));
    expect(runtime.admission(request('r2')).kind).toBe('allow');
    expect(calls).toBe(1);
  });

  it('counts a policy that cannot be made as one that throws', () => {
    const broken = definePolicy({ name: 'broken', summary: '', decisions: ['admission'], failure: 'closed', create: () => { throw new Error('no table'); } });
    const { runtime } = bench({ policies: [{ definition: broken }] });
    runtime.arrive(request('r1'));
    expect(runtime.admission(request('r1'))).toMatchObject({ kind: 'reject', code: 'ENT_POLICY_FAILED_CLOSED' });
    runtime.setMode('broken', 'off');
    expect(runtime.admission(request('r1')).kind).toBe('allow');
  });

  it('refuses tenants beyond its bound while those it has are at work', () => {
    const { runtime } = bench({ policies: [{ definition: admits('a', { kind: 'allow' }) }], limits: { tenants: 1 } });
    const other = coordinate({ tenant: tenantId('other') });
    runtime.arrive(request('r1'));
    runtime.arrive(request('r2', { by: other }));
    expect(runtime.admission(request('r2', { by: other }))).toMatchObject({ kind: 'reject', code: 'ENT_OVERLOADED' });
    expect(runtime.admission(request('r1')).kind).toBe('allow');
  });
});

describe('tool calls', () => {
  it('take the strictest verdict, and keep no result in the log', () => {
    const says = (name: string, verdict: ToolCallVerdict): PolicyDefinition =>
      definePolicy({ name, summary: name, decisions: ['tool-call'], create: () => ({ score: { toolCall: () => verdict } }) });
    const answer: ToolCallVerdict = { kind: 'answer', result: { content: 'private text', isError: false } };
    const { runtime } = bench({ policies: [{ definition: says('memo', answer) }, { definition: says('safety', { kind: 'deny', code: 'ENT_REJECTED_BY_POLICY', why: 'no' }), mode: 'off' }] });
    runtime.arrive(request('r1'));
    expect(runtime.toolCall(call)).toEqual(answer);
    expect(JSON.stringify(runtime.explain(requestId('r1')))).not.toContain('private text');
    runtime.setMode('safety', 'on');
    expect(runtime.toolCall(call).kind).toBe('deny');
  });
});

describe('order', () => {
  const waiting = [1, 2, 3].map((number) => request(`r${number}`, { promptTokens: number * 10 }));

  it('is undefined without a policy that is on, and logged from one in shadow', () => {
    const { runtime } = bench({ policies: [{ definition: orders('o', 'rank', (each) => each.promptTokens), mode: 'shadow' }] });
    waiting.forEach((each) => runtime.arrive(each));
    expect(runtime.order(waiting)).toBeUndefined();
    expect(runtime.explain(requestId('r2')).decisions).toMatchObject([{ decision: 'order', policies: [{ answer: { score: 20 } }] }]);
    runtime.setMode('o', 'on');
    expect(runtime.order(waiting)).toEqual([2, 1, 0]);
    expect(runtime.explain(requestId('r3')).decisions).toMatchObject([{ result: 'place 1 of 3', asked: 2 }]);
    runtime.setMode('o', 'off');
    expect(runtime.order(waiting)).toBeUndefined();
    expect(runtime.order([])).toBeUndefined();
  });

  it('leaves nobody out and skips a policy whose scores are no numbers', () => {
    const { runtime } = bench({ policies: [{ definition: orders('out', 'rank', (each) => (each.id === 'r1' ? -Infinity : 0)) }, { definition: orders('nan', 'rank', () => NaN) }] });
    expect(runtime.order(waiting)).toEqual([1, 2, 0]);
    expect(runtime.policies().map(({ faults }) => faults)).toEqual([0, 1]);
  });

  it('lets tenants take turns', () => {
    const { runtime } = bench({ policies: [{ definition: orders('o', 'rank', (each) => each.promptTokens) }] });
    const theirs = request('x1', { by: coordinate({ tenant: tenantId('other') }), arrivedAtMs: 900, promptTokens: 1 });
    expect(runtime.order([...waiting, theirs])).toEqual([3, 2, 1, 0]);
  });
});

describe('placement', () => {
  const replicas: Replica[] = ['e1', 'e2', 'e3'].map((id, index) => ({ id: replicaId(id), healthy: id !== 'e3', runningRequests: index, waitingRequests: 0, residentTokens: 0 }));

  it('ranks healthy replicas and leaves out those ruled out', () => {
    const { runtime } = bench({ policies: [{ definition: places('p', (replica) => replica.runningRequests) }] });
    runtime.arrive(request('r1'));
    expect(runtime.placement(request('r1'), replicas)).toEqual([1, 0]);
    expect(runtime.explain(requestId('r1')).decisions).toMatchObject([{ decision: 'placement', result: 'e2', policies: [{ answer: { scores: { e1: 0, e2: 1, e3: 2 } } }] }]);
    const none = bench({ policies: [{ definition: places('p', () => -Infinity) }] });
    expect(none.runtime.placement(request('r1'), replicas)).toEqual([]);
    const without = bench({ policies: [] });
    expect(without.runtime.placement(request('r1'), replicas)).toBeUndefined();
  });
});

describe('configuration', () => {
  it('refuses a policy named twice, unknown names, and wrong parameters', () => {
    const a = admits('a', { kind: 'allow' });
    expect(() => bench({ policies: [{ definition: a }, { definition: a }] })).toThrow(expect.objectContaining({ code: 'ENT_CONFIG_INVALID' }));
    expect(() => bench({ policies: [{ definition: a, parameters: { limit: 3 } }] })).toThrow(expect.objectContaining({ code: 'ENT_CONFIG_INVALID', at: 'policies.a.parameters' }));
    expect(() => bench({ policies: [{ definition: a }] }).runtime.setMode('b', 'on')).toThrow(expect.objectContaining({ code: 'ENT_POLICY_UNKNOWN' }));
  });
});
