import { describe, expect, it } from 'vitest';
import { definePolicy, ERRORS, EntresolError, parameterValues, type ErrorCode } from './index.ts';

describe('definePolicy', () => {
  it.each([
    [{ decision: ['retention'] }, 'a policy has no option "decision"; there are name, summary,'],
    [{ decisions: ['retension'] }, 'a policy has no decision "retension"; there are admission, order, placement, retention, tool-call'],
    [{ intents: ['evikt'] }, 'a policy has no intent "evikt"; there are retain,'],
  ])('refuses what there is not: %j', (slip, message) => {
    expect(() => definePolicy({ name: 'slip', summary: '', create: () => ({}), ...slip } as never)).toThrow(message);
  });

  it('fills in the defaults', () => {
    expect(definePolicy({ name: 'small', summary: 'nothing', create: () => ({}) })).toMatchObject({
      parameters: {}, decisions: [], intents: [], failure: 'open', role: 'affinity', retentionRole: 'base',
    });
  });

  it.each(['', 'Upper', 'has space', '1st', 'a'.repeat(65), '../up'])('refuses the name %j', (name) => {
    expect(() => definePolicy({ name, summary: '', create: () => ({}) })).toThrow(/lower-case/);
  });

  it('gives create the types of its parameters', () => {
    const policy = definePolicy({
      name: 'typed', summary: '', parameters: { limit: { default: 3, description: 'a number' }, strict: { default: true, description: 'a boolean' } },
      create: ({ parameters }) => ({ snapshot: () => Uint8Array.of(parameters.limit, parameters.strict ? 1 : 0) }),
    });
    const limit: number = parameterValues(policy.parameters).limit;
    expect(limit).toBe(3);
  });
});

describe('parameters', () => {
  const table = {
    limit: { default: 3, minimum: 1, maximum: 5, description: '' }, strict: { default: true, description: '' },
    rule: { default: 'a', choices: ['a', 'b'], description: '' },
  } as const;

  it('take overrides over defaults', () => {
    expect(parameterValues(table, { limit: 5, rule: 'b' })).toEqual({ limit: 5, strict: true, rule: 'b' });
  });

  it.each([
    [{ limit: '3' }, /must be a number/], [{ limit: 0 }, /at least 1/], [{ limit: 6 }, /at most 5/], [{ limit: NaN }, /finite/], [{ strict: 1 }, /must be a boolean/],
    [{ rule: 'c' }, /one of a, b/], [{ toString: 1 }, /no parameter "toString"; known: limit, strict, rule/], [{ limit: undefined }, /must be a number/],
  ])('refuse %j', (overrides, message) => {
    expect(() => parameterValues(table, overrides, 'policies.p')).toThrow(message);
    expect(() => parameterValues(table, overrides, 'policies.p')).toThrow(expect.objectContaining({ code: 'ENT_CONFIG_INVALID', at: expect.stringContaining('policies.p') }));
  });
});

describe('errors', () => {
  it('tell code, place, what, and how to mend it in one line', () => {
    const error = new EntresolError('ENT_TRACE_INVALID', 'expected a number.', { at: 'a.jsonl:3:t', cause: new Error('inner') });
    expect(error.describe()).toBe(`ENT_TRACE_INVALID at a.jsonl:3:t: expected a number. ${ERRORS.ENT_TRACE_INVALID.mend}`);
    expect(error).toMatchObject({ status: 400, cause: { message: 'inner' } });
    expect(error).toBeInstanceOf(Error);
  });

  it.each(Object.keys(ERRORS) as ErrorCode[])('%s has a status and a mend', (code) => {
    expect(code).toMatch(/^ENT_[A-Z_]+$/);
    expect(ERRORS[code].status).toBeGreaterThanOrEqual(400);
    expect(ERRORS[code].mend.length).toBeGreaterThan(10);
  });
});
