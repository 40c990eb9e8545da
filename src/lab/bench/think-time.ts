/** The think time at which the engine alone is as busy as wanted: contracts, section 2, 0.8 to 0.9. */
import { simulateLoad, type SimulatedLoad } from './simulated-run.ts';
import { utilisation } from './utilisation.ts';

/**
 * Of the simulated engine, which has work in hand for as long as a call is under way. The real one waits between
 * batches for messages: at this load its process computes for 0.8 to 0.9 of the time.
 */
export const WANTED_UTILISATION = 0.91;
const TOLERANCE = 0.01;
const MOST_TRIES = 12;

export type LoadWithoutPause = Omit<SimulatedLoad, 'thinkMs'>;

export async function simulatedUtilisation(load: SimulatedLoad): Promise<number> {
  const { calls, durationMs } = await simulateLoad(load);
  return utilisation(calls, durationMs);
}

/** Mean pause in ms, by bisection of its logarithm on the simulated engine; 0 where even no pause leaves the engine less busy. */
export async function findThinkMs(load: LoadWithoutPause, wanted = WANTED_UTILISATION): Promise<number> {
  if (await simulatedUtilisation({ ...load, thinkMs: 0 }) <= wanted) return 0;
  let low = 1;
  let high = load.untilMs;
  for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
    const middle = Math.sqrt(low * high);
    const busy = await simulatedUtilisation({ ...load, thinkMs: middle });
    if (Math.abs(busy - wanted) < TOLERANCE) return middle;
    if (busy > wanted) low = middle;
    else high = middle;
  }
  return Math.sqrt(low * high);
}

/** Two busy shares nearer than this are the same. */
const NEAR = 0.03;
const REHEARSALS = 3;

/**
 * The think time at which the real engine alone is as busy as wanted: the simulated one proposes, a short run of the
 * real one tells how far off that is.
 * @param rehearse runs the real engine with that pause and returns how busy it was
 */
export async function rehearsedThinkMs(load: LoadWithoutPause, rehearse: (thinkMs: number) => Promise<number>, wanted: number): Promise<number> {
  let aim = WANTED_UTILISATION;
  let thinkMs = await findThinkMs(load, aim);
  for (let attempt = 0; attempt < REHEARSALS && thinkMs > 0; attempt++) {
    const busy = await rehearse(thinkMs);
    if (Math.abs(busy - wanted) <= NEAR) break;
    aim = Math.min(0.99, Math.max(0.5, aim + wanted - busy));
    thinkMs = await findThinkMs(load, aim);
  }
  return thinkMs;
}
