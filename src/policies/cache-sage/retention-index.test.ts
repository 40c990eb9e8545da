import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agentId, instanceId, requestId, sessionId, tenantId, unitId, workloadId, type Coordinate, type UnitId } from '../../core/index.ts';
import { createLearnerSource } from '../../learner/index.ts';
import { SageIndex } from './retention-index.ts';

const TENANT = tenantId('local');

function setup(capacityBlocks = 64) {
  const learners = createLearnerSource();
  const index = new SageIndex({ learners, tenant: TENANT, value: 'hits', tolerance: 0.05, guard: true, capacityBlocks });
  return { learners, index };
}
function by(session: string, agent: string): Coordinate {
  return { tenant: TENANT, workload: workloadId('w'), session: sessionId(session), agent: agentId(agent), instance: instanceId(agent), step: 0 };
}

/** Calls over a tree of units in which a unit's number tells its place: unit = branch × 100 + depth, parents first. */
class Cache {
  readonly index: SageIndex;
  readonly learners: ReturnType<typeof createLearnerSource>;
  readonly resident = new Set<number>();
  readonly parents = new Map<number, number>();
  private requests = 0;

  constructor(capacityBlocks?: number) {
    ({ index: this.index, learners: this.learners } = setup(capacityBlocks));
  }

  call(session: string, agent: string, chain: readonly number[], promptUnits: number, nowMs: number): void {
    const coordinate = by(session, agent);
    const learner = this.learners.of(TENANT, coordinate.workload);
    const request = requestId(`r${this.requests++}`);
    chain.forEach((unit, depth) => {
      if (this.parents.has(unit)) return;
      const parent = depth === 0 ? undefined : unitId(chain[depth - 1]);
      this.parents.set(unit, depth === 0 ? -1 : chain[depth - 1]);
      this.index.define({ id: unitId(unit), parent, sizeBlocks: 1, marginalPrefillMs: 1 + depth });
    });
    learner.observe({ type: 'request-arrive', atMs: nowMs, by: coordinate, request, model: 'm', promptTokens: promptUnits * 16, warmup: false });
    this.index.touch({ by: coordinate, units: Int32Array.from(chain.slice(0, promptUnits)), first: 0, origin: 'prompt' }, nowMs);
    learner.observe({ type: 'request-end', atMs: nowMs, by: coordinate, request, status: 'ok', promptTokens: promptUnits * 16, cachedTokens: 0, outputTokens: 16, stop: 'stop', tools: [], warmup: false });
    this.index.touch({ by: coordinate, units: Int32Array.from(chain), first: promptUnits, origin: 'output' }, nowMs);
    for (const unit of chain) this.hold(unit, true);
  }
  hold(unit: number, resident: boolean): void {
    if (resident) this.resident.add(unit);
    else this.resident.delete(unit);
    this.index.setResident(unitId(unit), resident);
  }
}

const chainOf = (branch: number, length: number): number[] => Array.from({ length }, (_, depth) => (depth < 3 ? depth : branch * 100 + depth));

