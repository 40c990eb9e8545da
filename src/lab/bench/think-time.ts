/** The think time at which the engine alone is as busy as wanted: contracts, section 2, 0.8 to 0.9. */
import { simulateLoad, type SimulatedLoad } from './simulated-run.ts';
import { utilisation, type TimeWindow } from './utilisation.ts';

/**
 * Of the simulated engine, which has work in hand for as long as a call is under way. The real one waits between
 * batches for messages: at this load its process computes for 0.8 to 0.9 of the time.
 */
export const WANTED_UTILISATION = 0.91;
const TOLERANCE = 0.01;
const MOST_TRIES = 12;

export type LoadWithoutPause = Omit<SimulatedLoad, 'thinkMs' | 'untilMs'>;

/** How busy the simulated engine is within the window; a load that runs out before its end counts as far as it goes. */
export async function simulatedUtilisation(load: LoadWithoutPause, thinkMs: number, window: TimeWindow): Promise<number> {
  const { calls, durationMs } = await simulateLoad({ ...load, thinkMs, untilMs: window.untilMs });
  return utilisation(calls, { fromMs: window.fromMs, untilMs: durationMs });
}

/** Mean pause in ms, by bisection of its logarithm on the simulated engine; 0 where even no pause leaves the engine less busy. */
export async function findThinkMs(load: LoadWithoutPause, window: TimeWindow, wanted = WANTED_UTILISATION): Promise<number> {
  if (await simulatedUtilisation(load, 0, window) <= wanted) return 0;
  let low = 1;
  let high = window.untilMs;
  for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
    const middle = Math.sqrt(low * high);
    const busy = await simulatedUtilisation(load, middle, window);
    if (Math.abs(busy - wanted) < TOLERANCE) return middle;
    if (busy > wanted) low = middle;
    else high = middle;
  }
  return Math.sqrt(low * high);
}

/** Two busy shares nearer than this are the same. */
const NEAR = 0.02;
const REHEARSALS = 3;

/** A short run of the real engine. */
export interface Rehearsal {
  readonly window: TimeWindow;
  /** How busy the real engine was within the window, with that pause. */
  run(thinkMs: number): Promise<number>;
}

/**
 * The think time at which the real engine alone is as busy as wanted within the window that is measured. Histories grow,
 * so a short run is less busy than a long one: what it tells is how far the simulated engine is off in the same window.
 */
export async function rehearsedThinkMs(load: LoadWithoutPause, measured: TimeWindow, rehearsal: Rehearsal, wanted: number): Promise<number> {
  let thinkMs = await findThinkMs(load, measured);
  for (let attempt = 0; attempt < REHEARSALS && thinkMs > 0; attempt++) {
    const off = await rehearsal.run(thinkMs) - await simulatedUtilisation(load, thinkMs, rehearsal.window);
    if (Math.abs(await simulatedUtilisation(load, thinkMs, measured) + off - wanted) <= NEAR) break;
    thinkMs = await findThinkMs(load, measured, Math.min(0.99, Math.max(0.5, wanted - off)));
  }
  return thinkMs;
}
