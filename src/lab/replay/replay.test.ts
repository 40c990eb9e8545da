import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { definePolicy, EntresolError, type Event, type PolicyDefinition, type RetentionIndex, type UnitId } from '../../core/index.ts';
import { RecencyIndex } from '../../policies/lru/recency-index.ts';
import { POLICIES } from '../../policies/registry.ts';
import { arbitraryLines, buildTrace } from '../trace/testing/arbitrary-lines.ts';
import { longestChain } from '../trace/index.ts';
import type { TraceLine } from '../trace/trace-line.ts';
import { findNextUses } from './bounds/next-uses.ts';
import type { Contender } from './contender.ts';
import { boundNamed, contenderFor } from './contenders.ts';
import { replay, type ReplayOutcome, type ReplayTiming } from './replay.ts';
import { scheduleCalls } from './schedule.ts';
import { plainHitRate } from './testing/plain-replay.ts';

const retaining = POLICIES.filter((policy) => policy.decisions.includes('retention'));
const lru = contenderFor(POLICIES.find((policy) => policy.name === 'lru') as PolicyDefinition);
const belady = boundNamed('belady') as Contender;
const infinite = boundNamed('infinite') as Contender;

interface Setting { readonly blockTokens: number; readonly concurrency: number; readonly capacityBlocks: number }
const settings: fc.Arbitrary<Setting> = fc.record({
  blockTokens: fc.integer({ min: 2, max: 4 }), concurrency: fc.integer({ min: 1, max: 4 }), capacityBlocks: fc.integer({ min: 1, max: 30 }),
});

function run(lines: readonly TraceLine[], contender: Contender, { blockTokens, concurrency, capacityBlocks }: Setting, timing: ReplayTiming = 'exact'): ReplayOutcome {
  const trace = buildTrace(lines, blockTokens);
  const schedule = scheduleCalls(trace, concurrency);
  return replay({ trace, schedule, contender, capacityBlocks, timing, nextUses: () => findNextUses(trace, schedule) });
}

/** A policy made of what it observes, over LRU. */
function watching(observe: (event: Event) => void, index: (lruIndex: RecencyIndex) => RetentionIndex = (lruIndex) => lruIndex): Contender {
  return contenderFor(definePolicy({ name: 'watching', summary: 'for tests', create: () => ({ observe, score: { retention: index(new RecencyIndex()) } }) }));
}

