import { describe, expect, it } from 'vitest';
import type { SlotJob, SlotResult } from '../slot-manager.ts';
import { freshOutput, makeJob, makeWorld, tokensOf, type World, type WorldOptions } from '../testing/world.ts';

interface Heard { readonly firstMs: number; readonly endMs: number; readonly result: SlotResult; readonly job: SlotJob }

/** Submits at `atMs` and tells when the first token and the end came. */
async function call(world: World, name: string, { atMs = 0, promptTokens = 60, maxTokens = 40, signal = undefined as AbortSignal | undefined } = {}): Promise<Heard> {
  await world.clock.sleep(atMs);
  let firstMs: number | undefined;
  const job = makeJob(tokensOf(name, promptTokens), { session: name }, { maxTokens, signal, onToken: () => { firstMs ??= world.clock.nowMs(); } });
  const result = await world.manager.submit(job);
  const endMs = world.clock.nowMs();
  return { firstMs: firstMs ?? endMs, endMs, result, job };
}

async function together(options: WorldOptions, start: (world: World) => Promise<Heard>[]): Promise<{ world: World; heard: Heard[] }> {
  const world = makeWorld({ slots: 1, ...options });
  const heard = await world.clock.runUntil(Promise.all(start(world)));
  await world.clock.run();
  return { world, heard };
}

const madeWay = ({ result }: Heard): boolean => result.notes.some((note) => note.startsWith('made way'));

async function expectFreshAnswers(heard: readonly Heard[]): Promise<void> {
  for (const { job, result } of heard) expect([...result.output]).toEqual([...await freshOutput(job)]);
}

