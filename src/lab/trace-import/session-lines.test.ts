import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ImportedCall } from './imported-call.ts';
import { sessionLines } from './session-lines.ts';

const TOKENS_PER_BYTE = 0.5;
const run = (letter: string) => ({ hash: letter, bytes: 4 });
const prompts = fc.array(fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 12 });
const call = (session: string, add: readonly string[], startMs: number | null): ImportedCall => ({ session, startMs, durationMs: null, lineage: `${session} ${startMs}`, keep: 0, add: add.map(run), out: [], tools: [] });
const options = { session: 's', workload: 'w', tokensPerByte: TOKENS_PER_BYTE, hiddenTokens: () => 0, hashHidden: () => 'h', agentOf: () => 'a' };

describe('sessionLines', () => {
  it('base and segments give every prompt back, and repeat nothing that an earlier prompt begins with', () => {
    fc.assert(fc.property(prompts, (lists) => {
      const lines = [...sessionLines(lists.map((list, at) => call('s', list, at)), options)].map((text) => JSON.parse(text) as { step: number; base: [number, number] | null; segments: [string, number][]; prompt_tokens: number });
      const whole: string[][] = [];
      for (const [index, { step, base, segments, prompt_tokens: tokens }] of lines.entries()) {
        const shared = base === null ? [] : whole[base[0]].slice(0, base[1]);
        whole.push([...shared, ...segments.map(([hash]) => hash)]);
        expect([step, whole[index], tokens]).toEqual([index, lists[index], lists[index].length * 2]);
        const longest = Math.max(0, ...lists.slice(0, index).map((earlier) => earlier.findIndex((hash, at) => hash !== lists[index][at])).map((at, which) => (at === -1 ? Math.min(lists[which].length, lists[index].length) : at)));
        expect(shared.length).toBe(longest);
      }
    }));
  });

  it('a prompt that keeps the beginning of its lineage needs only what is new; time orders the calls, not the prompts', () => {
    const calls: ImportedCall[] = [
      { ...call('s', ['a', 'b'], 5000), lineage: 'one' },
      { ...call('s', ['x'], 1000), lineage: 'two' },
      { ...call('s', ['c'], 7000), lineage: 'one', keep: 2 },
    ];
    const lines = [...sessionLines(calls, options)].map((text) => JSON.parse(text) as { t_ms: number; base: unknown; segments: unknown });
    expect(lines.map(({ t_ms, base, segments }) => [t_ms, base, segments])).toEqual([
      [0, null, [['x', 2]]], [4000, null, [['a', 2], ['b', 2]]], [6000, [1, 2], [['c', 2]]],
    ]);
  });
});
