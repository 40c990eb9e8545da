import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EntresolError, LOCAL_TENANT, agentId, seededRandom, sessionId, workloadId } from '../../core/index.ts';
import { TIME_BINS } from '../../learner/index.ts';
import { cacheSage } from '../../policies/cache-sage/policy.ts';
import { arriveEvent, coordinateOf, endEvent } from '../replay/call-events.ts';
import { boundNamed, capacityAt, contenderFor, replay, scheduleCalls, workingSetBlocks, type LearnerSourceFactory } from '../replay/index.ts';
import { findNextUses } from '../replay/bounds/next-uses.ts';
import { ringTruth, syntheticLines, syntheticTrace, trueLearners, type RingOptions } from './index.ts';

const RING: RingOptions = { agents: 3, calls: 10, equallyLong: false, order: 0.8, endShown: 0.5, pauseSpread: 0.5, outputSpread: 0.5 };

describe('synthetic workloads', () => {
  it('are the same for the same seed and others for another', () => {
    const truth = ringTruth(RING, seededRandom(1));
    const lines = (seed: number) => [...syntheticLines(truth, { sessions: 5, seed })];
    expect(lines(1)).toEqual(lines(1));
    expect(lines(1)).not.toEqual(lines(2));
  });

  it('follow their truth: who calls next, how often it ends, whether the end shows', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 1e6 }), (seed) => {
      const truth = ringTruth(RING, seededRandom(seed));
      const lines = [...syntheticLines(truth, { sessions: 600, seed })];
      const after = lines.flatMap((line, index) => (line.agent === 'agent-1' ? [lines[index + 1]?.step > 0 ? lines[index + 1].agent : 'end'] : []));
      const share = (what: string) => after.filter((next) => next === what).length / after.length;
      truth.agents.forEach(({ name }, agent) => expect(Math.abs(share(name) - truth.next[1][agent])).toBeLessThan(0.05));
      expect(Math.abs(share('end') - 0.1)).toBeLessThan(0.05);
      const shown = lines.filter(({ tools }) => tools.length === 0);
      expect(Math.abs(shown.length / 600 - RING.endShown)).toBeLessThan(0.1);
      for (const line of shown) expect(lines[lines.indexOf(line) + 1]?.step ?? 0).toBe(0);
    }), { numRuns: 5, seed: 7 });
  });

  it('refuse a truth that contradicts itself', () => {
    const truth = ringTruth(RING, seededRandom(1));
    for (const broken of [{ ...truth, first: [0.5, 0, 0] }, { ...truth, next: [[1, 1, 1], ...truth.next.slice(1)] }, { ...truth, agents: [] }, { ...truth, mostCalls: 0 }]) {
      expect(() => [...syntheticLines(broken, { sessions: 1, seed: 1 })]).toThrow(EntresolError);
    }
  });
});

describe('the true learner', () => {
  it('forecasts what comes: ends, gaps and callers are as often as it says', () => {
    const truth = ringTruth({ ...RING, endShown: 0 }, seededRandom(3));
    const trace = syntheticTrace(truth, { sessions: 800, seed: 3 });
    const learner = trueLearners(truth).of(LOCAL_TENANT, workloadId(truth.name));
    const mass = new Float64Array(TIME_BINS);
    const chances = new Float64Array(learner.sessions.horizons);
    let expectedReturns = 0;
    let returns = 0;
    let expectedOfFirst = 0;
    let callsOfFirst = 0;
    trace.calls.forEach((call, index) => {
      const by = coordinateOf(trace, call);
      const atMs = call.startMs ?? 0;
      learner.observe(arriveEvent(by, call, atMs));
      learner.observe(endEvent(by, call, 0, atMs));
      const live = learner.sessions.session(sessionId(by.session));
      if (live === undefined) throw new Error('the session is unknown');
      const next = trace.calls[index + 1]?.session === call.session ? trace.calls[index + 1] : undefined;
      if (next !== undefined) {
        learner.sessions.touchChances(live, 0, learner.sessions.agentKey(agentId('agent-0')), 0, 0, chances);
        expectedOfFirst += chances[0];
        if (next.agent === 'agent-0') callsOfFirst++;
      }
      // Asked after the call and a second of silence: those that have called again by then do not count.
      const waitedMs = (call.durationMs ?? 0) + 1000;
      if (next !== undefined && (next.startMs ?? 0) - atMs <= waitedMs) return;
      learner.sessions.nextCall(live, atMs + waitedMs, mass);
      expectedReturns += mass.reduce((sum, value) => sum + value, 0);
      if (next !== undefined) returns++;
    });
    // Three standard errors.
    expect(callsOfFirst).toBeGreaterThan(2000);
    expect(returns).toBeGreaterThan(500);
    expect(Math.abs(expectedReturns / returns - 1)).toBeLessThan(0.1);
    expect(Math.abs(expectedOfFirst / callsOfFirst - 1)).toBeLessThan(0.05);
  });
});

/** Eight sessions at once in a third of the room that they want: with the truth told, and with it to be found out. */
function hitRates(options: RingOptions, seed: number, sessions: number) {
  const truth = ringTruth(options, seededRandom(seed));
  const trace = syntheticTrace(truth, { sessions, seed });
  const schedule = scheduleCalls(trace, 8);
  const nextUses = findNextUses(trace, schedule);
  const capacityBlocks = capacityAt(trace, workingSetBlocks(trace, 8), 0.35);
  const rate = (contender: Parameters<typeof replay>[0]['contender'], learners?: LearnerSourceFactory) =>
    replay({ trace, schedule, capacityBlocks, contender, timing: 'exact', nextUses: () => nextUses, ...(learners === undefined ? {} : { learners }) }).hitRate;
  const belady = boundNamed('belady');
  if (belady === undefined) throw new Error('no bound is called belady');
  return { told: rate(contenderFor(cacheSage), () => trueLearners(truth)), learned: () => rate(contenderFor(cacheSage)), optimum: rate(belady) };
}

describe('cache-sage', () => {
  it('is within two points of the clairvoyant optimum where it is told the truth and that leaves nothing to chance', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 4 }), (seed, agents) => {
      const { told, optimum } = hitRates({ agents, calls: 10, equallyLong: true, order: 1, endShown: 1, pauseSpread: 0, outputSpread: 0 }, seed, 30);
      expect(told).toBeGreaterThan(optimum - 0.02);
    }), { numRuns: 8, seed: 7 });
  }, 180_000);

  it('finds the truth out: within two points of being told it', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 4 }), fc.double({ min: 0.2, max: 1, noNaN: true }), (seed, agents, spread) => {
      const { told, learned } = hitRates({ ...RING, agents, pauseSpread: spread, outputSpread: spread }, seed, 100);
      expect(learned()).toBeGreaterThan(told - 0.02);
    }), { numRuns: 2, seed: 7 });
  }, 180_000);
});
