/**
 * What a group of blocks is worth to one live session. R is the time until the session uses the group again, possibly
 * never:
 *
 *   P(R) = Σ_k q_k · P(time of the k-th next call),   q_1 = h₀,  q_k = h_{k−1} Π_{j<k−1} (1 − h_j)(1 − e)
 *
 * with h the chance of a touch, e the chance that a call is the last. Worth is the Gittins index of keeping it:
 * max over horizons T of P(R ≤ T) / E[min(R, T)], hits per block-second at the best time to give up.
 */
import type { LiveSession, SessionForecasts, TouchKind } from '../../core/index.ts';
import { BIN_HIGH_MS, BIN_MIDDLE_MS, SUM_BINS } from '../../learner/time-grid.ts';

const MEMO_CELLS = 16;
const NEGLIGIBLE_SHARE = 1e-3;
const NEGLIGIBLE_CHANCE = 1e-4;
const SECONDS = BIN_MIDDLE_MS.map((ms) => ms / 1000);
/** Who gives up gives up after a bin: within it nobody knows when. */
const GIVE_UP_SECONDS = BIN_HIGH_MS.map((ms) => ms / 1000);

/** Of the best time to give up: the chance of a hit until then, and how long it is kept in the mean, in seconds. */
export interface Stop { chance: number; waitSeconds: number }

/** Hits per block-second, from the masses of R on the time grid; none lies outside the bins `from` to `to`. */
export function gittinsIndex(returns: Float64Array, from = 0, to = SUM_BINS, stop?: Stop): number {
  let chance = 0;
  let held = 0;
  // The best ratio so far, as a fraction: comparing fractions needs no division.
  let best = 0;
  let bestWait = 1;
  for (let bin = from; bin < to; bin++) {
    const mass = returns[bin];
    if (mass <= 0) continue;
    chance += mass;
    held += mass * SECONDS[bin];
    const wait = held + (1 - chance) * GIVE_UP_SECONDS[bin];
    if (chance * bestWait <= best * wait) continue;
    best = chance;
    bestWait = wait;
  }
  if (stop !== undefined) {
    stop.chance = best;
    stop.waitSeconds = bestWait;
  }
  return best / bestWait;
}

/** base ** exponent for whole exponents, a few times faster. */
function power(base: number, exponent: number): number {
  let result = 1;
  let square = base;
  for (let left = exponent; left > 0; left >>= 1) {
    if ((left & 1) === 1) result *= square;
    square *= square;
  }
  return result;
}

/**
 * The forecast of one live session, made when it is asked for and given up for the next session's: thousands of
 * sessions share one, and what is kept of each is what its groups were found to be worth.
 */
export class SessionWorth {
  private live: LiveSession | undefined;
  private forecasts: SessionForecasts | undefined;
  private madeAtMs = 0;
  private revision = -1;
  private horizons: Float64Array[] = [];
  private readonly stop: Stop = { chance: 0, waitSeconds: 1 };
  private horizonsReady = 0;
  /** The bins of each horizon that have any mass: from the first one to before the other. */
  private readonly from: number[] = [];
  private readonly to: number[] = [];
  private readonly returns = new Float64Array(SUM_BINS);
  private chances = new Float64Array(0);
  private readonly memoKeys = new Float64Array(MEMO_CELLS);
  private readonly memoWorth = new Float64Array(MEMO_CELLS);

  get bytes(): number {
    return (this.horizons.length + 1) * SUM_BINS * 8 + MEMO_CELLS * 16;
  }

  /** Makes the forecast of this session, unless it is there. Returns whether it had to be made. */
  forecast(live: LiveSession, forecasts: SessionForecasts, nowMs: number): boolean {
    if (this.live === live && this.revision === live.revision && this.madeAtMs === nowMs && this.forecasts === forecasts) return false;
    while (this.horizons.length < forecasts.horizons) this.horizons.push(new Float64Array(SUM_BINS));
    if (this.chances.length < forecasts.horizons) this.chances = new Float64Array(forecasts.horizons);
    this.live = live;
    this.forecasts = forecasts;
    this.madeAtMs = nowMs;
    this.revision = live.revision;
    forecasts.nextCall(live, nowMs, this.horizons[0]);
    this.horizonsReady = 1;
    this.findMass(0);
    this.memoKeys.fill(-1);
    return true;
  }

  /** Worth of what the session used last at its call `step` (of the agent `nth`). Call `forecast` first. */
  of(kind: TouchKind, agentKey: number, step: number, nth: number): number {
    const { live, forecasts } = this;
    if (live === undefined || forecasts === undefined) return 0;
    const callsSince = live.calls - 1 - step;
    const agentCallsSince = Math.min(2, forecasts.agentCallsSince(live, agentKey, nth));
    const key = ((agentKey >>> 0) * 65_536 + Math.min(65_535, Math.max(0, callsSince))) * 16 + kind * 3 + agentCallsSince;
    const cell = (agentKey ^ (callsSince * 7) ^ (kind * 29) ^ (agentCallsSince * 13)) & (MEMO_CELLS - 1);
    if (this.memoKeys[cell] === key) return this.memoWorth[cell];
    const worth = this.compute(live, forecasts, kind, agentKey, step, nth);
    this.memoKeys[cell] = key;
    this.memoWorth[cell] = worth;
    return worth;
  }

  /** As `of`, with what it is made of. Valid until the next call. */
  stopOf(kind: TouchKind, agentKey: number, step: number, nth: number): Stop {
    const { live, forecasts, stop } = this;
    stop.chance = 0;
    stop.waitSeconds = 1;
    if (live !== undefined && forecasts !== undefined) this.compute(live, forecasts, kind, agentKey, step, nth);
    return stop;
  }

  private compute(live: LiveSession, forecasts: SessionForecasts, kind: TouchKind, agentKey: number, step: number, nth: number): number {
    const { returns, chances } = this;
    forecasts.touchChances(live, kind, agentKey, step, nth, chances);
    const goesOn = 1 - forecasts.endRate;
    returns.fill(0);
    let first = SUM_BINS;
    let end = 0;
    let left = 1;
    for (let horizon = 0; horizon < forecasts.horizons; horizon++) {
      const chance = chances[horizon];
      const passes = (1 - chance) * goesOn;
      const calls = forecasts.callsInHorizon(horizon);
      const passesAll = calls === 1 ? passes : power(passes, calls);
      const share = calls === 1 ? left * chance : (left * chance * (1 - passesAll)) / (1 - passes + 1e-9);
      left *= passesAll;
      if (share > NEGLIGIBLE_CHANCE) {
        const when = this.horizon(forecasts, horizon);
        const from = this.from[horizon];
        const to = this.to[horizon];
        if (from < first) first = from;
        if (to > end) end = to;
        for (let bin = from; bin < to; bin++) returns[bin] += share * when[bin];
      }
      if (left < NEGLIGIBLE_SHARE) break;
    }
    return gittinsIndex(returns, first, end, this.stop);
  }

  private horizon(forecasts: SessionForecasts, horizon: number): Float64Array {
    while (this.horizonsReady <= horizon) {
      forecasts.laterCall(this.horizons[0], this.horizonsReady, this.horizons[this.horizonsReady]);
      this.findMass(this.horizonsReady++);
    }
    return this.horizons[horizon];
  }
  private findMass(horizon: number): void {
    const masses = this.horizons[horizon];
    let from = 0;
    let to = SUM_BINS;
    while (from < to && masses[from] === 0) from++;
    while (to > from && masses[to - 1] === 0) to--;
    this.from[horizon] = from;
    this.to[horizon] = to;
  }
}