describe('SageIndex', () => {
  it('evicts what an ended session left before what a live one will use, deepest first', () => {
    const cache = new Cache();
    cache.call('gone', 'coder', chainOf(1, 6), 5, 0);
    cache.call('here', 'coder', chainOf(2, 6), 5, 100);
    const coordinate = by('gone', 'coder');
    cache.learners.of(TENANT, coordinate.workload).observe({ type: 'session-end', atMs: 200, by: coordinate, reason: 'explicit' });
    const victims = [...cache.index.victims(3, () => false, 1000)];
    expect(victims).toEqual([105, 104, 103]);
    expect(cache.index.value(unitId(103), 1000)).toBe(0);
    expect(cache.index.value(unitId(203), 1000)).toBeGreaterThan(0);
  });

  it('values a prefix at least as high as what hangs from it', () => {
    const cache = new Cache();
    cache.call('a', 'coder', chainOf(1, 8), 6, 0);
    cache.call('b', 'coder', chainOf(2, 8), 6, 100);
    cache.call('a', 'coder', chainOf(1, 12), 10, 5000);
    for (const chain of [chainOf(1, 12), chainOf(2, 8)]) {
      const values = chain.map((unit) => cache.index.value(unitId(unit), 6000));
      for (let depth = 1; depth < values.length; depth++) expect(values[depth - 1]).toBeGreaterThanOrEqual(values[depth]);
    }
  });

  it('gives up a parent once its children are gone', () => {
    const cache = new Cache();
    cache.call('a', 'coder', chainOf(1, 6), 5, 0);
    const victims = [...cache.index.victims(6, () => false, 100)];
    expect(victims).toEqual([105, 104, 103, 2, 1, 0]);
    expect(cache.resident.size).toBe(6);
    expect([...cache.index.victims(6, () => false, 100)]).toEqual(victims);
  });

  it('evicts what was held before any call used it', () => {
    const cache = new Cache();
    cache.index.define({ id: unitId(7), sizeBlocks: 1, marginalPrefillMs: 1 });
    cache.index.define({ id: unitId(8), parent: unitId(7), sizeBlocks: 1, marginalPrefillMs: 1 });
    cache.hold(7, true);
    cache.hold(8, true);
    expect([...cache.index.victims(2, () => false, 0)]).toEqual([8, 7]);
  });

  it('survives forgotten units whose ids are used again', () => {
    const cache = new Cache();
    cache.call('a', 'coder', chainOf(1, 6), 5, 0);
    for (const unit of [1, 104]) {
      cache.hold(unit, false);
      cache.index.forget(unitId(unit));
    }
    cache.index.define({ id: unitId(104), sizeBlocks: 1, marginalPrefillMs: 1 });
    cache.hold(104, true);
    const victims = [...cache.index.victims(9, () => false, 100)];
    expect(new Set(victims)).toEqual(new Set([0, 2, 103, 104, 105]));
    expect(victims.indexOf(unitId(103))).toBeLessThan(victims.indexOf(unitId(2)));
  });

  it('hands out leases for the most valuable units, with values that do not come from the dead', () => {
    const cache = new Cache();
    cache.call('gone', 'coder', chainOf(1, 6), 5, 0);
    cache.call('here', 'coder', chainOf(2, 6), 5, 100);
    const coordinate = by('gone', 'coder');
    cache.learners.of(TENANT, coordinate.workload).observe({ type: 'session-end', atMs: 200, by: coordinate, reason: 'explicit' });
    const leases = cache.index.leases(1000, 4);
    expect(leases).toHaveLength(4);
    expect(leases.map(({ unit }) => unit)).not.toContain(103);
    for (const { steps } of leases) {
      expect(steps.every(({ value }, place) => value >= 0 && (place === 0 || steps[place].untilMs > steps[place - 1].untilMs))).toBe(true);
    }
  });

  it('makes leases in parts, while calls come and sessions end, without failing or naming what is not there', () => {
    const cache = new Cache(4000);
    for (let session = 0; session < 120; session++) cache.call(`s${session}`, 'coder', chainOf(session + 1, 20), 18, session * 50);
    const whole = cache.index.leases(10_000, 4000).map(({ unit }) => unit);
    expect(new Set([...cache.index.leaseParts(10_000, 4000)].flat().map(({ unit }) => unit))).toEqual(new Set(whole));
    expect([...cache.index.leaseParts(10_000, 7)].flat()).toHaveLength(7);
    let parts = 0;
    const seen = new Set<number>();
    for (const part of cache.index.leaseParts(20_000, 4000)) {
      for (const { unit } of part) {
        expect(seen.has(unit)).toBe(false);
        seen.add(unit);
      }
      const coordinate = by(`s${parts}`, 'coder');
      cache.learners.of(TENANT, coordinate.workload).observe({ type: 'session-end', atMs: 20_000, by: coordinate, reason: 'explicit' });
      cache.call(`s${parts + 40}`, 'coder', chainOf(parts + 41, 20), 19, 20_000 + parts);
      parts += 1;
    }
    expect(parts).toBeGreaterThan(5);
    expect(seen.size).toBeGreaterThan(0.9 * whole.length);
  });

  it('does not grow with agents and sessions that come once and are gone', () => {
    const cache = new Cache(400);
    const sizes: number[] = [];
    const blocks = 6;
    for (let session = 0; session < 8000; session++) {
      const chain = Array.from({ length: blocks }, (_, depth) => (session % 60) * blocks + depth);
      // An engine with few ids: what was there before is gone.
      for (const unit of chain.toReversed()) {
        if (!cache.parents.has(unit)) continue;
        cache.hold(unit, false);
        cache.index.forget(unitId(unit));
        cache.parents.delete(unit);
      }
      cache.call(`s${session}`, `agent-${session}`, chain, blocks - 1, session * 400);
      if (session % 50 === 0) void [...cache.index.victims(1, () => false, session * 400)];
      if (session === 5500 || session === 7999) {
        const { learned, working, ghosts } = cache.index.stateBytes();
        expect(learned).toBeLessThanOrEqual(20 * 1024);
        sizes.push(working + ghosts);
      }
    }
    // What is full breathes by a few bytes; 2,500 more sessions of eight bytes each would be a quarter more.
    expect(sizes[1]).toBeLessThanOrEqual(1.01 * sizes[0]);
  }, 60_000);

  it('keeps at most 64 bytes per live session beside its groups and what the learner knows', () => {
    const bytes = (sessions: number): number => {
      const cache = new Cache(1e6);
      // All of one group, whose members are bounded: what grows is per session.
      for (let session = 0; session < sessions; session++) cache.call(`s${session}`, 'a', [0, 1, 2], 2, session);
      const { working, ghosts } = cache.index.stateBytes();
      return working + ghosts;
    };
    expect((bytes(4000) - bytes(1000)) / 3000).toBeLessThanOrEqual(64);
  }, 60_000);

  it('lets go of the sessions of the workload that was met first once there are more than 1,024 workloads', () => {
    const { learners, index } = setup(4096);
    const play = (workload: number): void => {
      const coordinate = { ...by('s', 'a'), workload: workloadId(`w${workload}`) };
      const unit = unitId(workload);
      index.define({ id: unit, sizeBlocks: 1, marginalPrefillMs: 1 });
      learners.of(TENANT, coordinate.workload).observe({ type: 'request-arrive', atMs: workload, by: coordinate, request: requestId('r'), model: 'm', promptTokens: 16, warmup: false });
      index.touch({ by: coordinate, units: Int32Array.of(unit), first: 0, origin: 'prompt' }, workload);
      index.setResident(unit, true);
    };
    for (let workload = 0; workload < 1024; workload++) play(workload);
    expect(index.value(unitId(0), 2000)).toBeGreaterThan(0);
    for (let workload = 1024; workload < 1030; workload++) play(workload);
    expect(index.value(unitId(0), 2000)).toBe(0);
    expect(index.value(unitId(1029), 2000)).toBeGreaterThan(0);
  });

  const action = fc.record({
    session: fc.integer({ min: 0, max: 9 }),
    agent: fc.integer({ min: 0, max: 3 }),
    branch: fc.integer({ min: 1, max: 8 }),
    length: fc.integer({ min: 1, max: 14 }),
    output: fc.integer({ min: 0, max: 3 }),
    gapMs: fc.integer({ min: 0, max: 90_000 }),
    evict: fc.integer({ min: 0, max: 12 }),
    forget: fc.boolean(),
    pin: fc.integer({ min: 0, max: 3 }),
    /** Engines need not drop all that they were told, and ask for values when they like. */
    drop: fc.integer({ min: 0, max: 12 }),
    asks: fc.boolean(),
  });

  it('never yields pinned or absent units, yields children before parents, and enough of them', () => {
    fc.assert(fc.property(fc.array(action, { minLength: 1, maxLength: 60, size: 'max' }), (actions) => {
      const cache = new Cache(24);
      let nowMs = 0;
      for (const { session, agent, branch, length, output, gapMs, evict, forget, pin, drop, asks } of actions) {
        nowMs += gapMs;
        const chain = chainOf(branch, length);
        cache.call(`s${session}`, `a${agent}`, chain, Math.max(1, length - output), nowMs);
        const pinned = (unit: UnitId): boolean => pin > 0 && unit % (pin + 2) === 0;
        const free = [...cache.resident].filter((unit) => {
          // Evictable: not pinned itself, and nothing pinned hangs from it.
          const below = [...cache.resident].some((other) => {
            for (let walk = other; walk >= 0; walk = cache.parents.get(walk) ?? -1) if (walk === unit) return pinned(unitId(other));
            return false;
          });
          return !below;
        });
        const victims = [...cache.index.victims(evict, pinned, nowMs)];
        expect(new Set(victims).size).toBe(victims.length);
        expect(victims.length).toBe(Math.min(evict, free.length));
        victims.forEach((victim, place) => {
          expect(cache.resident.has(victim)).toBe(true);
          expect(pinned(victim)).toBe(false);
          for (const other of cache.resident) {
            if (cache.parents.get(other) === victim) expect(victims.slice(0, place)).toContain(other);
          }
        });
        for (const unit of asks ? cache.resident : []) {
          const value = cache.index.value(unitId(unit), nowMs);
          expect(Number.isFinite(value) && value >= 0).toBe(true);
        }
        for (const victim of victims.slice(0, drop)) {
          cache.hold(victim, false);
          const hasChild = [...cache.parents.values()].includes(victim);
          if (forget && !hasChild) {
            cache.index.forget(victim);
            cache.parents.delete(victim);
          }
        }
      }
      const bytes = cache.index.stateBytes();
      expect(bytes.learned).toBeGreaterThan(0);
      expect(bytes.ghosts).toBeGreaterThan(0);
    }), { numRuns: 80 });
  });
});
