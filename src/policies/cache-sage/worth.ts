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
import { BIN_MIDDLE_MS, SUM_BINS } from '../../learner/time-grid.ts';

const MEMO_CELLS = 64;
const NEGLIGIBLE_SHARE = 1e-3;
const NEGLIGIBLE_CHANCE = 1e-4;
const SECONDS = BIN_MIDDLE_MS.map((ms) => ms / 1000);

/** Hits per block-second, from the masses of R on the time grid. */
export function gittinsIndex(returns: Float64Array): number {
  let chance = 0;
  let held = 0;
  let best = 0;
  for (let bin = 0; bin < SUM_BINS; bin++) {
    const mass = returns[bin];
    if (mass <= 0) continue;
    chance += mass;
    held += mass * SECONDS[bin];
    const ratio = chance / (held + (1 - chance) * SECONDS[bin]);
    if (ratio > best) best = ratio;
  }
  return best;
}

const returns = new Float64Array(SUM_BINS);

/** The forecast of one live session, kept until the session moves or has been idle for some more time. */
export class SessionWorth {
  readonly live: LiveSession;
  readonly forecasts: SessionForecasts;
  /** When the forecast was made; -1: never. */
  madeAtMs = -1;
  private revision = -1;
  private epoch = -1;
  private readonly horizons: readonly Float64Array[];
  private horizonsReady = 0;
  private readonly memoKeys = new Float64Array(MEMO_CELLS);
  private readonly memoWorth = new Float64Array(MEMO_CELLS);

  constructor(live: LiveSession, forecasts: SessionForecasts) {
    this.live = live;
    this.forecasts = forecasts;
    this.horizons = Array.from({ length: forecasts.horizons }, () => new Float64Array(SUM_BINS));
  }

  get isCurrent(): boolean {
    return this.madeAtMs >= 0 && this.revision === this.live.revision && this.epoch === this.forecasts.epoch;
  }

  forecast(nowMs: number): void {
    this.forecasts.nextCall(this.live, nowMs, this.horizons[0]);
    this.horizonsReady = 1;
    this.memoKeys.fill(-1);
    this.madeAtMs = nowMs;
    this.revision = this.live.revision;
    this.epoch = this.forecasts.epoch;
  }

  /** Worth of what the session used last at its call `step` (of the agent `nth`). Call `forecast` first. */
  of(kind: TouchKind, agentKey: number, step: number, nth: number): number {
    const callsSince = this.live.calls - 1 - step;
    const agentCallsSince = Math.min(2, Math.max(0, this.forecasts.agentCalls(this.live, agentKey) - nth));
    const key = ((agentKey >>> 0) * 65_536 + Math.min(65_535, Math.max(0, callsSince))) * 16 + kind * 3 + agentCallsSince;
    const cell = (agentKey ^ (callsSince * 7) ^ (kind * 29) ^ (agentCallsSince * 13)) & (MEMO_CELLS - 1);
    if (this.memoKeys[cell] === key) return this.memoWorth[cell];
    const worth = this.compute(kind, agentKey, step, nth);
    this.memoKeys[cell] = key;
    this.memoWorth[cell] = worth;
    return worth;
  }

  private compute(kind: TouchKind, agentKey: number, step: number, nth: number): number {
    const { forecasts } = this;
    const goesOn = 1 - forecasts.endRate;
    returns.fill(0);
    let left = 1;
    let ahead = 0;
    for (let horizon = 0; horizon < this.horizons.length; horizon++) {
      const chance = forecasts.touchChance(this.live, kind, agentKey, step, nth, ahead);
      const passes = (1 - chance) * goesOn;
      const calls = forecasts.callsInHorizon(horizon);
      const passesAll = calls === 1 ? passes : passes ** calls;
      const share = calls === 1 ? left * chance : (left * chance * (1 - passesAll)) / (1 - passes + 1e-9);
      left *= passesAll;
      ahead += calls;
      if (share > NEGLIGIBLE_CHANCE) {
        const when = this.horizon(horizon);
        for (let bin = 0; bin < SUM_BINS; bin++) returns[bin] += share * when[bin];
      }
      if (left < NEGLIGIBLE_SHARE) break;
    }
    return gittinsIndex(returns);
  }

  private horizon(horizon: number): Float64Array {
    while (this.horizonsReady <= horizon) {
      this.forecasts.laterCall(this.horizons[0], this.horizonsReady, this.horizons[this.horizonsReady]);
      this.horizonsReady++;
    }
    return this.horizons[horizon];
  }
}
