import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planBatch } from './batch-plan.ts';

describe('what goes into a batch', () => {
  it('takes every decode and a piece of the first prompt', () => {
    expect(planBatch([{ sequence: 2, remaining: 900 }, { sequence: 0, remaining: 1 }, { sequence: 1, remaining: 300 }], 256)).toEqual([{ sequence: 0, tokens: 1 }, { sequence: 2, tokens: 256 }]);
  });

  it('never leaves a decode out, never takes two prompts, and always makes progress', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 512 }), (remaining, chunkTokens) => {
      const candidates = remaining.map((tokens, sequence) => ({ sequence, remaining: tokens }));
      const shares = planBatch(candidates, chunkTokens);
      expect(shares.length).toBeGreaterThan(0);
      for (const share of shares) {
        expect(share.tokens).toBeGreaterThan(0);
        expect(share.tokens).toBeLessThanOrEqual(Math.min(chunkTokens, remaining[share.sequence]));
      }
      const decodes = candidates.filter((candidate) => candidate.remaining === 1).map((candidate) => candidate.sequence);
      const taken = shares.map((share) => share.sequence);
      expect(taken).toEqual(expect.arrayContaining(decodes));
      expect(taken.length - decodes.length).toBeLessThanOrEqual(1);
    }));
  });
});
