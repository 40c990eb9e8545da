import { describe, expect, it } from 'vitest';
import type { LiveSession, SessionForecasts } from '../../core/index.ts';
import { agentId, sessionId } from '../../core/index.ts';
import { BIN_HIGH_MS, BIN_MIDDLE_MS, SUM_BINS, timeBin } from '../../learner/index.ts';
import { SessionWorth, gittinsIndex } from './worth.ts';

function masses(entries: readonly (readonly [number, number])[]): Float64Array {
  const result = new Float64Array(SUM_BINS);
  for (const [ms, mass] of entries) result[timeBin(ms)] += mass;
  return result;
}
const secondsOf = (ms: number): number => BIN_MIDDLE_MS[timeBin(ms)] / 1000;
/** Within a bin nobody knows when: who waits waits for all of it. */
const waitOf = (ms: number): number => BIN_HIGH_MS[timeBin(ms)] / 1000;

describe('gittinsIndex', () => {
  it('is one over the wait for a return that is certain', () => {
    expect(gittinsIndex(masses([[3000, 1]]))).toBeCloseTo(1 / secondsOf(3000), 12);
  });

  it('falls with the chance that nothing comes: P / (P t + (1 − P) T), t the mean return, T the wait', () => {
    expect(gittinsIndex(masses([[3000, 0.25]]))).toBeCloseTo(0.25 / (0.25 * secondsOf(3000) + 0.75 * waitOf(3000)), 12);
  });

  it('gives up after the near return when the far one is not worth the wait', () => {
    const near = secondsOf(1000);
    const far = secondsOf(300_000);
    const both = gittinsIndex(masses([[1000, 0.5], [300_000, 0.5]]));
    const waitForNear = 0.5 / (0.5 * near + 0.5 * waitOf(1000));
    const waitForBoth = 1 / (0.5 * near + 0.5 * far);
    expect(waitForNear).toBeGreaterThan(waitForBoth);
    expect(both).toBeCloseTo(waitForNear, 12);
  });

  it('is nothing for what never returns', () => {
    expect(gittinsIndex(new Float64Array(SUM_BINS))).toBe(0);
  });
});

describe('SessionWorth', () => {
  /** The next call comes for certain in 2 s and every further one 2 s later; a touch has the same chance at each. */
  function forecasts(chance: number): SessionForecasts {
    return {
      session: () => undefined, endings: 0, ending: () => undefined, epoch: 0, agentCalls: () => 1, agentCallsSince: () => 0, agentKey: () => 1, horizons: 2, endRate: 0,
      nextCall: (_session, _nowMs, out) => out.set(masses([[2000, 1]])),
      callsInHorizon: () => 1,
      laterCall: (_next, _horizon, out) => out.set(masses([[4000, 1]])),
      touchChances: (_session, _kind, _agentKey, _step, _nth, out) => out.fill(chance),
      tallyTouch: () => undefined,
      learnTouches: () => undefined,
    };
  }
  const live: LiveSession = { id: sessionId('s'), calls: 3, lastCallMs: 0, revision: 1, over: false };
  const agent = forecasts(1).agentKey(agentId('coder'));

  it('is that of the next call when it touches for certain', () => {
    const session = new SessionWorth();
    session.forecast(live, forecasts(1), 0);
    expect(session.of(0, agent, 2, 1)).toBeCloseTo(1 / secondsOf(2000), 12);
  });

  it('weighs the next call against the one after it', () => {
    const session = new SessionWorth();
    session.forecast(live, forecasts(0.5), 0);
    const returns = masses([[2000, 0.5], [4000, 0.25]]);
    expect(session.of(0, agent, 2, 1)).toBeCloseTo(gittinsIndex(returns), 12);
  });
});
