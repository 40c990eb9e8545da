/** What every slot manager must keep, whatever its rule. Each member runs this suite. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EntresolError, agentId, sessionId, tenantId, workloadId, type Intent, type RetentionIndex, type TenantId } from '../../core/index.ts';
import type { SlotManagerOptions } from './create-slot-manager.ts';
import type { SlotJob, SlotResult } from './slot-manager.ts';
import { StrictIndex } from './testing/strict-index.ts';
import { freshOutput, joined, makeJob, makeWorld, tokensOf, type World } from './testing/world.ts';

export interface Member {
  readonly name: string;
  readonly options: Partial<SlotManagerOptions>;
  readonly withIndex: boolean;
}

const CONTEXT = 512;

interface Call {
  readonly job: SlotJob;
  readonly afterMs: number;
  readonly cancelAfterMs: number | undefined;
}

const call = fc.record({
  tenant: fc.integer({ min: 0, max: 1 }),
  session: fc.integer({ min: 0, max: 4 }),
  agent: fc.integer({ min: 0, max: 2 }),
  history: fc.integer({ min: 0, max: 8 }),
  ownTokens: fc.integer({ min: 1, max: 40 }),
  maxTokens: fc.integer({ min: 1, max: 40 }),
  sampled: fc.boolean(),
  afterMs: fc.integer({ min: 0, max: 200 }),
  cancelAfterMs: fc.option(fc.integer({ min: 0, max: 300 }), { nil: undefined, freq: 5 }),
});

const disturbance = fc.record({
  atMs: fc.integer({ min: 0, max: 3000 }),
  kind: fc.constantFrom('evict', 'demote', 'restore', 'retain', 'disk-full', 'corrupt') as fc.Arbitrary<'evict' | 'demote' | 'restore' | 'retain' | 'disk-full' | 'corrupt'>,
  session: fc.integer({ min: 0, max: 4 }),
  agent: fc.integer({ min: 0, max: 2 }),
});

const load = fc.record({
  calls: fc.array(call, { minLength: 1, maxLength: 24 }),
  disturbances: fc.array(disturbance, { maxLength: 8 }),
  storeTokens: fc.constantFrom(0, 300, 900, 3000),
});
type Load = typeof load extends fc.Arbitrary<infer Value> ? Value : never;

/** An agent's anchor, then the session's history up to some point, then something of its own: prefixes are shared in all ways. */
function callsOf(described: Load['calls']): Call[] {
  return described.map((one, at) => ({
    job: makeJob(
      joined(tokensOf(`anchor ${one.agent}`, 40 + 45 * one.agent), tokensOf(`history ${one.session} ${one.agent}`, 25 * one.history), tokensOf(`own ${at}`, one.ownTokens)),
      { tenant: `t${one.tenant}`, session: `s${one.session}`, agent: `a${one.agent}` },
      { maxTokens: one.maxTokens, temperature: one.sampled ? 1 : 0, seed: at },
    ),
    afterMs: one.afterMs,
    cancelAfterMs: one.cancelAfterMs,
  }));
}

interface Settled { readonly job: SlotJob; readonly result?: SlotResult; readonly error?: EntresolError }

function submit(world: World, one: Call): Promise<Settled> {
  const abort = new AbortController();
  if (one.cancelAfterMs !== undefined) world.clock.schedule(world.clock.nowMs() + one.cancelAfterMs, () => { abort.abort(); });
  const job: SlotJob = { ...one.job, generate: { ...one.job.generate, signal: abort.signal } };
  return world.manager.submit(job).then((result) => ({ job, result }), (error: unknown) => ({ job, error: error as EntresolError }));
}

async function submitAll(world: World, calls: readonly Call[]): Promise<Settled[]> {
  const settled: Promise<Settled>[] = [];
  for (const one of calls) {
    await world.clock.sleep(one.afterMs);
    settled.push(submit(world, one));
  }
  return Promise.all(settled);
}

