/**
 * What keeping a state is worth: the sum of the values of the units that no other resident state holds (a saved
 * state's value is marginal).
 */
import type { HeldState, Unit } from './held-state.ts';
import type { IndexFeed } from './index-feed.ts';

/** A lease multiplies the worth: it yields to what is worth still more. */
const LEASE_FACTOR = 4;
/** Neighbouring units have one history and nearly one value: so many are asked for at most. */
const SAMPLES = 16;

export class Worth {
  readonly #feed: IndexFeed;

  constructor(feed: IndexFeed) {
    this.#feed = feed;
  }

  /** Units that no other resident state holds. */
  ownUnits(state: HeldState, ignored?: ReadonlySet<HeldState>): number {
    return state.units.length - covered(state, ignored);
  }

  /**
   * Worth of the units that no other resident state holds, in ms of prefill saved per second. Without an index in
   * force: their tokens by the time since the last use, so that the order per token is LRU.
   * @param ignored states that would go if this one stayed
   */
  of(state: HeldState, nowMs: number, ignored?: ReadonlySet<HeldState>): number {
    const { units } = state;
    const from = covered(state, ignored);
    if (from >= units.length) return 0;
    const index = this.#feed.of(state.tenant);
    const factor = state.leaseUntilMs > nowMs ? LEASE_FACTOR : 1;
    const count = units.length - from;
    if (index === undefined) return (factor * 1000 * count) / (1 + nowMs - units[units.length - 1].lastTouchMs);
    const samples = Math.min(count, SAMPLES);
    let sum = 0;
    for (let sample = 0; sample < samples; sample++) {
      sum += index.value(units[from + Math.floor(((sample + 0.5) * count) / samples)].id, nowMs);
    }
    return factor * sum * (count / samples);
  }

  /** The same per token that it holds. */
  perToken(state: HeldState, nowMs: number): number {
    return this.of(state, nowMs) / state.tokens.length;
  }
}

/** How many leading units of the state some other state holds too. */
function covered(state: HeldState, ignored: ReadonlySet<HeldState> | undefined): number {
  const { units } = state;
  let low = 0;
  let high = units.length;
  // Whoever holds a unit holds its ancestors: the covered part is a prefix.
  while (low < high) {
    const middle = (low + high) >> 1;
    if (hasOther(units[middle], state, ignored)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function hasOther(unit: Unit, state: HeldState, ignored: ReadonlySet<HeldState> | undefined): boolean {
  for (const holder of unit.holders) {
    if (holder !== state && ignored?.has(holder) !== true) return true;
  }
  return false;
}
