/** Time as an argument: the same policy code runs live, in replay and on the simulator's virtual clock. */
export interface Clock {
  /** Milliseconds since any fixed origin, never going back. */
  nowMs(): number;
}

/** Randomness as an argument: a number in [0, 1). */
export type Random = () => number;

/** A small seeded generator (mulberry32) for replays, benches and tests. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