function disturb(world: World, described: Load['disturbances']): void {
  for (const { atMs, kind, session, agent } of described) {
    const target = { kind: 'lineage', tenant: tenantId('t0'), workload: workloadId('w'), session: sessionId(`s${session}`), agent: agentId(`a${agent}`) } as const;
    world.clock.schedule(atMs, () => {
      if (kind === 'disk-full') world.engine.failNext('save');
      else if (kind === 'corrupt') world.engine.failNext('load');
      else {
        const intent: Intent = kind === 'retain' ? { kind, target, untilMs: atMs + 500 } : kind === 'demote' ? { kind, target, tier: 'host' } : { kind, target };
        void world.manager.perform(intent);
      }
    });
  }
}

/** One member's world, with a checking index per tenant where it takes one. */
function worldOf(member: Member, options: Partial<SlotManagerOptions> = {}): World & { indices: Map<TenantId, StrictIndex> } {
  const indices = new Map<TenantId, StrictIndex>();
  const retention = (tenant: TenantId): RetentionIndex => {
    let index = indices.get(tenant);
    if (index === undefined) indices.set(tenant, index = new StrictIndex());
    return index;
  };
  return { ...makeWorld({ contextTokens: CONTEXT, ...member.options, ...options, retention: member.withIndex ? retention : undefined }), indices };
}

