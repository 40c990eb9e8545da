import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SideClock } from './side-clock.ts';
import { sideTimers } from './side-timers.ts';

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

  it('has timers that run in its slices only, and no more once they are cancelled', async () => {
    const clock = new SideClock(() => Date.now());
    const { after, every } = sideTimers(clock);
    const ran: [string, number][] = [];
    after(250, () => ran.push(['after', clock.nowMs()]));
    after(50, () => ran.push(['never', clock.nowMs()]))();
    const cancel = every(100, () => ran.push(['every', clock.nowMs()]));
    for (let slice = 0; slice < 3; slice++) {
      await vi.advanceTimersByTimeAsync(1_000);
      clock.start();
      await vi.advanceTimersByTimeAsync(100);
      clock.stop();
    }
    expect(ran).toEqual([['every', 100], ['every', 200], ['after', 250], ['every', 300]]);
    cancel();
    clock.start();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(ran).toHaveLength(4);
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
