/** What holds for every policy that retains, and for the bounds: over random traces, in both timings. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PolicyInstance, RetentionIndex, UnitId } from '../../core/index.ts';
import { POLICIES } from '../../policies/registry.ts';
import { arbitraryLines, buildTrace } from '../trace/testing/arbitrary-lines.ts';
import { findNextUses } from './bounds/next-uses.ts';
import type { Contender } from './contender.ts';
import { BOUND_NAMES, boundNamed, contenderFor } from './contenders.ts';
import { replay, type ReplayTiming } from './replay.ts';
import { scheduleCalls } from './schedule.ts';

const infinite = boundNamed('infinite') as Contender;
const contenders = [
  ...POLICIES.filter(({ decisions }) => decisions.includes('retention')).map((policy) => contenderFor(policy)),
  ...BOUND_NAMES.map((name) => boundNamed(name) as Contender),
];

/** Watches what the contender's index is told and what it answers. */
function watched(contender: Contender, capacityBlocks: number): Contender {
  return {
    ...contender,
    open(context): PolicyInstance {
      const instance = contender.open(context);
      const index = instance.score?.retention as RetentionIndex;
      // Belady gives up what is never used again in any order: no hit depends on it.
      return { ...instance, score: { retention: watchedIndex(index, capacityBlocks, contender.name !== 'belady') } };
    },
  };
}

function watchedIndex(index: RetentionIndex, capacityBlocks: number, childrenFirst: boolean): RetentionIndex {
  const parents = new Map<UnitId, UnitId | undefined>();
  const resident = new Set<UnitId>();
  const childrenOf = new Map<UnitId, number>();
  const countChild = (unit: UnitId, by: number): void => {
    const parent = parents.get(unit);
    if (parent !== undefined) childrenOf.set(parent, (childrenOf.get(parent) ?? 0) + by);
  };
  return {
    define(unit) {
      parents.set(unit.id, unit.parent);
      index.define(unit);
    },
    touch: (touch, nowMs) => index.touch(touch, nowMs),
    setResident(unit, isResident) {
      if (isResident) resident.add(unit);
      else resident.delete(unit);
      countChild(unit, isResident ? 1 : -1);
      expect(resident.size).toBeLessThanOrEqual(capacityBlocks);
      index.setResident(unit, isResident);
    },
    forget: (unit) => index.forget(unit),
    value: (unit, nowMs) => index.value(unit, nowMs),
    *victims(blocks, pinned, nowMs) {
      const named = new Set<UnitId>();
      for (const unit of index.victims(blocks, pinned, nowMs)) {
        const childrenLeft = !childrenFirst ? 0 : (childrenOf.get(unit) ?? 0) - [...named].filter((other) => parents.get(other) === unit).length;
        expect({ unit, resident: resident.has(unit), pinned: pinned(unit), namedTwice: named.has(unit), childrenLeft }).toEqual({ unit, resident: true, pinned: false, namedTwice: false, childrenLeft: 0 });
        named.add(unit);
        yield unit;
      }
    },
    leases: (nowMs, max) => index.leases(nowMs, max),
    stateBytes: () => index.stateBytes(),
  };
}

const cases = fc.record({
  lines: arbitraryLines(), blockTokens: fc.integer({ min: 2, max: 4 }), concurrency: fc.integer({ min: 1, max: 4 }),
  capacityBlocks: fc.integer({ min: 1, max: 40 }), timing: fc.constantFrom<ReplayTiming>('exact', 'live'),
});

describe.each(contenders.map((contender) => ({ name: contender.name, contender })))('$name', ({ contender }) => {
  it('evicts only what it may, never holds more than the capacity, and never hits more than without evictions', () => {
    fc.assert(fc.property(cases, ({ lines, blockTokens, concurrency, capacityBlocks, timing }) => {
      const trace = buildTrace(lines, blockTokens);
      const schedule = scheduleCalls(trace, concurrency);
      const nextUses = (): ReturnType<typeof findNextUses> => findNextUses(trace, schedule);
      const run = (of: Contender): number => replay({ trace, schedule, contender: of, capacityBlocks, timing, nextUses }).hitRate;
      const most = contender.unbounded ? trace.blockCount : capacityBlocks;
      expect(run(watched(contender, most))).toBeLessThanOrEqual(run(infinite) + 1e-12);
    }), { numRuns: 25 });
  });

  it('hits as much as without evictions where everything fits', () => {
    fc.assert(fc.property(cases, ({ lines, blockTokens, concurrency, timing }) => {
      const trace = buildTrace(lines, blockTokens);
      const schedule = scheduleCalls(trace, concurrency);
      const nextUses = (): ReturnType<typeof findNextUses> => findNextUses(trace, schedule);
      const run = (of: Contender): number => replay({ trace, schedule, contender: of, capacityBlocks: Math.max(1, trace.blockCount), timing, nextUses }).hitRate;
      expect(run(contender)).toBe(run(infinite));
    }), { numRuns: 10 });
  });
});
