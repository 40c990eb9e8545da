import { describe, expect, it } from 'vitest';
import { PauseTable, PauseTables } from './pause-tables.ts';

describe('PauseTable', () => {
  /** Three pauses of about a second (a bin from 800 to 1,131 ms, middle 951), one of a minute, nobody stays away. */
  function table(): PauseTable {
    const pauses = new PauseTable();
    for (const ms of [1000, 1000, 1000, 60_000]) pauses.learn(ms);
    return pauses;
  }

  it('holds for as long as the chance of a return is worth its price', () => {
    // To 1,131 ms: 0.75 · 1000 − 0.1 · (0.75 · 951 + 0.25 · 1131) = 650 gained. On to the minute: 1000 − 0.1 · (0.75 · 951 + 0.25 · 60,887) < 0.
    expect(table().bestTimeToLiveMs(1000, 0.1)).toBeCloseTo(1131.4, 1);
    // Cheap enough, it waits for the last: 1000 − 0.001 · 15,935.
    expect(table().bestTimeToLiveMs(1000, 0.001)).toBeGreaterThan(60_000);
    // Too dear: 0.75 · 100 < 1 · 996.
    expect(table().bestTimeToLiveMs(100, 1)).toBe(0);
  });

  it('counts those who never come back as never in time', () => {
    const pauses = new PauseTable();
    pauses.learn(1000);
    for (let session = 0; session < 9; session++) pauses.ended++;
    // 0.1 · 1000 − 0.1 · (0.1 · 951 + 0.9 · 1131) < 0
    expect(pauses.bestTimeToLiveMs(1000, 0.1)).toBe(0);
  });

  it('tells the time by which a share has returned', () => {
    expect(table().quantileMs(0.75)).toBeCloseTo(1131.4, 1);
    expect(table().quantileMs(0.76)).toBeGreaterThan(60_000);
  });
});

describe('PauseTables', () => {
  it('pools the tools beyond the first few hundred', () => {
    const tables = new PauseTables();
    for (let tool = 0; tool < 10_000; tool++) tables.learn(`tool ${tool}`, 1000);
    expect(tables.bytes).toBeLessThan(40_000);
    expect(tables.all.returned).toBe(10_000);
    expect(tables.of('tool 9999').returned).toBe(10_000 - 256);
  });
});
