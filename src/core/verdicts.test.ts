import { assert, constantFrom, nat, oneof, property, record, type Arbitrary } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { strictest, type AdmissionVerdict, type ToolCallVerdict, type Verdict } from './verdicts.ts';

const admission: Arbitrary<AdmissionVerdict> = oneof(
  record({ kind: constantFrom('allow') }),
  record({ kind: constantFrom('hold'), untilMs: nat(5) }),
  record({ kind: constantFrom('reject'), code: constantFrom('ENT_REJECTED_BY_POLICY', 'ENT_OVERLOADED'), why: constantFrom('a', 'b') }),
);
const toolCall: Arbitrary<ToolCallVerdict> = oneof(
  record({ kind: constantFrom('allow') }),
  record({ kind: constantFrom('answer'), result: record({ content: nat(3), isError: constantFrom(false) }) }),
  record({ kind: constantFrom('approve'), why: constantFrom('a', 'b') }),
  record({ kind: constantFrom('deny'), code: constantFrom('ENT_REJECTED_BY_POLICY'), why: constantFrom('a', 'b') }),
);
const ORDER: Readonly<Record<Verdict['kind'], number>> = { allow: 0, hold: 1, answer: 1, approve: 2, reject: 3, deny: 4 };

describe.each([['admission', admission], ['tool call', toolCall]] as const)('the strictest verdict: %s', (_name, verdict) => {
  it('is one of the two, and none is stricter', () => {
    assert(property(verdict, verdict, (a, b) => {
      const both = strictest<Verdict>(a, b);
      expect([a, b]).toContain(both);
      expect(ORDER[both.kind]).toBe(Math.max(ORDER[a.kind], ORDER[b.kind]));
    }));
  });

  it('is idempotent and associative', () => {
    assert(property(verdict, verdict, verdict, (a, b, c) => {
      expect(strictest<Verdict>(a, a)).toEqual(a);
      expect(strictest<Verdict>(strictest<Verdict>(a, b), c)).toEqual(strictest<Verdict>(a, strictest<Verdict>(b, c)));
    }));
  });
});

it('the longer hold wins', () => {
  const hold = (untilMs: number) => ({ kind: 'hold', untilMs }) as const;
  expect(strictest(hold(2), hold(5))).toEqual(hold(5));
  expect(strictest(hold(5), hold(2))).toEqual(hold(5));
});
