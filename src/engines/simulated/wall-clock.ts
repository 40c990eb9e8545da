import { EntresolError } from '../../core/index.ts';
import type { SleepingClock } from './virtual-clock.ts';

/** Real time, for a simulated engine that serves real clients. */
export class WallClock implements SleepingClock {
  nowMs(): number { return performance.now(); }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancelled = (): EntresolError => new EntresolError('ENT_CANCELLED', 'The wait was aborted.', { cause: signal?.reason });
      if (signal?.aborted === true) { reject(cancelled()); return; }
      const done = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const timer = durationMs > 0 ? setTimeout(done, durationMs) : setImmediate(done);
      const onAbort = (): void => {
        if (durationMs > 0) clearTimeout(timer as NodeJS.Timeout);
        else clearImmediate(timer as NodeJS.Immediate);
        reject(cancelled());
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
