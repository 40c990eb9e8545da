/** Timers of a side: what a runtime does later and again and again waits for the side's slices, as everything of it does. */
import type { SleepingClock } from '../../engines/simulated/virtual-clock.ts';
import { processTimers, type Timers } from '../../runtime/index.ts';

export function sideTimers(clock: SleepingClock): Timers {
  const after: Timers['after'] = (delayMs, run) => {
    const cancelled = new AbortController();
    // The one way for a sleep to fail is that it is cancelled.
    void clock.sleep(delayMs, cancelled.signal).then(run, () => undefined);
    return () => { cancelled.abort(); };
  };
  return {
    after,
    every(intervalMs, run) {
      let cancel = after(intervalMs, again);
      function again(): void {
        cancel = after(intervalMs, again);
        run();
      }
      return () => { cancel(); };
    },
    // At once: it belongs to what has just been done.
    soon: processTimers.soon,
  };
}