describe('a call that decodes', () => {
  it('makes way for one that waits, and goes on as if nothing had happened', async () => {
    const { heard } = await together({}, (world) => [call(world, 'long'), call(world, 'late', { atMs: 60 })]);
    const [long, late] = heard;
    expect(late.firstMs).toBeLessThan(long.endMs);
    expect(heard.map(madeWay)).toEqual([true, false]);
    await expectFreshAnswers(heard);
  });

  it('keeps its slot where calls may not lie parked', async () => {
    const { heard: [long, late] } = await together({ parkedCalls: 0 }, (world) => [call(world, 'long'), call(world, 'late', { atMs: 60 })]);
    expect(late.firstMs).toBeGreaterThanOrEqual(long.endMs);
    expect(madeWay(long)).toBe(false);
  });

  it('makes way once at most', async () => {
    const { heard } = await together({}, (world) => [
      call(world, 'long', { maxTokens: 100 }), call(world, 'second', { atMs: 60, maxTokens: 2 }), call(world, 'third', { atMs: 250, maxTokens: 2 }),
    ]);
    const [long, second, third] = heard;
    expect(second.endMs).toBeLessThan(250);
    expect(third.firstMs).toBeGreaterThanOrEqual(long.endMs);
    await expectFreshAnswers(heard);
  });

  it('stays where it is while as many as may lie parked', async () => {
    const { heard } = await together({ parkedCalls: 2, storeTokens: 2000 }, (world) => Array.from({ length: 8 }, (_, at) => call(world, `c${at}`, { atMs: 30 * at })));
    expect(heard.filter(madeWay).length).toBeGreaterThanOrEqual(2);
    const begun = (atMs: number): number => heard.filter(({ firstMs, endMs }) => firstMs <= atMs && atMs < endMs).length;
    expect(Math.max(...heard.map(({ firstMs }) => begun(firstMs)))).toBe(3);
    await expectFreshAnswers(heard);
  });

  it('goes on before a waiting one begins once its patience is at an end', async () => {
    const stream = (world: World): Promise<Heard>[] => [call(world, 'long'), ...Array.from({ length: 30 }, (_, at) => call(world, `prompt ${at}`, { atMs: 40 + 40 * at, promptTokens: 300, maxTokens: 2 }))];
    const patient = await together({ patienceMs: 100_000, storeTokens: 3000 }, stream);
    const impatient = await together({ patienceMs: 200, storeTokens: 3000 }, stream);
    const lastFirst = Math.max(...patient.heard.slice(1).map(({ firstMs }) => firstMs));
    expect(patient.heard[0].endMs).toBeGreaterThan(lastFirst);
    expect(impatient.heard[0].endMs).toBeLessThan(patient.heard[0].endMs / 2);
  });

  it('goes on at once where there is no room to put its state aside', async () => {
    const { heard } = await together({ storeTokens: 0 }, (world) => [call(world, 'long'), call(world, 'late', { atMs: 60 })]);
    expect(heard[1].firstMs).toBeGreaterThanOrEqual(heard[0].endMs);
    expect(heard.map(madeWay)).toEqual([false, false]);
    await expectFreshAnswers(heard);
  });

  it('is computed again where its state cannot be read', async () => {
    const world = makeWorld({ slots: 1 });
    const both = Promise.all([call(world, 'long'), call(world, 'late', { atMs: 60 })]);
    await world.clock.run(130);
    expect(world.manager.statistics()).toMatchObject({ running: 2, waiting: 0 });
    world.engine.failNext('load');
    const heard = await world.clock.runUntil(both);
    expect(madeWay(heard[0])).toBe(true);
    await expectFreshAnswers(heard);
  });

  it('cancelled while it lies parked, ends at once with what there is and gives its room back', async () => {
    // There is room for one parked call.
    const world = makeWorld({ slots: 1, storeTokens: 120 });
    const abort = new AbortController();
    const long = call(world, 'long', { signal: abort.signal });
    const late = call(world, 'late', { atMs: 60, maxTokens: 60 });
    await world.clock.run(130);
    abort.abort();
    const ended = await long;
    expect(ended.endMs).toBe(130);
    expect(ended.result.stop).toBe('cancelled');
    const whole = await freshOutput(ended.job);
    expect(ended.result.output.length).toBeGreaterThan(0);
    expect([...ended.result.output]).toEqual([...whole.subarray(0, ended.result.output.length)]);
    const heard = await world.clock.runUntil(Promise.all([late, call(world, 'third', { atMs: 30 })]));
    expect(heard.map(madeWay)).toEqual([true, false]);
    expect(world.manager.statistics()).toMatchObject({ running: 0, waiting: 0 });
    await expectFreshAnswers(heard);
  });

  it('cancelled at any instant, on its way there too, ends at once and gives its room back', async () => {
    for (let atMs = 62; atMs <= 110; atMs += 0.5) {
      const world = makeWorld({ slots: 1, storeTokens: 120 });
      const abort = new AbortController();
      const late = call(world, 'late', { atMs: 60, promptTokens: 400, maxTokens: 60 });
      const long = call(world, 'long', { maxTokens: 90, signal: abort.signal });
      world.clock.schedule(atMs, () => { abort.abort(); });
      const { endMs, result } = await world.clock.runUntil(long);
      expect(result.stop).toBe('cancelled');
      // A batch, or a state on its way, is waited for; the other's answer is not.
      expect(endMs, `cancelled at ${atMs} ms`).toBeLessThan(atMs + 40);
      expect((await world.clock.runUntil(late)).endMs).toBeGreaterThan(endMs);
      expect(world.manager.statistics()).toMatchObject({ running: 0, waiting: 0 });
    }
  });

  it('settles when the manager is closed, at whatever instant', async () => {
    for (let atMs = 62; atMs <= 110; atMs += 0.5) {
      const world = makeWorld({ slots: 1 });
      let open = 2;
      for (const one of [call(world, 'long', { maxTokens: 90 }), call(world, 'late', { atMs: 60, promptTokens: 400 })]) {
        const settled = (): void => { open--; };
        one.then(settled, settled);
      }
      await world.clock.run(atMs);
      await world.clock.runUntil(world.manager.close());
      await world.clock.run();
      expect(open, `closed at ${atMs} ms`).toBe(0);
    }
  });

  it('is rejected with the engine while it lies parked', async () => {
    const world = makeWorld({ slots: 1 });
    const both = Promise.allSettled([call(world, 'long'), call(world, 'late', { atMs: 60, maxTokens: 60 })]);
    world.clock.schedule(130, () => {
      world.engine.crash();
      world.engine.restart();
      world.manager.reset();
    });
    const outcomes = await world.clock.runUntil(both);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ENT_ENGINE_CRASHED' } });
    const next = await world.clock.runUntil(call(world, 'next'));
    await expectFreshAnswers([next]);
  });
});