export function slotManagerContract(member: Member): void {
  describe(`slot manager ${member.name}`, () => {
    it('answers as a fresh engine would, through any mix of calls, evictions, saves, restores and cancels', { timeout: 120_000 }, async () => {
      await fc.assert(fc.asyncProperty(load, async ({ calls, disturbances, storeTokens }) => {
        const world = worldOf(member, { storeTokens });
        disturb(world, disturbances);
        const settled = await world.clock.runUntil(submitAll(world, callsOf(calls)));
        for (const { job, result, error } of settled) {
          if (result === undefined) {
            expect(error?.code).toBe('ENT_CANCELLED');
            continue;
          }
          const expected = await freshOutput(job, CONTEXT);
          if (result.stop === 'cancelled') expect([...result.output]).toEqual([...expected.subarray(0, result.output.length)]);
          else expect([...result.output]).toEqual([...expected]);
        }
        await world.clock.run();
        expect(world.engine.peakStoredTokens).toBeLessThanOrEqual(storeTokens);
        const { running, waiting, storeTokens: held, slotTokens, capacityTokens } = world.manager.statistics();
        expect({ running, waiting }).toEqual({ running: 0, waiting: 0 });
        expect(held).toBeGreaterThanOrEqual(world.engine.storedTokens);
        expect(held + slotTokens).toBeLessThanOrEqual(capacityTokens);
        for (const index of world.indices.values()) expect(index.complaints).toEqual([]);
      }), { numRuns: 120 });
    });

    it('counts cached tokens exactly', async () => {
      await fc.assert(fc.asyncProperty(load, async ({ calls, storeTokens }) => {
        const world = worldOf(member, { storeTokens });
        const settled = await world.clock.runUntil(submitAll(world, callsOf(calls.map((one) => ({ ...one, cancelAfterMs: undefined })))));
        const computed = settled.reduce((sum, { result }) => sum + (result as SlotResult).promptTokens - (result as SlotResult).cachedTokens, 0);
        expect(computed).toBe(world.engine.prefilledTokens);
      }), { numRuns: 60 });
    });

    it('shares nothing across tenants', async () => {
      const world = worldOf(member);
      const prompt = tokensOf('prompt', 200);
      const first = await world.clock.runUntil(world.manager.submit(makeJob(prompt, { tenant: 't0' })));
      expect(world.manager.residentTokens(prompt, tenantId('t0'))).toBe(200);
      expect(world.manager.residentTokens(prompt, tenantId('t1'))).toBe(0);
      const second = await world.clock.runUntil(world.manager.submit(makeJob(prompt, { tenant: 't1' })));
      expect([first.cachedTokens, second.cachedTokens]).toEqual([0, 0]);
    });

    it('computes the last token of a prompt that is wholly resident', async () => {
      const world = worldOf(member);
      const job = makeJob(tokensOf('prompt', 128));
      await world.clock.runUntil(world.manager.submit(job));
      const again = await world.clock.runUntil(world.manager.submit({ ...job, request: makeJob(job.tokens).request }));
      expect(again.cachedTokens).toBe(127);
      expect([...again.output]).toEqual([...await freshOutput(job, CONTEXT)]);
    });

    it('settles every call when the engine crashes, and starts empty and right after a reset', async () => {
      await fc.assert(fc.asyncProperty(load, fc.integer({ min: 1, max: 1500 }), fc.integer({ min: 0, max: 100 }), async ({ calls, storeTokens }, crashAtMs, downMs) => {
        const world = worldOf(member, { storeTokens });
        world.clock.schedule(crashAtMs, () => { world.engine.crash(); });
        world.clock.schedule(crashAtMs + downMs, () => {
          world.engine.restart();
          world.manager.reset();
          expect(world.manager.statistics()).toMatchObject({ running: 0, slotTokens: 0, storeTokens: 0 });
          for (const index of world.indices.values()) expect(index.residents).toBe(0);
        });
        const settled = await world.clock.runUntil(submitAll(world, callsOf(calls)));
        for (const { job, result, error } of settled) {
          if (result === undefined) expect(['ENT_CANCELLED', 'ENT_ENGINE_CRASHED']).toContain(error?.code);
          else if (result.stop !== 'cancelled') expect([...result.output]).toEqual([...await freshOutput(job, CONTEXT)]);
        }
        await world.clock.run();
        expect(world.manager.statistics()).toMatchObject({ running: 0, waiting: 0 });
        expect(world.manager.statistics().storeTokens).toBeGreaterThanOrEqual(world.engine.storedTokens);
        for (const index of world.indices.values()) expect(index.complaints).toEqual([]);
      }), { numRuns: 60 });
    });

    it('goes on when it is reset in the same instant in which the engine went down and came back', async () => {
      await fc.assert(fc.asyncProperty(load, fc.integer({ min: 1, max: 600 }), async ({ calls, disturbances, storeTokens }, crashAtMs) => {
        const world = worldOf(member, { storeTokens });
        disturb(world, disturbances);
        world.clock.schedule(crashAtMs, () => {
          world.engine.crash();
          world.engine.restart();
          world.manager.reset();
        });
        const settled = await world.clock.runUntil(submitAll(world, callsOf(calls)));
        for (const { error } of settled) if (error !== undefined) expect(['ENT_CANCELLED', 'ENT_ENGINE_CRASHED']).toContain(error.code);
        await world.clock.run();
        const next = makeJob(tokensOf('next', 100));
        expect([...(await world.clock.runUntil(world.manager.submit(next))).output]).toEqual([...await freshOutput(next, CONTEXT)]);
      }), { numRuns: 40 });
    });

    it('claims as resident only what lies there, also while a call runs in the slot', async () => {
      const world = worldOf(member, { slots: 1, spareSlots: 0, storeTokens: 0 });
      const prompt = tokensOf('prompt', 256);
      await world.clock.runUntil(world.manager.submit(makeJob(prompt)));
      const running = world.manager.submit(makeJob(joined(prompt.slice(0, 64), tokensOf('other', 300)), {}, { maxTokens: 50 }));
      for (let step = 0; step < 10; step++) {
        await world.clock.run(world.clock.nowMs() + 2);
        expect(world.manager.residentTokens(prompt, tenantId('local'))).toBe(64);
      }
      await world.clock.runUntil(running);
      expect(world.manager.residentTokens(prompt, tenantId('local'))).toBe(64);
    });

    it('cancels what waits and what runs, and the slot serves the next call', async () => {
      const world = worldOf(member, { slots: 1, spareSlots: 0 });
      const running = makeJob(tokensOf('long', 300), {}, { maxTokens: 100 });
      const waiting = makeJob(tokensOf('other', 100));
      const outcomes = Promise.allSettled([world.manager.submit(running), world.manager.submit(waiting)]);
      await world.clock.run(20);
      expect(await world.manager.perform({ kind: 'cancel', request: waiting.request.id, why: 'test' })).toEqual({ status: 'accepted' });
      expect(await world.manager.perform({ kind: 'cancel', request: running.request.id, why: 'test' })).toEqual({ status: 'accepted' });
      const [first, second] = await world.clock.runUntil(outcomes);
      expect(first).toMatchObject({ status: 'fulfilled', value: { stop: 'cancelled' } });
      expect(second).toMatchObject({ status: 'rejected', reason: { code: 'ENT_CANCELLED' } });
      const next = makeJob(tokensOf('long', 320));
      const result = await world.clock.runUntil(world.manager.submit(next));
      expect([...result.output]).toEqual([...await freshOutput(next, CONTEXT)]);
      expect((await world.manager.perform({ kind: 'cancel', request: running.request.id, why: 'test' })).status).toBe('rejected');
    });

    it('refuses what does not fit and clips what does not fit wholly', async () => {
      const world = worldOf(member, { waitingLimit: 2 });
      await expect(world.manager.submit(makeJob(tokensOf('x', CONTEXT)))).rejects.toMatchObject({ code: 'ENT_PROMPT_TOO_LONG' });
      await expect(world.manager.submit(makeJob(new Int32Array(0)))).rejects.toMatchObject({ code: 'ENT_BAD_REQUEST' });
      const long = await world.clock.runUntil(world.manager.submit(makeJob(tokensOf('y', CONTEXT - 3), {}, { maxTokens: 50 })));
      expect(long).toMatchObject({ stop: 'length', promptTokens: CONTEXT - 3 });
      expect(long.output).toHaveLength(3);
    });

    it('refuses calls beyond the waiting limit', async () => {
      const world = worldOf(member, { slots: 1, spareSlots: 0, waitingLimit: 2 });
      const jobs = ['a', 'b', 'c', 'd'].map((name) => world.manager.submit(makeJob(tokensOf(name, 50))));
      const outcomes = await world.clock.runUntil(Promise.allSettled(jobs));
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
      expect(outcomes[3]).toMatchObject({ reason: { code: 'ENT_OVERLOADED' } });
    });

    it('lets no call starve behind a stream of resident ones', async () => {
      const world = worldOf(member, { slots: 2 });
      const history = tokensOf('resident', 300);
      await world.clock.runUntil(world.manager.submit(makeJob(history, { session: 'hot' })));
      let cold: SlotResult | undefined;
      const startedMs = world.clock.nowMs();
      for (let at = 0; cold === undefined && at < 2000; at++) {
        void world.manager.submit(makeJob(joined(history, tokensOf(`turn ${at}`, 4)), { session: 'hot' }, { maxTokens: 2 })).catch(() => {});
        if (at === 5) void world.manager.submit(makeJob(tokensOf('cold', 400), { session: 'cold' })).then((result) => { cold = result; });
        await world.clock.run(world.clock.nowMs() + 8);
      }
      expect(cold?.promptTokens).toBe(400);
      expect(world.clock.nowMs() - startedMs).toBeLessThan(5000);
    });

    it('forces given tokens at full length', async () => {
      const world = worldOf(member);
      const forced = tokensOf('forced', 12);
      const streamed: number[] = [];
      const result = await world.clock.runUntil(world.manager.submit(makeJob(tokensOf('p', 70), {}, { maxTokens: 40, forced, onToken: (token) => { streamed.push(token); } })));
      expect([...result.output]).toEqual([...forced]);
      expect(streamed).toEqual([...forced]);
    });

    it('rejects what waits and drops its states when it is closed', async () => {
      const world = worldOf(member, { slots: 1, spareSlots: 0 });
      await world.clock.runUntil(Promise.all(['a', 'b', 'c'].map((name) => world.manager.submit(makeJob(tokensOf(name, 100), { session: name })))));
      const outcomes = Promise.allSettled(['d', 'e'].map((name) => world.manager.submit(makeJob(tokensOf(name, 100)))));
      await world.clock.run(world.clock.nowMs() + 5);
      await world.clock.runUntil(world.manager.close());
      expect((await outcomes).map((one) => (one.status === 'fulfilled' ? one.value.stop : (one.reason as EntresolError).code))).toEqual(['cancelled', 'ENT_DRAINING']);
      expect(world.engine.storedTokens).toBe(0);
      await expect(world.manager.submit(makeJob(tokensOf('f', 10)))).rejects.toMatchObject({ code: 'ENT_DRAINING' });
    });
  });
}
