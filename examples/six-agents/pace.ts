/** The application's time: the wall clock, or a clock that a bench stops and starts. */
export interface Pace {
  nowMs(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const WALL_PACE: Pace = {
  nowMs: () => performance.now(),
  sleep: (ms, signal) => new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
  }),
};
