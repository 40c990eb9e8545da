import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SideClock } from './side-clock.ts';

describe('the clock of a side', () => {
  beforeEach(() => { vi.useFakeTimers(); });
  afterEach(() => { vi.useRealTimers(); });

  it('runs in its slices only, and sleepers do not notice the stops', async () => {
    const clock = new SideClock(() => Date.now());
    const woken: [string, number][] = [];
    for (const [name, ms] of [['late', 300], ['early', 100]] as const) void clock.sleep(ms).then(() => woken.push([name, clock.nowMs()]));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(clock.nowMs()).toBe(0);
    clock.start();
    await vi.advanceTimersByTimeAsync(150);
    clock.stop();
    expect(woken).toEqual([['early', 100]]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(clock.nowMs()).toBe(150);
    clock.start();
    await vi.advanceTimersByTimeAsync(150);
    expect(woken).toEqual([['early', 100], ['late', 300]]);
  });

  it('gives up a sleep when its signal aborts, stopped or not', async () => {
    const clock = new SideClock(() => Date.now());
    const abort = new AbortController();
    const sleep = clock.sleep(100, abort.signal);
    abort.abort();
    await expect(sleep).rejects.toMatchObject({ code: 'ENT_CANCELLED' });
    await expect(clock.sleep(1, abort.signal)).rejects.toMatchObject({ code: 'ENT_CANCELLED' });
  });
});
