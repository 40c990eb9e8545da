import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  sessionId, tenantId, unitId, type CallReport, type EngineCall, type EngineHost, type Event, type Intent, type Outcome, type RequestView, type RetentionIndex, type TenantId, type UnitId,
} from '../../../core/index.ts';
import { RecencyIndex } from '../../../policies/lru/recency-index.ts';
import { RecordingAnswer, engineCall } from '../../embedded/testing/recording-answer.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { PAGED_MODEL, PagedEngine, type PagedEngineOptions } from './paged-engine.ts';

const BLOCK = 4;

/** A host with an LRU index per tenant; keeps what the engine tells. */
class Host implements EngineHost {
  readonly clock = new VirtualClock();
  readonly events: Event[] = [];
  readonly logs: string[] = [];
  readonly indices = new Map<TenantId, RetentionIndex>();
  orderRule: ((waiting: readonly RequestView[]) => readonly number[]) | undefined;
  makeIndex: () => RetentionIndex | undefined = () => new RecencyIndex();

  emit(event: Event): void { this.events.push(event); }
  trouble(kind: string): void { this.logs.push(kind); }
  warmedUp(outcome: string): void { this.logs.push(`warm-up ${outcome}`); }
  order(waiting: readonly RequestView[]): readonly number[] | undefined { return this.orderRule?.(waiting); }
  retention(tenant: TenantId): RetentionIndex | undefined {
    const index = this.indices.get(tenant) ?? this.makeIndex();
    if (index !== undefined) this.indices.set(tenant, index);
    return index;
  }
  log(_level: string, message: string): void { this.logs.push(message); }

  /** Units stored and not removed, by the engine's own events. */
  resident(): Set<UnitId> {
    const units = new Set<UnitId>();
    for (const event of this.events) {
      if (event.type === 'kv-stored') for (const unit of event.units) units.add(unit);
      if (event.type === 'kv-removed') for (const unit of event.units) units.delete(unit);
    }
    return units;
  }
}

async function started(options: Partial<PagedEngineOptions> = {}): Promise<{ host: Host; engine: PagedEngine }> {
  const host = new Host();
  const engine = new PagedEngine({ clock: host.clock, capacityBlocks: 64, blockTokens: BLOCK, ...options });
  await engine.start(host);
  return { host, engine };
}

const range = (length: number, from = 0): number[] => Array.from({ length }, (_, index) => from + index);

function completion(prompt: unknown, fields: object = {}, options: { signal?: AbortSignal; tenant?: string; session?: string } = {}): EngineCall {
  const call = engineCall('completions', { model: PAGED_MODEL, prompt, max_tokens: 4, ...fields }, options);
  const { by } = call.request;
  const { tenant = by.tenant, session = by.session } = options;
  return { ...call, request: { ...call.request, by: { ...by, tenant: tenantId(tenant), session: sessionId(session) } } };
}

async function serve(host: Host, engine: PagedEngine, call: EngineCall): Promise<{ report: CallReport; answer: RecordingAnswer; text: string }> {
  const answer = new RecordingAnswer();
  const report = await host.clock.runUntil(engine.handle(call, answer));
  return { report, answer, text: (answer.json as { choices: { text: string }[] }).choices[0].text };
}