describe('replay', () => {
  it('lru and belady equal the plain reference', () => {
    fc.assert(fc.property(arbitraryLines(), settings, (lines, setting) => {
      const schedule = scheduleCalls(buildTrace(lines, setting.blockTokens), setting.concurrency);
      const plain = (policy: 'lru' | 'belady'): number => plainHitRate(lines, schedule, setting.blockTokens, setting.capacityBlocks, policy);
      expect(run(lines, lru, setting).hitRate).toBeCloseTo(plain('lru'), 12);
      expect(run(lines, belady, setting).hitRate).toBeCloseTo(plain('belady'), 12);
    }), { numRuns: 300 });
  });

  // The optimum knows neither that the last block of a prompt of whole blocks is never a hit (rule 5), nor what passes
  // by: such prompts and capacities are left out.
  it('no policy beats belady, and belady never beats infinite', () => {
    const cases = settings.chain((setting) => fc.tuple(fc.constant(setting), arbitraryLines(setting.blockTokens), fc.integer({ min: 0, max: 10 })));
    fc.assert(fc.property(cases, ([setting, lines, spare]) => {
      const roomy = { ...setting, capacityBlocks: longestChain(buildTrace(lines, setting.blockTokens)) + spare };
      const bound = run(lines, belady, roomy).hitRate;
      for (const policy of retaining) expect(run(lines, contenderFor(policy), roomy).hitRate).toBeLessThanOrEqual(bound + 1e-12);
      expect(bound).toBeLessThanOrEqual(run(lines, infinite, roomy).hitRate + 1e-12);
    }), { numRuns: 150 });
  });

  it('never holds more blocks than the capacity, in either timing', () => {
    fc.assert(fc.property(arbitraryLines(), settings, fc.constantFrom<ReplayTiming>('exact', 'live'), (lines, setting, timing) => {
      let resident = 0;
      let most = 0;
      const counting = (index: RecencyIndex): RetentionIndex => {
        const setResident = index.setResident.bind(index);
        index.setResident = (unit: UnitId, isResident: boolean): void => {
          resident += isResident ? 1 : -1;
          most = Math.max(most, resident);
          setResident(unit, isResident);
        };
        return index;
      };
      run(lines, watching(() => undefined, counting), setting, timing);
      expect(most).toBeLessThanOrEqual(setting.capacityBlocks);
    }), { numRuns: 100 });
  });

  it('live timing leaves lru, belady and infinite as they are', () => {
    fc.assert(fc.property(arbitraryLines(), settings, (lines, setting) => {
      for (const contender of [lru, belady, infinite]) {
        expect(run(lines, contender, setting, 'live').hitRate).toBe(run(lines, contender, setting).hitRate);
      }
    }), { numRuns: 50 });
  });

  const twoCalls: TraceLine[] = [
    { workload: 'w', session: 's', step: 0, agent: 'planner', instance: 'planner-1', stop: 'tool_calls', startMs: 0, durationMs: 1500, promptTokens: 5, outputTokens: 9, base: null, segments: [['a', 5]], out: [['x', 2], ['y', 2]], tools: ['search', 'read'] },
    { workload: 'w', session: 's', step: 1, agent: 'coder', instance: 'coder', stop: undefined, startMs: 1000, durationMs: null, promptTokens: 8000, outputTokens: 60, base: [0, 1], segments: [['x', 2], ['y', 2], ['b', 7991]], out: [], tools: [] },
    { workload: 'w', session: 's', step: 2, agent: 'coder', instance: 'coder', stop: undefined, startMs: 301_000, durationMs: null, promptTokens: 4, outputTokens: 0, base: null, segments: [['z', 4]], out: [], tools: [] },
  ];
  const setting: Setting = { blockTokens: 2, concurrency: 1, capacityBlocks: 5000 };

  it('exact timing: a call arrives, its prompt is touched, it ends, its answer is touched, all at its time', () => {
    const log: string[] = [];
    const contender = watching((event) => log.push(`${event.type} ${event.atMs}`), (index) => {
      const touch = index.touch.bind(index);
      index.touch = (use, nowMs): void => { log.push(`touch ${use.origin} ${use.first}-${use.units.length} ${nowMs}`); touch(use, nowMs); };
      return index;
    });
    run(twoCalls, contender, setting);
    expect(log).toEqual([
      'request-arrive 0', 'touch prompt 0-2 0', 'request-end 0', 'touch output 2-4 0',
      'request-arrive 1000', 'touch prompt 0-4000 1000', 'request-end 1000', 'touch output 4000-4000 1000',
      'request-arrive 301000', 'touch prompt 0-2 301000', 'request-end 301000', 'touch output 2-2 301000',
    ]);
  });

  it('live timing: ends come after the stated duration, else after that of prefill and decoding', () => {
    const log: string[] = [];
    const contender = watching((event) => log.push(`${event.type} ${event.atMs}`), (index) => {
      index.touch = (use, nowMs): void => { log.push(`touch ${use.origin} ${nowMs}`); };
      return index;
    });
    run(twoCalls, contender, setting, 'live');
    expect(log).toEqual([
      'request-arrive 0', 'touch prompt 0', 'request-arrive 1000', 'touch prompt 1000',
      'request-end 1500', 'touch output 1500', 'request-end 3000', 'touch output 3000',
      'request-arrive 301000', 'touch prompt 301000',
    ]);
  });

  it('an event tells who it was, how long, which tools and how it ended', () => {
    const events: Event[] = [];
    run(twoCalls, watching((event) => events.push(event)), setting);
    expect(events[0]).toMatchObject({ type: 'request-arrive', promptTokens: 5, warmup: false, by: { workload: 'w', session: 's', agent: 'planner', instance: 'planner-1', step: 0 } });
    expect(events[1]).toMatchObject({ type: 'request-end', status: 'ok', promptTokens: 5, cachedTokens: 0, outputTokens: 9, stop: 'tool_calls', tools: ['search', 'read'], outputHash: 'y' });
    // Its prompt begins with the first call's prompt and answer: 9 tokens, 4 whole blocks.
    expect(events[3]).toMatchObject({ type: 'request-end', cachedTokens: 8 });
  });

  it('a call with more blocks than the capacity is seen but leaves the cache as it was', () => {
    const log: string[] = [];
    const contender = watching((event) => log.push(event.type), (index) => {
      index.touch = (use): void => { log.push(use.origin); };
      return index;
    });
    run(twoCalls.slice(1, 2).map((line) => ({ ...line, step: 0, base: null, segments: [['b', 8000]] })), contender, { ...setting, capacityBlocks: 10 });
    expect(log).toEqual(['request-arrive', 'request-end']);
  });

  const faults: [string, (index: RetentionIndex) => Iterable<UnitId>, RegExp][] = [
    ['names nothing', () => [], /named 0 units where \d+ were asked for/],
    ['names an absent unit', () => [4999 as UnitId], /named unit 4999, which is not resident/],
    ['throws', () => { throw new TypeError('boom'); }, /watching threw.*boom/],
  ];
  it.each(faults)('blames a policy that %s', (_what, victims, message) => {
    const contender = watching(() => undefined, (index) => Object.assign(index, { victims: () => victims(index) }));
    const attempt = (): ReplayOutcome => run(twoCalls, contender, { ...setting, capacityBlocks: 4000 });
    expect(attempt).toThrow(EntresolError);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ code: 'ENT_POLICY_INVALID' }) as Error);
  });

  it('refuses a policy without a retention index', () => {
    const contender = contenderFor(definePolicy({ name: 'orders-only', summary: 'for tests', create: () => ({}) }));
    expect(() => run(twoCalls, contender, setting)).toThrow(/orders-only has no score\.retention/);
  });
});
