import { describe, expect, it } from 'vitest';
import { createLearnerSource } from '../../../../learner/index.ts';
import { TIME_BINS, timeBin } from '../../../../learner/time-grid.ts';
import { LOCAL_TENANT, sessionId, workloadId, agentId } from '../../../../core/index.ts';
import { readTrace } from '../../../trace/index.ts';
import { buildTrace } from '../../../trace/testing/arbitrary-lines.ts';
import { givenTrace } from '../../../trace/testing/given-trace.ts';
import type { Segment, TraceLine } from '../../../trace/trace-line.ts';
import { arriveEvent, coordinateOf, endEvent } from '../../call-events.ts';
import { capacityAt, workingSetBlocks } from '../../capacity.ts';
import type { Contender } from '../../contender.ts';
import { boundNamed, contenderFor } from '../../contenders.ts';
import { cacheSage } from '../../../../policies/cache-sage/policy.ts';
import { replay } from '../../replay.ts';
import { scheduleCalls } from '../../schedule.ts';
import { findNextUses } from '../next-uses.ts';
import { futureOf } from './future.ts';
import { oracleLearners } from './oracle-learners.ts';

const line = (step: number, startMs: number, segments: readonly Segment[], out: readonly Segment[] = []): TraceLine => ({
  workload: 'w', session: 's', step, agent: 'planner', instance: 'planner', stop: undefined, startMs, durationMs: null,
  promptTokens: segments.reduce((sum, [, tokens]) => sum + tokens, 0), outputTokens: 0, base: null, segments, out, tools: [],
});

/** Blocks of two tokens. Call 0 uses a (2 blocks), b (2), answers x (1). Call 1 uses a alone, call 2 a and b, call 3 something else. */
const lines = [
  line(0, 0, [['a', 4], ['b', 4]], [['x', 2]]),
  line(1, 5000, [['a', 4]]),
  line(2, 8000, [['a', 4], ['b', 4]]),
  line(3, 9000, [['z', 2]]),
];
const trace = buildTrace(lines, 2);
const schedule = scheduleCalls(trace, 1);
const session = sessionId('s');
const [PROVEN, PROMPT, OUTPUT] = [0, 1, 2] as const;

describe('Future', () => {
  const future = futureOf(trace, schedule);

  it('knows when the session calls next, and that it does not', () => {
    expect([0, 1, 2, 3, 4].map((calls) => future.nextCallMs(session, calls))).toEqual([0, 5000, 8000, 9000, Infinity]);
    expect(future.nextCallMs(sessionId('stranger'), 0)).toBe(Infinity);
  });

  it('knows which later call uses what a call has used', () => {
    // New with call 0: a and b. Call 1 uses half of it, call 2 the rest; the answer is never used.
    expect(future.touchShare(session, PROMPT, 0, 1, 1)).toBe(0.5);
    expect(future.touchShare(session, PROMPT, 0, 2, 1)).toBe(1);
    expect(future.touchShare(session, PROMPT, 0, 1, 6)).toBe(1);
    expect(future.touchShare(session, OUTPUT, 0, 1, 100)).toBe(0);
    // Proven with call 1: a, which call 2 uses and call 3 does not.
    expect(future.touchShare(session, PROVEN, 1, 2, 1)).toBe(1);
    expect(future.touchShare(session, PROVEN, 2, 3, 1)).toBe(0);
    expect(future.touchShare(session, PROVEN, 0, 1, 1)).toBe(0);
  });
});

describe('oracleLearners', () => {
  it('puts the truth in the place of what is learned, where it is known', () => {
    const [call] = trace.calls;
    const by = coordinateOf(trace, call);
    const next = (knowledge: Parameters<typeof oracleLearners>[2], calls: number): Float64Array => {
      const learner = oracleLearners(createLearnerSource(), futureOf(trace, schedule), knowledge).of(LOCAL_TENANT, workloadId('w'));
      for (let number = 0; number < calls; number++) {
        learner.observe(arriveEvent({ ...by, step: number }, trace.calls[number], schedule[number].atSeconds * 1000));
        learner.observe(endEvent({ ...by, step: number }, trace.calls[number], 0, schedule[number].atSeconds * 1000));
      }
      const out = new Float64Array(TIME_BINS);
      const live = learner.sessions.session(session);
      if (live === undefined) throw new TypeError('the session is known');
      learner.sessions.nextCall(live, schedule[calls - 1].atSeconds * 1000 + 1000, out);
      return out;
    };
    const sum = (masses: Float64Array): number => masses.reduce((total, mass) => total + mass, 0);
    const nothing = { end: false, gap: false, touch: false };
    // After call 0, idle for 1 s: the next one comes in 4 s.
    expect(next({ ...nothing, end: true, gap: true }, 1)[timeBin(4000)]).toBe(1);
    expect(sum(next({ ...nothing, end: true }, 1))).toBeCloseTo(1, 9);
    const gapAlone = next({ ...nothing, gap: true }, 1);
    expect(gapAlone[timeBin(4000)]).toBeCloseTo(sum(gapAlone), 9);
    expect(sum(gapAlone)).toBeLessThan(1);
    // After the last call there is none.
    expect(sum(next({ ...nothing, end: true }, 4))).toBe(0);
    expect(sum(next({ ...nothing, touch: true }, 4))).toBe(0);
    expect(sum(next(nothing, 4))).toBeGreaterThan(0);
  });

  it('leaves agents and counters to the learner', () => {
    const learners = createLearnerSource();
    const oracle = oracleLearners(learners, futureOf(trace, schedule), { end: true, gap: true, touch: true });
    const learner = oracle.of(LOCAL_TENANT, workloadId('w'));
    expect(learner).toBe(oracle.of(LOCAL_TENANT, workloadId('w')));
    expect(learner.sessions.agentKey(agentId('planner'))).toBe(learners.of(LOCAL_TENANT, workloadId('w')).sessions.agentKey(agentId('planner')));
  });
});

describe('belady-online', () => {
  it('is chosen by what it knows', () => {
    const names = ['belady-online', 'belady-online-end', 'belady-online-gap', 'belady-online-touch', 'belady-online-end-gap', 'belady-online-touch-end', 'belady-online-touch-gap'];
    expect(names.map((name) => boundNamed(name)?.name)).toEqual(names);
    expect(boundNamed('belady-online-luck')).toBeUndefined();
  });

  const path = givenTrace('whowhen-captain');
  it.skipIf(path === undefined)('with all knowledge lies between cache-sage and belady, and each piece helps', async () => {
    const given = await readTrace(path as string, { blockTokens: 16 });
    const calls = scheduleCalls(given, 16);
    const capacityBlocks = capacityAt(given, workingSetBlocks(given, 16), 0.2);
    const uses = findNextUses(given, calls);
    const rate = (contender: Contender | undefined): number => replay({ trace: given, schedule: calls, contender: contender as Contender, capacityBlocks, timing: 'exact', nextUses: () => uses }).hitRate;
    const sage = rate(contenderFor(cacheSage));
    const all = rate(boundNamed('belady-online'));
    for (const piece of ['end', 'touch']) {
      const alone = rate(boundNamed(`belady-online-${piece}`));
      expect(alone).toBeGreaterThan(sage);
      expect(alone).toBeLessThan(all);
    }
    expect(all).toBeLessThanOrEqual(rate(boundNamed('belady')));
  });
});
