/** The core carries all nine policies of the design: each sketch runs in the real runtime and has its say. */
import { describe, expect, it } from 'vitest';
import { bench, coordinate, RecordingEngine, report, request, type Bench } from '../runtime/runtime.fixture.ts';
import { createLearnerSource } from '../learner/index.ts';
import {
  INTENT_KINDS, LOCAL_TENANT, replicaId, requestId, toolCallId, unitId,
  type Decision, type PolicyDefinition, type Replica, type RequestView, type RetentionIndex, type ToolCallView,
} from './index.ts';
import { batchShaping, budget, cacheSage, fairness, hedging, NINE_POLICIES, placement, retentionBonus, safety, speculation, toolMemo } from './nine-policies.fixture.ts';

function host(...definitions: PolicyDefinition[]): Bench & { readonly engine: RecordingEngine } {
  const made = bench({ policies: definitions.map((definition) => ({ definition })), learners: createLearnerSource() });
  const engine = new RecordingEngine('e1', INTENT_KINDS);
  made.runtime.registerEngine(engine);
  return { ...made, engine };
}
const call = (name: string, over: Partial<ToolCallView> = {}): ToolCallView => ({ id: toolCallId('t1'), by: coordinate(), name, arguments: {}, argumentsHash: `${name}()`, taint: [], ...over });
const dispatch = ({ runtime, time }: Bench, view: RequestView, replica = 'e1'): void => {
  runtime.observe({ type: 'request-dispatch', atMs: time.nowMs(), by: view.by, request: view.id, replica: replicaId(replica) });
};

