import { describe, expect, it } from 'vitest';
import { LOCAL_TENANT, agentId, defaultParameters, instanceId, requestId, seededRandom, sessionId, unitId, workloadId, type Coordinate } from '../../core/index.ts';
import { createLearnerSource } from '../../learner/index.ts';
import { cacheSage } from './policy.ts';
import { cyclicLoad, play } from './synthetic-load.fixture.ts';

const calls = cyclicLoad(90, 8);
const CAPACITY = 220;

describe('cache-sage', () => {
  it('clearly beats LRU where sessions take turns and the ended ones can be told', () => {
    const lru = play(calls, CAPACITY, true);
    const sage = play(calls, CAPACITY);
    expect(sage.hitRate).toBeGreaterThan(lru.hitRate + 0.1);
  });

  it('does so by cost in milliseconds as well', () => {
    const lru = play(calls, CAPACITY, true);
    expect(play(calls, CAPACITY, false, { value: 'milliseconds' }).hitRate).toBeGreaterThan(lru.hitRate + 0.1);
  });

  it('finds out which tool ends a session', () => {
    const { instance, learners } = play(calls, CAPACITY);
    const nowMs = calls[calls.length - 1].atMs + 1000;
    const learner = learners.of(LOCAL_TENANT, workloadId('w'));
    /** The forecast for a session whose third call used this tool. */
    const endAfter = (session: string, tool: string): number => {
      const by = coordinate(session);
      ['search', 'search', tool].forEach((name, step) => {
        const request = requestId(`${session}${step}`);
        const atMs = nowMs + step * 4000;
        learner.observe({ type: 'request-arrive', atMs, by, warmup: false, request, model: 'm', promptTokens: 128 });
        learner.observe({ type: 'request-end', atMs, by, warmup: false, request, status: 'ok', promptTokens: 128, cachedTokens: 0, outputTokens: 32, stop: 'tool_calls', tools: [name] });
      });
      const forecast = instance.predict?.({ kind: 'session-end', session: sessionId(session), nowMs: nowMs + 8001 });
      return forecast?.kind === 'session-end' ? forecast.probability : NaN;
    };
    expect(endAfter('a', 'submit')).toBeGreaterThan(0.7);
    expect(endAfter('b', 'search')).toBeLessThan(0.5);
  });

  it('does nothing on its own unless prefetch is asked for', () => {
    const { instance } = play(calls.slice(0, 40), CAPACITY);
    expect(instance.act?.({ kind: 'step-end', atMs: calls[39].atMs, session: sessionId(`s${calls[39].session}`) })).toEqual([]);
  });

  it('asks to prefetch the lineage of a session that will very likely go on', () => {
    // The first call of a session is never its last one here.
    const until = calls.findLastIndex((call) => call.promptUnits === 8);
    const { instance } = play(calls.slice(0, until + 1), CAPACITY, false, { prefetch: true });
    const session = sessionId(`s${calls[until].session}`);
    expect(instance.act?.({ kind: 'step-end', atMs: calls[until].atMs, session })).toEqual([{ kind: 'prefetch', target: expect.objectContaining({ kind: 'lineage', session }) }]);
    expect(instance.act?.({ kind: 'step-end', atMs: 0, session: sessionId('never seen') })).toEqual([]);
  });

  it('restores what it saved and refuses what is broken', () => {
    const { instance } = play(calls.slice(0, 100), CAPACITY);
    const bytes = instance.snapshot?.() ?? new Uint8Array();
    const fresh = cacheSage.create({
      tenant: LOCAL_TENANT, clock: { nowMs: () => 0 }, random: seededRandom(1), learners: createLearnerSource(),
      parameters: defaultParameters(cacheSage.parameters), cache: { capacityBlocks: CAPACITY, blockTokens: 16 },
    });
    fresh.restore?.(bytes);
    expect(fresh.snapshot?.()).toEqual(bytes);
    const broken = bytes.slice();
    broken[broken.length - 6] ^= 1;
    expect(() => fresh.restore?.(broken)).toThrowError(expect.objectContaining({ code: 'ENT_SNAPSHOT_INVALID' }));
    expect(fresh.snapshot?.()).toEqual(bytes);
  });

  it('values what it has never heard of at nothing', () => {
    const { instance } = play(calls.slice(0, 20), CAPACITY);
    expect(instance.score?.retention?.value(unitId(999_999), 0)).toBe(0);
  });
});

function coordinate(session: string): Coordinate {
  return { tenant: LOCAL_TENANT, workload: workloadId('w'), session: sessionId(session), agent: agentId('worker'), instance: instanceId('worker'), step: 0 };
}
