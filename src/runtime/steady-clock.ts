import { performance } from 'node:perf_hooks';
import type { Clock } from '../core/index.ts';

/** A clock may run ahead of the process's own time by so much between two readings before that counts as a jump: tests and benches turn theirs on. */
const LONGEST_LEAP_MS = 600_000;

/**
 * A clock that was given, as `Clock` promises it: it never goes back, nor ahead by a day. Where the given one jumps, this
 * one goes on as much time as has passed, so that no lease, breaker, hold or limit of a call ends early or an hour late.
 * @param jumped told of each jump, with its size, negative for one back
 * @param elapsedMs of the process, from any origin
 */
export function steadyClock(given: Clock, jumped: (byMs: number) => void, elapsedMs: () => number = () => performance.now()): Clock {
  let readMs = given.nowMs();
  let elapsedAtMs = elapsedMs();
  /** What jumps have taken away. */
  let offsetMs = 0;
  return {
    nowMs() {
      const nowMs = given.nowMs();
      const atMs = elapsedMs();
      const passedMs = atMs - elapsedAtMs;
      const byMs = nowMs - readMs;
      readMs = nowMs;
      elapsedAtMs = atMs;
      if (byMs >= 0 && byMs - passedMs <= LONGEST_LEAP_MS) return nowMs + offsetMs;
      offsetMs -= byMs - passedMs;
      jumped(byMs - passedMs);
      return nowMs + offsetMs;
    },
  };
}