describe('the nine policies', () => {
  it('between them make every decision and have every intent', () => {
    expect(new Set(NINE_POLICIES.flatMap(({ decisions }): readonly Decision[] => decisions))).toEqual(new Set(['admission', 'order', 'placement', 'retention', 'tool-call']));
    expect(new Set(NINE_POLICIES.flatMap(({ intents }) => intents))).toEqual(new Set(INTENT_KINDS.filter((kind) => kind !== 'restore')));
  });

  it('cache-sage: retains, demotes, prefetches, evicts', async () => {
    const made = host(cacheSage);
    const { runtime, time, engine } = made;
    const index = runtime.retention(LOCAL_TENANT, replicaId('e1')) as RetentionIndex;
    for (const id of [0, 1]) {
      index.define({ id: unitId(id), sizeBlocks: 1, marginalPrefillMs: 1 });
      index.touch({ by: coordinate(), units: Int32Array.of(id), first: 0, origin: 'prompt' }, 1000 + id);
      index.setResident(unitId(id), true);
    }
    expect([...index.victims(1, () => false, 2000)]).toEqual([0]);
    runtime.arrive(request('r1'));
    runtime.finish(requestId('r1'), report());
    const tool = { by: coordinate(), atMs: 1000, toolCall: toolCallId('t'), name: 'search' };
    runtime.observe({ ...tool, type: 'tool-start' });
    runtime.observe({ ...tool, type: 'tool-end', durationMs: 5 });
    runtime.observe({ type: 'session-end', atMs: 1000, by: coordinate(), reason: 'explicit' });
    await time.pass(1);
    expect(engine.performed.map(({ kind }) => kind)).toEqual(['retain', 'demote', 'prefetch', 'evict']);
  });

  it('batch-shaping: holds a session that does not fit, and groups by agent', () => {
    const { runtime } = host(batchShaping);
    const large = request('r1', { promptTokens: 1500 });
    runtime.arrive(large);
    expect(runtime.admission(large).kind).toBe('allow');
    runtime.finish(large.id, report({ promptTokens: 1500 }));
    const second = request('r2', { by: coordinate({ session: 's2' }), promptTokens: 500 });
    runtime.arrive(second);
    expect(runtime.admission(second).kind).toBe('hold');
    expect(runtime.admission(request('r3', { promptTokens: 1600 })).kind).toBe('allow');
    expect(runtime.order([request('a', { by: coordinate({ agent: 'coder' }) }), request('b', { by: coordinate({ agent: 'planner' }) })])).toEqual([1, 0]);
  });

  it('speculation: starts a tool call once its arguments have streamed, before the answer ends', async () => {
    const { runtime, time, engine } = host(speculation);
    runtime.arrive(request('r1'));
    runtime.observe({ type: 'tool-call-streamed', atMs: 1000, by: coordinate(), request: requestId('r1'), toolCall: toolCallId('t1'), name: 'read', argumentsJson: '{"path":"a"}', argumentsHash: 'h' });
    await time.pass(1);
    expect(runtime.openRequests).toBe(1);
    expect(engine.performed).toMatchObject([{ kind: 'speculate', toolCall: { name: 'read', arguments: { path: 'a' } } }, { kind: 'prefetch' }]);
  });

  it('fairness: ranks first, affinity within its lag', () => {
    const { runtime } = host(batchShaping, fairness);
    const greedy = coordinate({ workload: 'greedy' });
    runtime.arrive(request('r1', { by: greedy }));
    runtime.finish(requestId('r1'), report());
    const modest = [1, 2, 3, 4, 5].map((number) => request(`b${number}`, { by: coordinate({ workload: 'modest', agent: 'coder' }) }));
    // The greedy one would go with the agent that has just run; that is worth a few places, never all.
    expect(runtime.order([request('a', { by: greedy }), ...modest])).toEqual([1, 2, 3, 4, 5, 0]);
    expect(runtime.order([...modest.slice(0, 1), request('a', { by: greedy })])).toEqual([1, 0]);
  });

  it('tool-memo: answers a known call, until a write', async () => {
    const { runtime, engine } = host(toolMemo);
    const read = call('read');
    expect(runtime.toolCall(read).kind).toBe('allow');
    const end = { atMs: 1000, by: coordinate(), toolCall: read.id, durationMs: 3 };
    runtime.observe({ ...end, type: 'tool-end', name: 'read', call: read, result: { content: 'text', isError: false } });
    expect(runtime.toolCall(read)).toEqual({ kind: 'answer', result: { content: 'text', isError: false } });
    await runtime.act({ kind: 'tick', atMs: 1000 });
    expect(engine.performed).toMatchObject([{ kind: 'memoise', ttlMs: 60_000 }]);
    runtime.observe({ ...end, type: 'tool-end', name: 'write', call: call('write'), result: { content: 'done', isError: false } });
    expect(runtime.toolCall(read).kind).toBe('allow');
  });

  it('safety: denies, asks a person, rejects; memory does not get around it', () => {
    const { runtime } = host(toolMemo, safety);
    expect(runtime.toolCall(call('write', { by: coordinate({ agent: 'reviewer' }) })).kind).toBe('deny');
    expect(runtime.toolCall(call('write', { taint: ['web'] })).kind).toBe('approve');
    expect(runtime.admission(request('r1', { tools: ['shell'] })).kind).toBe('reject');
    const tainted = call('write_note', { taint: ['web'] });
    runtime.observe({ type: 'tool-end', atMs: 1000, by: coordinate(), toolCall: tainted.id, name: 'read', durationMs: 1, call: tainted, result: { content: 'x', isError: false } });
    expect(runtime.toolCall(tainted).kind).toBe('approve');
  });

  it('placement: overlap against load, and sessions stay', () => {
    const made = host(placement);
    const replica = (id: string, runningRequests: number, residentTokens: number): Replica => ({ id: replicaId(id), healthy: true, runningRequests, waitingRequests: 0, residentTokens });
    const view = request('r1');
    made.runtime.arrive(view);
    expect(made.runtime.placement(view, [replica('e1', 0, 0), replica('e2', 2, 100), replica('e3', 20, 100)])).toEqual([1, 0, 2]);
    dispatch(made, view, 'e3');
    expect(made.runtime.placement(view, [replica('e1', 0, 0), replica('e3', 2, 0)])).toEqual([1, 0]);
  });

  it('budget: reserves before dispatch, rejects beyond, cancels what runs over', async () => {
    const { runtime, engine } = host(budget);
    const views = ['r1', 'r2', 'r3'].map((id) => request(id, { promptTokens: 300, maxOutputTokens: 200 }));
    for (const view of views) runtime.arrive(view);
    expect(views.map((view) => runtime.admission(view).kind)).toEqual(['allow', 'allow', 'reject']);
    runtime.finish(requestId('r1'), report({ promptTokens: 300, outputTokens: 5000 }));
    await runtime.act({ kind: 'tick', atMs: 1000 });
    expect(engine.performed).toEqual([{ kind: 'cancel', request: 'r2', why: 'the workload is over its budget' }]);
  });

  it('hedging: sends a slow call elsewhere as well, and only a slow one', async () => {
    const made = host(hedging);
    for (const replica of ['e1', 'e2']) made.runtime.observe({ type: 'engine-up', atMs: 1000, replica: replicaId(replica) });
    for (const id of ['slow', 'fast']) {
      made.runtime.arrive(request(id));
      dispatch(made, request(id));
    }
    made.runtime.observe({ type: 'first-token', atMs: 1500, by: coordinate(), request: requestId('fast'), ttftMs: 500 });
    await made.runtime.act({ kind: 'tick', atMs: 1900 });
    expect(made.engine.performed).toEqual([]);
    await made.runtime.act({ kind: 'tick', atMs: 2100 });
    expect(made.engine.performed).toEqual([{ kind: 'hedge', request: 'slow', replica: 'e2' }]);
  });

  it('all run together, and retention takes factors from another', async () => {
    const { runtime, time, logs } = host(...NINE_POLICIES, retentionBonus);
    const index = runtime.retention(LOCAL_TENANT, replicaId('e1')) as RetentionIndex;
    index.define({ id: unitId(2), sizeBlocks: 1, marginalPrefillMs: 1 });
    index.touch({ by: coordinate(), units: Int32Array.of(2), first: 0, origin: 'prompt' }, 1000);
    expect(index.value(unitId(2), 1000)).toBe(2);
    for (let number = 0; number < 5; number++) {
      const view = request(`r${number}`, { promptTokens: 10, arrivedAtMs: time.nowMs() });
      runtime.arrive(view);
      await expect(runtime.admit(view)).resolves.toEqual({ kind: 'allow' });
      runtime.finish(view.id, report({ promptTokens: 10, outputTokens: 1 }));
      await time.pass(10);
    }
    expect(logs).toEqual([]);
    expect(runtime.policies().every(({ mode, faults }) => mode === 'on' && faults === 0)).toBe(true);
  });
});
