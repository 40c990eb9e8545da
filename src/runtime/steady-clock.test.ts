import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { steadyClock } from './steady-clock.ts';

const HOUR_MS = 3_600_000;

it('a clock that jumps goes on as time passes, whatever it says', () => {
  const step = fc.record({ passedMs: fc.integer({ min: 0, max: 100_000 }), jumpMs: fc.oneof(fc.constant(0), fc.integer({ min: HOUR_MS, max: 48 * HOUR_MS }), fc.integer({ min: -48 * HOUR_MS, max: -HOUR_MS })) });
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    let wallMs = 1e12;
    let elapsedMs = 5;
    const jumps: number[] = [];
    const clock = steadyClock({ nowMs: () => wallMs }, (byMs) => { jumps.push(byMs); }, () => elapsedMs);
    const startMs = clock.nowMs();
    let passedInAllMs = 0;
    for (const { passedMs, jumpMs } of steps) {
      elapsedMs += passedMs;
      wallMs += passedMs + jumpMs;
      passedInAllMs += passedMs;
      expect(clock.nowMs() - startMs).toBe(passedInAllMs);
    }
    expect(jumps).toEqual(steps.map(({ jumpMs }) => jumpMs).filter((jumpMs) => jumpMs !== 0));
  }));
});

it('one that is turned on by minutes is believed, and one that stands still too', () => {
  let wallMs = 0;
  let elapsedMs = 0;
  const jumps: number[] = [];
  const clock = steadyClock({ nowMs: () => wallMs }, (byMs) => { jumps.push(byMs); }, () => elapsedMs);
  wallMs += 60_000;
  expect(clock.nowMs()).toBe(60_000);
  elapsedMs += 20_000;
  expect(clock.nowMs()).toBe(60_000);
  expect(jumps).toEqual([]);
});
