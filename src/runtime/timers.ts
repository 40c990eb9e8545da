import { performance } from 'node:perf_hooks';
import type { Clock } from '../core/index.ts';

/** Ends a timer; does nothing if it has fired. */
export type Cancel = () => void;

/** Waiting as an argument, so that tests and simulations decide when time passes. */
export interface Timers {
  after(delayMs: number, run: () => void): Cancel;
  every(intervalMs: number, run: () => void): Cancel;
  /** Once the work at hand is done: off the critical path. */
  soon(run: () => void): void;
}

/** The process's own timers. None of them keeps it alive. */
export const processTimers: Timers = {
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(Math.max(0, delayMs), 2 ** 31 - 1)).unref();
    return () => clearTimeout(timer);
  },
  every(intervalMs, run) {
    const timer = setInterval(run, intervalMs).unref();
    return () => clearInterval(timer);
  },
  soon(run) {
    setImmediate(run);
  },
};

/** Milliseconds since the epoch, never going back within a process, comparable across restarts. */
const { timeOrigin } = performance;
export const processClock: Clock = { nowMs: () => timeOrigin + performance.now() };

/** Microseconds since any origin, for measuring the time of one call. */
export type Stopwatch = () => number;
export const processStopwatch: Stopwatch = () => performance.now() * 1000;
