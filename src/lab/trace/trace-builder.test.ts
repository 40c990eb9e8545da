import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryLines, buildTrace, plainChains } from './testing/arbitrary-lines.ts';
import { longestChain, writeChain } from './trace.ts';

describe('TraceBuilder', () => {
  it('gives equal blocks equal ids and different blocks different ids, as plain token texts do', () => {
    fc.assert(fc.property(arbitraryLines(), fc.integer({ min: 1, max: 6 }), (lines, blockTokens) => {
      const trace = buildTrace(lines, blockTokens);
      const idOf = new Map<string, number>();
      const buffer = new Int32Array(longestChain(trace));
      plainChains(lines, blockTokens).forEach(({ prompt, all }, index) => {
        const call = trace.calls[index];
        expect([call.promptBlocks, call.blocks]).toEqual([prompt.length, all.length]);
        writeChain(trace, call, buffer);
        all.forEach((text, depth) => {
          if (!idOf.has(text)) idOf.set(text, buffer[depth]);
          expect(buffer[depth]).toBe(idOf.get(text));
          expect(trace.depths[buffer[depth]]).toBe(depth);
        });
      });
      expect(trace.blockCount).toBe(idOf.size);
      expect(new Set(idOf.values()).size).toBe(idOf.size);
    }), { numRuns: 200 });
  });

  it("counts each session's distinct blocks", () => {
    fc.assert(fc.property(arbitraryLines(), (lines) => {
      const trace = buildTrace(lines, 3);
      const chains = plainChains(lines, 3);
      for (const session of trace.sessions) {
        const blocks = chains.slice(session.firstCall, session.firstCall + session.callCount).flatMap(({ all }) => all);
        expect(session.distinctBlocks).toBe(new Set(blocks).size);
      }
    }), { numRuns: 100 });
  });
});
