import { describe, expect, it } from 'vitest';
import { definePolicy, requestId, type AdmissionVerdict, type Intent, type PolicyDefinition } from '../core/index.ts';
import { bench, request, settled } from './runtime.fixture.ts';

/** What plain JavaScript may hand over in place of what the types say. */
const untyped = <T>(value: unknown): T => value as T;

describe('an answer that is none', () => {
  const admits = (verdict: unknown, failure: 'open' | 'closed'): PolicyDefinition => definePolicy({
    name: 'odd', summary: '', decisions: ['admission'], failure, create: () => ({ score: { admission: () => untyped<AdmissionVerdict>(verdict) } }),
  });

  it.each([
    ['a promise', Promise.resolve({ kind: 'reject', code: 'ENT_OVERLOADED', why: '' })], ['a word', 'allow'], ['null', null], ['of another decision', { kind: 'deny', code: 'ENT_OVERLOADED', why: '' }],
    ['a hold for ever so long', { kind: 'hold', untilMs: NaN }], ['a reject without a known code', { kind: 'reject', code: 'NO', why: '' }],
  ])('counts as a throw: %s', (_what, verdict) => {
    const open = bench({ policies: [{ definition: admits(verdict, 'open') }] }).runtime;
    open.arrive(request('r1'));
    expect(open.admission(request('r1'))).toEqual({ kind: 'allow' });
    expect(open.explain(requestId('r1')).faults).toHaveProperty('odd');
    expect(open.policies()[0].faults).toBe(1);
    expect(bench({ policies: [{ definition: admits(verdict, 'closed') }] }).runtime.admission(request('r1'))).toMatchObject({ kind: 'reject', code: 'ENT_POLICY_FAILED_CLOSED' });
  });

  it.each([['nothing', undefined], ['no kind', {}], ['no subject', { kind: 'retain', untilMs: 0 }], ['no request', { kind: 'cancel', why: '' }], ['no tool call', { kind: 'speculate' }]])('counts as a throw and harms nobody: an intent with %s', async (_what, intent) => {
    const definition = definePolicy({ name: 'odd', summary: '', intents: ['retain', 'cancel', 'speculate'], create: () => ({ act: () => [untyped<Intent>(intent)] }) });
    const { runtime } = bench({ policies: [{ definition }] });
    runtime.arrive(request('r1'));
    expect(await runtime.act({ kind: 'tick', atMs: 1000 })).toEqual([]);
    expect(runtime.policies()[0].faults).toBe(1);
  });

  it('counts as a throw and ends no process: an async observe that fails later', async () => {
    const definition = definePolicy({ name: 'odd', summary: '', create: () => ({ observe: () => untyped<undefined>(Promise.reject(new Error('later'))) }) });
    const { runtime } = bench({ policies: [{ definition }] });
    runtime.arrive(request('r1'));
    await settled();
    expect(runtime.policies()[0]).toMatchObject({ faults: 2, lastFault: expect.stringContaining('later') });
  });
});