describe('PagedEngine', () => {
  it('computes ahead of a call what is asked for while it is idle, and gives way to a call', async () => {
    const { host, engine } = await started({ warmsUp: true, batchTokens: 8 });
    const { report } = await serve(host, engine, completion(range(32)));
    expect(report.cachedTokens).toBe(0);
    const { by } = completion([]).request;
    const target = { kind: 'lineage', tenant: by.tenant, workload: by.workload, session: by.session, agent: by.agent } as const;
    const prefetch = (): Promise<Outcome> => engine.perform({ kind: 'prefetch', target });
    const drop = (): Promise<Outcome> => engine.perform({ kind: 'evict', target: { kind: 'units', units: [...host.resident()].toSorted((a, b) => b - a) } });
    await drop();
    expect(await host.clock.runUntil(prefetch())).toEqual({ status: 'accepted' });
    expect((await serve(host, engine, completion(range(32)))).report.cachedTokens).toBe(28);
    await drop();
    const outcome = prefetch();
    const other = await serve(host, engine, completion(range(8, 100), {}, { session: 'other' }));
    expect(other.report.status).toBe('ok');
    expect(await host.clock.runUntil(outcome)).toEqual({ status: 'clipped', why: 'a call came' });
    expect(engine.warmUps).toMatchObject({ made: 2, givenUp: 1 });
    const offers = host.events.flatMap((event) => (event.type === 'engine-load' ? [[event.runningRequests + event.waitingRequests === 0, event.warmsUp !== undefined]] : []));
    expect(offers.every(([idle, offered]) => idle === offered)).toBe(true);
  });

  it('counts cached tokens in whole blocks, never the whole prompt, and answers the same with and without a cache', async () => {
    const { host, engine } = await started();
    const first = await serve(host, engine, completion(range(16)));
    const second = await serve(host, engine, completion(range(16)));
    const longer = await serve(host, engine, completion(range(18)));
    expect([first, second, longer].map(({ report }) => report.cachedTokens)).toEqual([0, 12, 16]);
    expect(second.text).toBe(first.text);
    expect(second.report).toMatchObject({ status: 'ok', promptTokens: 16, outputTokens: 4, stop: 'length' });
    expect(second.report.prefillMs).toBeLessThan(first.report.prefillMs ?? 0);
    expect((second.answer.json as { usage: unknown }).usage).toMatchObject({ prompt_tokens: 16, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 12 } });
  });

  it('decodes forced tokens, and finds them again in a later prompt', async () => {
    const { host, engine } = await started();
    const { text, report } = await serve(host, engine, completion(range(6), { entresol_force: { tokens: [90, 91, 92, 93, 94, 95] }, max_tokens: 20 }));
    expect([text, report.stop, report.outputTokens]).toEqual(['90 91 92 93 94 95', 'stop', 6]);
    // 6 + 5 tokens have KV (the last decoded one has not been fed back): two blocks.
    const next = await serve(host, engine, completion([...range(6), 90, 91, 92, 93, 94, 95, 1]));
    expect(next.report.cachedTokens).toBe(8);
  });

  it('runs calls together: two take less than twice the time of one', async () => {
    const timeMs = await Promise.all([1, 2].map(async (calls) => {
      const { host, engine } = await started();
      await host.clock.runUntil(Promise.all(range(calls).map((index) => engine.handle(completion(range(8, 100 * index), { max_tokens: 10 }), new RecordingAnswer()))));
      return host.clock.nowMs();
    }));
    expect(timeMs[1]).toBeLessThan(1.2 * timeMs[0]);
  });

  it('asks for the order of what waits', async () => {
    const { host, engine } = await started({ maximumRunning: 1 });
    host.orderRule = (waiting) => range(waiting.length).toReversed();
    const finished: number[] = [];
    await host.clock.runUntil(Promise.all(range(3).map((index) => engine.handle(completion(range(5, 100 * index)), new RecordingAnswer()).then(() => finished.push(index)))));
    expect(finished).toEqual([2, 1, 0]);
  });

  it('shares nothing across tenants', async () => {
    const { host, engine } = await started();
    await serve(host, engine, completion(range(16), {}, { tenant: 'one' }));
    expect((await serve(host, engine, completion(range(16), {}, { tenant: 'two' }))).report.cachedTokens).toBe(0);
    expect(await engine.inspect(completion(range(16)), tenantId('one'))).toEqual({ promptTokens: 16, residentTokens: 16 });
    expect(await engine.inspect(completion(range(16)), tenantId('three'))).toEqual({ promptTokens: 16, residentTokens: 0 });
  });

  it('under any load serves every call, stays within its capacity, and tells index and events the truth', async () => {
    const call = fc.record({ branch: fc.integer({ min: 0, max: 3 }), length: fc.integer({ min: 1, max: 30 }), output: fc.integer({ min: 1, max: 9 }), delayMs: fc.integer({ min: 0, max: 200 }), abortAfterMs: fc.option(fc.integer({ min: 0, max: 120 }), { freq: 4 }), tenant: fc.constantFrom('one', 'two'), afterwards: fc.constantFrom('nothing', 'evict', 'demote', 'restore', 'prefetch') });
    const tier = fc.option(fc.record({ capacityBlocks: fc.integer({ min: 1, max: 30 }), restoreMsPerBlock: fc.integer({ min: 0, max: 20 }), keepsEvicted: fc.boolean() }), { nil: undefined });
    await fc.assert(fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 12 }), fc.integer({ min: 10, max: 24 }), tier, async (calls, capacityBlocks, hostTier) => {
      const { host, engine } = await started({ capacityBlocks, maximumRunning: 3, batchTokens: 16, ...(hostTier === undefined ? {} : { hostTier }) });
      let most = 0;
      const reports = await host.clock.runUntil(Promise.all(calls.map(async ({ branch, length, output, delayMs, abortAfterMs, tenant, afterwards }, at) => {
        await host.clock.sleep(delayMs);
        const abort = new AbortController();
        if (abortAfterMs !== null) host.clock.schedule(host.clock.nowMs() + abortAfterMs, () => abort.abort());
        const prompt = [...range(Math.min(length, 8)), ...range(Math.max(0, length - 8), 100 * (branch + 1))];
        const call = completion(prompt, { max_tokens: output }, { tenant, signal: abort.signal, session: `${at % 3}` });
        const served = engine.handle(call, new RecordingAnswer());
        const status = await served.then((report) => report.status, (error: { code: string }) => error.code);
        if (afterwards !== 'nothing') await engine.perform({ kind: afterwards, target: { kind: 'lineage', ...call.request.by }, tier: 'host' } as Intent);
        most = Math.max(most, engine.load().cacheUsedFraction);
        return { status, abortable: abortAfterMs !== null };
      })));
      for (const { status, abortable } of reports) expect(abortable ? ['ok', 'ENT_CANCELLED'] : ['ok']).toContain(status);
      expect(most).toBeLessThanOrEqual(1);
      expect(engine.load()).toMatchObject({ runningRequests: 0, waitingRequests: 0 });
      // Whatever is resident is evictable now, and every index knows exactly its own part of it.
      const resident = host.resident();
      const known = [...host.indices.values()].flatMap((index) => [...index.victims(capacityBlocks, () => false, host.clock.nowMs())]);
      expect(new Set(known)).toEqual(resident);
      expect(engine.load().cacheUsedFraction).toBeCloseTo(resident.size / capacityBlocks, 12);
    }), { numRuns: 150 });
  });

  it('without an index gives up what was released longest ago, deepest first', async () => {
    const { host, engine } = await started({ capacityBlocks: 9 });
    host.makeIndex = () => undefined;
    const residentTokens = async (prompt: number[]): Promise<number> => (await engine.inspect(completion(prompt), completion(prompt).request.by.tenant)).residentTokens;
    await serve(host, engine, completion(range(16, 0))); // 4 blocks stay
    await serve(host, engine, completion(range(12, 100))); // 3 more
    await serve(host, engine, completion(range(12, 200))); // needs 4: two must go
    expect(await Promise.all([range(16, 0), range(12, 100), range(12, 200)].map(residentTokens))).toEqual([8, 12, 12]);
  });

  it('goes on when an index names what it may not', async () => {
    const { host, engine } = await started({ capacityBlocks: 8 });
    host.makeIndex = () => Object.assign(new RecencyIndex(), { victims: () => [unitId(0), unitId(0), unitId(77)] });
    for (let turn = 0; turn < 4; turn++) await serve(host, engine, completion(range(20, 1000 * turn)));
    expect(host.logs.some((message) => message.includes('not evictable'))).toBe(true);
  });

  it('evicts on request what is not in use', async () => {
    const { host, engine } = await started();
    await serve(host, engine, completion(range(16)));
    const units = [...host.resident()];
    expect(await engine.perform({ kind: 'evict', target: { kind: 'units', units: units.slice(-2) } })).toEqual({ status: 'accepted' });
    expect(await engine.perform({ kind: 'evict', target: { kind: 'units', units: units.slice(-2) } })).toMatchObject({ status: 'clipped' });
    expect(host.resident().size).toBe(units.length - 2);
  });

  describe('with a tier below', () => {
    const hostTier = { capacityBlocks: 100, restoreMsPerBlock: 5, keepsEvicted: true };
    const lineage = { kind: 'lineage', ...engineCall('completions', {}).request.by } as const;
    /** Fills the cache with others' blocks. */
    const crowd = async (host: Host, engine: PagedEngine): Promise<void> => {
      for (const at of range(4)) await serve(host, engine, completion(range(40, 1000 * (at + 1)), {}, { session: `other-${at}` }));
    };

    it('finds what was evicted again, for the price of a copy', async () => {
      const { host, engine } = await started({ capacityBlocks: 20, hostTier });
      const first = await serve(host, engine, completion(range(33)));
      await crowd(host, engine);
      const again = await serve(host, engine, completion(range(33)));
      expect([first.report.cachedTokens, again.report.cachedTokens]).toEqual([0, 32]);
      expect(again.text).toBe(first.text);
      // Eight blocks of five milliseconds, then a step for the last token.
      expect(again.report.prefillMs).toBeGreaterThanOrEqual(8 * 5);
      const { host: bare, engine: without } = await started({ capacityBlocks: 20 });
      await serve(bare, without, completion(range(33)));
      await crowd(bare, without);
      expect((await serve(bare, without, completion(range(33)))).report.cachedTokens).toBe(0);
    });

    it('brings a lineage back before it is asked for, and its call does not wait for a copy', async () => {
      const { host, engine } = await started({ capacityBlocks: 20, hostTier });
      await serve(host, engine, completion(range(33)));
      await crowd(host, engine);
      expect(await engine.perform({ kind: 'prefetch', target: lineage })).toEqual({ status: 'accepted' });
      await host.clock.run(host.clock.nowMs() + 100);
      const again = await serve(host, engine, completion(range(33)));
      expect(again.report.cachedTokens).toBe(32);
      expect(again.report.prefillMs).toBeLessThan(8 * 5);
    });

    it('waits for what is still on its way', async () => {
      const { host, engine } = await started({ capacityBlocks: 20, hostTier });
      await serve(host, engine, completion(range(33)));
      await crowd(host, engine);
      await engine.perform({ kind: 'prefetch', target: lineage });
      expect((await serve(host, engine, completion(range(33)))).report.prefillMs).toBeGreaterThanOrEqual(8 * 5);
    });

    it('moves what a lineage has for itself below, and nothing that others hang from', async () => {
      const { host, engine } = await started({ capacityBlocks: 64, hostTier: { ...hostTier, keepsEvicted: false } });
      await serve(host, engine, completion([...range(16), ...range(8, 500)]));
      await serve(host, engine, completion([...range(16), ...range(8, 700)], {}, { session: 'other' }));
      const before = host.resident().size;
      expect(await engine.perform({ kind: 'demote', target: lineage, tier: 'host' })).toMatchObject({ status: 'accepted' });
      expect(before - host.resident().size).toBe(2);
      expect((await serve(host, engine, completion([...range(16), ...range(8, 500), 1]))).report.cachedTokens).toBe(24);
      expect(await engine.perform({ kind: 'demote', target: { ...lineage, session: sessionId('unknown') }, tier: 'host' })).toMatchObject({ status: 'rejected' });
    });

    it('loses what is evicted and was never moved below where that is not its way', async () => {
      const { host, engine } = await started({ capacityBlocks: 20, hostTier: { ...hostTier, keepsEvicted: false } });
      await serve(host, engine, completion(range(33)));
      await crowd(host, engine);
      expect((await serve(host, engine, completion(range(33)))).report.cachedTokens).toBe(0);
    });
  });

  it('streams, and cuts the stream of a client that goes away', async () => {
    const { host, engine } = await started();
    const answer = new RecordingAnswer();
    await host.clock.runUntil(engine.handle(completion(range(5), { stream: true, stream_options: { include_usage: true } }), answer));
    expect(answer.events.at(-1)).toMatchObject({ usage: { prompt_tokens: 5, completion_tokens: 4 } });
    const abort = new AbortController();
    const cut = new RecordingAnswer();
    cut.onWrite = () => abort.abort();
    const report = await host.clock.runUntil(engine.handle(completion(range(5), { stream: true, max_tokens: 50 }, { signal: abort.signal }), cut));
    expect([report.status, cut.ended, cut.destroyed === undefined]).toEqual(['cancelled', false, false]);
  });

  it.each([
    ['a prompt beyond the whole cache', completion(range(300)), 'ENT_PROMPT_TOO_LONG'],
    ['text', completion('hello'), 'ENT_BAD_REQUEST'],
    ['another model', completion([1], { model: 'other' }), 'ENT_UNKNOWN_MODEL'],
  ])('refuses %s', async (_what, call, code) => {
    const { engine } = await started();
    await expect(engine.handle(call, new RecordingAnswer())).rejects.toMatchObject({ code });
  });

  it('finishes what runs before it stops, and takes no more', async () => {
    const { host, engine } = await started();
    const running = engine.handle(completion(range(5)), new RecordingAnswer());
    const stopped = engine.stop(10_000);
    await expect(engine.handle(completion(range(5)), new RecordingAnswer())).rejects.toMatchObject({ code: 'ENT_DRAINING' });
    await host.clock.runUntil(stopped);
    expect((await running).status).toBe('ok');
    expect(engine.healthy()).toBe(false);
  });
});
