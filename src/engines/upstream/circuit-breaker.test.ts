import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CircuitBreaker, type Permit } from './circuit-breaker.ts';

const SETTINGS = { failures: 3, openMs: 1000, maximumOpenMs: 4000 };
function failing(breaker: CircuitBreaker, atMs: number, times: number): void {
  for (let call = 0; call < times; call++) breaker.admit(atMs)?.('failed', atMs);
}

describe('the circuit breaker', () => {
  it('opens after failures in a row, and not after as many with an answer between', () => {
    const breaker = new CircuitBreaker(SETTINGS);
    failing(breaker, 0, 2);
    breaker.admit(0)?.('answered', 0);
    failing(breaker, 0, 2);
    expect(breaker.state(0)).toBe('closed');
    failing(breaker, 0, 1);
    expect(breaker.state(0)).toBe('open');
    expect(breaker.admit(999)).toBeUndefined();
    expect(breaker.retryAfterMs(400)).toBe(600);
  });

  it('lets one trial go at a time; its answer closes', () => {
    const breaker = new CircuitBreaker(SETTINGS);
    failing(breaker, 0, 3);
    const trial = breaker.admit(1000);
    expect(trial).toBeDefined();
    expect(breaker.admit(1000)).toBeUndefined();
    trial?.('answered', 1200);
    expect(breaker.state(1200)).toBe('closed');
    expect(breaker.admit(1200)).toBeDefined();
  });

  it('stays open for twice as long after each failed trial, up to a bound', () => {
    const breaker = new CircuitBreaker(SETTINGS);
    failing(breaker, 0, 3);
    let atMs = 1000;
    for (const wait of [2000, 4000, 4000]) {
      breaker.admit(atMs)?.('failed', atMs);
      expect(breaker.state(atMs + wait - 1)).toBe('open');
      atMs += wait;
      expect(breaker.state(atMs)).toBe('half-open');
    }
  });

  it('gives the trial to another when the client of the first goes away', () => {
    const breaker = new CircuitBreaker(SETTINGS);
    failing(breaker, 0, 3);
    breaker.admit(1000)?.('unknown', 1001);
    expect(breaker.admit(1001)).toBeDefined();
  });

  it('takes late failures of calls that were under way for no news, and a late answer for good news', () => {
    const breaker = new CircuitBreaker(SETTINGS);
    const [early, late] = [breaker.admit(0), breaker.admit(0)];
    failing(breaker, 0, 3);
    early?.('failed', 900);
    expect(breaker.state(1000)).toBe('half-open');
    late?.('answered', 1000);
    expect(breaker.state(1000)).toBe('closed');
  });

  it('never lets more than one call go before it has closed again, and never stays shut for good', () => {
    fc.assert(fc.property(fc.array(fc.record({ passMs: fc.nat(3000), settle: fc.constantFrom('answered', 'failed', 'unknown', 'later') }), { maxLength: 200 }), (steps) => {
      const breaker = new CircuitBreaker(SETTINGS);
      let nowMs = 0;
      const open: Permit[] = [];
      for (const { passMs, settle } of steps) {
        nowMs += passMs;
        const halfOpen = breaker.state(nowMs) === 'half-open';
        const permit = breaker.admit(nowMs);
        if (halfOpen && permit !== undefined) expect(breaker.admit(nowMs)).toBeUndefined();
        if (permit === undefined) continue;
        if (settle === 'later') open.push(permit);
        else permit(settle, nowMs);
      }
      for (const permit of open) permit('unknown', nowMs);
      expect(breaker.admit(nowMs + SETTINGS.maximumOpenMs)).toBeDefined();
    }));
  });
});
