import * as fc from 'fast-check';
import { gzipSync } from 'node:zlib';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { layOut, totalMemoryTokens } from './memory-split.ts';
import { commonPrefixLength, type PlannedSession } from './planned-session.ts';
import { ScaledSegments } from './scaled-segments.ts';
import { sixAgentsWorkload } from './six-agents-workload.ts';
import { textTokens } from './text-tokens.ts';
import { scaleTrace } from './trace-sessions.ts';
import { distinctTokens, workingSetTokens } from './working-set.ts';

describe('scaled segments', () => {
  it('keep shared prefixes and equal segments, and are right in length on average', () => {
    const segments = new ScaledSegments(0.1);
    const long = Array.from({ length: 400 }, (_, index) => [`h${index}`, 55] as const);
    expect(segments.tokens(long).length).toBeGreaterThan(0.95 * 400 * 5.5);
    expect(segments.tokens(long).length).toBeLessThan(1.05 * 400 * 5.5);
    const shorter = segments.tokens(long.slice(0, 100));
    expect(commonPrefixLength(shorter, new ScaledSegments(0.1).tokens(long))).toBe(shorter.length);
  });

  it('leave lengths as they are at scale 1', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.integer({ min: 1, max: 50 })), { maxLength: 10 }), (segments) => {
      expect(new ScaledSegments(1).tokens(segments).length).toBe(segments.reduce((sum, [, tokens]) => sum + tokens, 0));
    }));
  });
});

const session = (id: string, prompts: number[][]): PlannedSession => ({
  id, calls: prompts.map((prompt) => ({ agent: 'a', instance: 'a', prompt: Int32Array.from(prompt), output: Int32Array.of(9), pauseUnits: 1 })),
});

describe('the working set', () => {
  it('counts every prefix token of a session once, weighs sessions by calls, times concurrency', () => {
    const one = session('one', [[1, 2, 3], [1, 2, 3, 9, 4], [1, 5]]);
    expect(distinctTokens(one)).toBe(4 + 2 + 2);
    const two = session('two', [[7, 7]]);
    expect(workingSetTokens([one, two], 10)).toBe(Math.round((10 * (3 * 8 + 1 * 3)) / 4));
  });
});

describe('the split of memory', () => {
  it('gives every side the same total, whatever it does with it', () => {
    fc.assert(fc.property(fc.integer({ min: 6_144, max: 200_000 }), fc.constantFrom('llama-server' as const, 'own' as const), (total, kind) => {
      const { slots, storeTokens } = layOut(kind, total, 2_048);
      expect(slots * 2_048 + storeTokens).toBe(total);
      expect(slots).toBeGreaterThanOrEqual(1);
      expect(storeTokens).toBeGreaterThanOrEqual(0);
    }));
    expect(layOut('no-host-store', 20_000, 2_048)).toEqual({ slots: 9, storeTokens: 0 });
    expect(totalMemoryTokens(100_000, 0.2, 2_048)).toBe(20_000);
    expect(totalMemoryTokens(10_000, 0.1, 2_048)).toBe(4 * 2_048);
    expect(() => layOut('own', 2_000, 2_048)).toThrow(/hold no context/);
  });
});

const traceLine = (name: string, step: number): string => JSON.stringify({
  workload: 'w', session: name, step, agent: 'coder', t_ms: step * 2000, dur_ms: null, prompt_tokens: 8000 * (step + 1), output_tokens: 10,
  base: step === 0 ? null : [step - 1, step], segments: [[`${name}${step}`, 8000]], out: [[`out${step}`, 400]], tools: [],
});

describe('the workloads', () => {
  it('the six agents extend their own prompts by what was answered', async () => {
    const workload = await sixAgentsWorkload({ seed: 1, concurrency: 12, sessions: 6, tokenise: textTokens });
    const prompts = workload.sessions.flatMap((each) => each.calls.map((call) => call.prompt.length));
    expect(workload.sessions).toHaveLength(6);
    expect(Math.max(...prompts)).toBeLessThan(2_048);
    for (const { calls } of workload.sessions) {
      const returning = calls.findIndex((call, index) => calls.slice(0, index).some((earlier) => earlier.agent === call.agent));
      const earlier = calls.slice(0, returning).findLast((call) => call.agent === calls[returning].agent);
      expect(commonPrefixLength(calls[returning].prompt, earlier?.prompt ?? new Int32Array(0))).toBeGreaterThan(0.95 * (earlier?.prompt.length ?? Infinity));
    }
  });

  it('a trace is scaled to the context; later prompts still extend earlier ones; one session does not scale', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bench-'));
    const write = async (names: string[]): Promise<string> => {
      const path = join(folder, `${names.join('')}.jsonl.gz`);
      await writeFile(path, gzipSync(names.flatMap((name) => [0, 1, 2].map((step) => traceLine(name, step))).join('\n')));
      return path;
    };
    const scaled = await scaleTrace(await write(['x', 'y']), { contextTokens: 1_024, sessions: 10 });
    expect(scaled?.name).toBe('xy');
    for (const each of scaled?.sessions ?? []) {
      expect(each.calls.length).toBeGreaterThanOrEqual(2);
      expect(commonPrefixLength(each.calls[0].prompt, each.calls[1].prompt)).toBe(each.calls[0].prompt.length);
      for (const { prompt, output } of each.calls) expect(prompt.length + output.length).toBeLessThanOrEqual(1_024);
    }
    expect(await scaleTrace(await write(['z']), { contextTokens: 1_024, sessions: 10 })).toBeUndefined();
    await rm(folder, { recursive: true });
  });
});
