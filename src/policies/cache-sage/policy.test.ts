import { describe, expect, it } from 'vitest';
import { LOCAL_TENANT, agentId, defaultParameters, instanceId, replicaId, requestId, seededRandom, sessionId, unitId, workloadId, type Coordinate, type Intent, type PolicyInstance } from '../../core/index.ts';
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

  describe('in tool gaps', () => {
    // The first call of a session is never its last one here.
    const until = calls.findLastIndex((call) => call.promptUnits === 8);
    const session = sessionId(`s${calls[until].session}`);
    const ROOMY = 100_000;
    const both = { prefetch: true, demote: true };
    type Asked = { readonly restoreMs?: number; readonly away?: boolean; readonly moment?: 'step-end' | 'tick' };
    const askedOf = (capacity: number, parameters: Parameters<typeof play>[3], { restoreMs, away = false, moment = 'step-end' }: Asked = {}): readonly string[] => {
      const { instance } = play(calls.slice(0, until + 1), capacity, false, parameters, restoreMs);
      if (away) for (const unit of calls[until].chain.toReversed()) instance.score?.retention?.setResident(unitId(unit), false);
      const { atMs } = calls[until];
      const atStepEnd = instance.act?.({ kind: 'step-end', atMs, session }) ?? [];
      const intents = moment === 'step-end' ? atStepEnd : (instance.act?.({ kind: 'tick', atMs: atMs + 1000 }) ?? []);
      for (const intent of intents) expect(intent).toMatchObject({ target: { kind: 'lineage', session } });
      return intents.map(({ kind }) => kind);
    };

    it('does nothing unless it is asked for', () => {
      expect(askedOf(CAPACITY, {}, { restoreMs: 0.5, away: true })).toEqual([]);
    });

    it('has nothing to decide where there is no tier below', () => {
      expect(askedOf(CAPACITY, both)).toEqual([]);
      expect(askedOf(ROOMY, both, { away: true })).toEqual([]);
    });

    it('brings a history back where the room costs nothing', () => {
      expect(askedOf(ROOMY, both, { restoreMs: 0.5, away: true })).toEqual(['prefetch']);
      expect(askedOf(ROOMY, { demote: true }, { restoreMs: 0.5, away: true })).toEqual([]);
      expect(askedOf(ROOMY, both, { restoreMs: 0.5 })).toEqual([]);
    });

    it('asks again while the session waits, and not once it has called', () => {
      expect(askedOf(ROOMY, both, { restoreMs: 0.5, away: true, moment: 'tick' })).toEqual(['prefetch']);
      const { instance } = play(calls.slice(0, until + 1), ROOMY, false, both, 0.5);
      for (const unit of calls[until].chain.toReversed()) instance.score?.retention?.setResident(unitId(unit), false);
      expect(instance.act?.({ kind: 'tick', atMs: calls[until].atMs + 1000 })).toEqual([]);
    });

    it('leaves alone what is too cheap to bring back for anyone to notice', () => {
      expect(askedOf(ROOMY, both, { restoreMs: 1e-3, away: true })).toEqual([]);
    });

    it('moves it below where its room is worth more to others than bringing it back costs', () => {
      expect(askedOf(CAPACITY, both, { restoreMs: 1e-4 })).toEqual(['demote']);
      expect(askedOf(CAPACITY, { prefetch: true }, { restoreMs: 1e-4 })).toEqual([]);
    });

    it('never moves below what would cost as much to bring back as to compute', () => {
      expect(askedOf(CAPACITY, both, { restoreMs: 2 })).not.toContain('demote');
      expect(askedOf(CAPACITY, both, { restoreMs: 4 })).not.toContain('demote');
    });

    it('knows nothing of sessions that it has never seen', () => {
      const { instance } = play(calls.slice(0, 40), CAPACITY, false, both, 0.5);
      expect(instance.act?.({ kind: 'step-end', atMs: 0, session: sessionId('never seen') })).toEqual([]);
    });
  });

  describe('while an engine offers to compute ahead of calls', () => {
    const until = calls.findLastIndex((call) => call.promptUnits === 8);
    const session = sessionId(`s${calls[until].session}`);
    const { atMs, chain, promptUnits } = calls[until];
    const replica = replicaId('e');
    const IDLE = { type: 'engine-load', atMs, replica, runningRequests: 0, waitingRequests: 0, cacheUsedFraction: 0.5 } as const;
    /** @param gone units of the session's own that were evicted since; 100,000 blocks: room costs nothing */
    const waits = ({ capacity = 100_000, parameters = {}, gone = chain.slice(4), prefillScale = 2, freeBlocks = 1000, offers = true }: { capacity?: number; parameters?: Parameters<typeof play>[3]; gone?: readonly number[]; prefillScale?: number; freeBlocks?: number; offers?: boolean } = {}): PolicyInstance => {
      const { instance } = play(calls.slice(0, until + 1), capacity, false, parameters);
      for (const unit of gone.toReversed()) instance.score?.retention?.setResident(unitId(unit), false);
      instance.observe?.({ ...IDLE, ...(offers ? { warmsUp: { prefillScale, freeBlocks } } : {}) });
      return instance;
    };
    const stepEnd = (instance: PolicyInstance): readonly Intent[] => instance.act?.({ kind: 'step-end', atMs, session }) ?? [];
    const lineage = { kind: 'prefetch', target: { kind: 'lineage', session, agent: 'worker' } };

    it('asks for what a waiting session has lost, once', () => {
      const instance = waits();
      expect(stepEnd(instance)).toMatchObject([lineage]);
      expect(instance.act?.({ kind: 'engine-idle', atMs: atMs + 10, replica })).toEqual([]);
    });

    it('asks again for what was put off, and anew after the session has called', () => {
      const instance = waits();
      const [intent] = stepEnd(instance);
      instance.observe?.({ type: 'intent-done', atMs, policy: 'cache-sage', intent, outcome: { status: 'deferred', why: 'calls wait' } });
      expect(instance.act?.({ kind: 'engine-idle', atMs: atMs + 10, replica })).toMatchObject([lineage]);
      expect(instance.act?.({ kind: 'tick', atMs: atMs + 20 })).toEqual([]);
    });

    it('does not where nothing is missing, nobody offers it, the engine is at work, or it was told not to', () => {
      expect(stepEnd(waits({ gone: [] }))).toEqual([]);
      expect(stepEnd(waits({ offers: false }))).toEqual([]);
      expect(stepEnd(waits({ parameters: { warmUps: false } }))).toEqual([]);
      const busy = waits();
      busy.observe?.({ ...IDLE, runningRequests: 1 });
      expect(stepEnd(busy)).toEqual([]);
    });

    it('asks for nothing of an engine that is down, nor of one that the session does not run on', () => {
      const down = waits();
      down.observe?.({ type: 'engine-down', atMs, replica, code: 'ENT_ENGINE_UNAVAILABLE' });
      expect(stepEnd(down)).toEqual([]);
      const elsewhere = waits();
      const by = { ...coordinate(session), step: 0 };
      elsewhere.observe?.({ type: 'request-dispatch', atMs, by, request: requestId('r'), replica: replicaId('busy') });
      expect(stepEnd(elsewhere)).toEqual([]);
      elsewhere.observe?.({ type: 'request-dispatch', atMs, by, request: requestId('r'), replica });
      expect(stepEnd(elsewhere)).toMatchObject([lineage]);
    });

    it('takes what prefill takes from the engine that the session runs on', () => {
      const instance = waits();
      instance.observe?.({ type: 'request-dispatch', atMs, by: coordinate(session), request: requestId('r'), replica });
      instance.observe?.({ ...IDLE, replica: replicaId('slow'), warmsUp: { prefillScale: 1000, freeBlocks: 1000 } });
      expect(stepEnd(instance)).toMatchObject([lineage]);
    });

    it('asks again where no engine could do it', () => {
      const instance = waits();
      const [intent] = stepEnd(instance);
      instance.observe?.({ type: 'intent-done', atMs, policy: 'cache-sage', intent, outcome: { status: 'unsupported' } });
      expect(instance.act?.({ kind: 'engine-idle', atMs: atMs + 10, replica })).toMatchObject([lineage]);
    });

    it('asks at once however many sessions have ended before, and never for one that has', () => {
      const { instance, learners } = play(calls.slice(0, until + 1), 100_000);
      const others = [...new Set(calls.slice(0, until).map((call) => `s${call.session}`))].filter((name) => name !== session);
      expect(others.length).toBeGreaterThan(64);
      for (const name of others) instance.act?.({ kind: 'step-end', atMs, session: sessionId(name) });
      for (const name of others) {
        const ended = { type: 'session-end', atMs, by: coordinate(name), reason: 'explicit' } as const;
        learners.of(LOCAL_TENANT, workloadId('w')).observe(ended);
        instance.observe?.(ended);
      }
      for (const unit of chain.slice(4).toReversed()) instance.score?.retention?.setResident(unitId(unit), false);
      instance.act?.({ kind: 'step-end', atMs, session });
      instance.observe?.({ ...IDLE, warmsUp: { prefillScale: 2, freeBlocks: 1000 } });
      expect(instance.act?.({ kind: 'engine-idle', atMs, replica })).toMatchObject([lineage]);
      instance.observe?.({ type: 'session-end', atMs, by: coordinate(session), reason: 'explicit' });
      expect(instance.act?.({ kind: 'tick', atMs: atMs + 1000 })).toEqual([]);
    });

    it('does not where it would take the room of others, whose worth it does not know', () => {
      const instance = waits({ gone: calls.slice(0, until + 1).flatMap((call) => call.chain), freeBlocks: 1 });
      expect(stepEnd(instance)).toEqual([]);
      expect(stepEnd(waits({ gone: calls.slice(0, until + 1).flatMap((call) => call.chain) }))).toMatchObject([lineage]);
    });

    it('does not for an answer that no prompt holds yet, nor for what is computed in no time', () => {
      expect(stepEnd(waits({ gone: chain.slice(promptUnits) }))).toEqual([]);
      expect(stepEnd(waits({ prefillScale: 0.1 }))).toEqual([]);
    });

    it('does not where calls that come meanwhile would wait for longer than it saves', () => {
      // A call comes every 500 ms or so.
      expect(stepEnd(waits({ prefillScale: 1000 }))).toEqual([]);
    });
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
