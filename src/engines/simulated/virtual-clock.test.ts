import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EntresolError } from '../../core/index.ts';
import { VirtualClock } from './virtual-clock.ts';

describe('VirtualClock', () => {
  it('fires events in time order, equal times in the order of scheduling', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 40 }), async (times) => {
      const clock = new VirtualClock();
      const fired: { atMs: number; index: number }[] = [];
      times.forEach((atMs, index) => clock.schedule(atMs, () => fired.push({ atMs: clock.nowMs(), index })));
      await clock.run();
      const expected = times.map((atMs, index) => ({ atMs, index })).sort((a, b) => a.atMs - b.atMs || a.index - b.index);
      expect(fired).toEqual(expected);
    }), { numRuns: 50 });
  });

  it('lets long promise chains finish before time moves on', async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    const worker = async (): Promise<void> => {
      await clock.sleep(10);
      for (let turn = 0; turn < 50; turn++) await Promise.resolve();
      log.push(`worker at ${clock.nowMs()}`);
    };
    const work = worker();
    clock.schedule(11, () => log.push('later'));
    await clock.run();
    await work;
    expect(log).toEqual(['worker at 10', 'later']);
  });

  it('stops at untilMs and keeps later events', async () => {
    const clock = new VirtualClock(100);
    const fired: number[] = [];
    clock.schedule(150, () => fired.push(150));
    clock.schedule(250, () => fired.push(250));
    await clock.run(200);
    expect([fired, clock.nowMs()]).toEqual([[150], 200]);
    await clock.run();
    expect([fired, clock.nowMs()]).toEqual([[150, 250], 250]);
  });

  it('cancels scheduled events and aborted sleeps', async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    clock.schedule(5, () => fired.push('cancelled'))();
    const abort = new AbortController();
    const sleeping = clock.sleep(50, abort.signal);
    clock.schedule(20, () => abort.abort());
    const outcome = clock.runUntil(sleeping);
    await expect(outcome).rejects.toMatchObject({ code: 'ENT_CANCELLED' });
    expect([fired, clock.nowMs()]).toEqual([[], 20]);
  });

  it('runUntil returns the value, and says so when nothing can ever settle it', async () => {
    const clock = new VirtualClock();
    expect(await clock.runUntil(clock.sleep(7).then(() => clock.nowMs()))).toBe(7);
    await expect(clock.runUntil(new Promise(() => undefined))).rejects.toBeInstanceOf(EntresolError);
  });
});
