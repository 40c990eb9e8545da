import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { soakBars, type SoakDocument } from './gateway-soak.ts';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.mjs', import.meta.url));

describe('entresol bench soak', () => {
  it('sends calls of every kind, gets the right answer to each, and leaves no handle and no listener', () => {
    const { status, stdout } = spawnSync(process.execPath, [MAIN, 'bench', 'soak', '--requests', '400', '--sessions', '100', '--json'], { encoding: 'utf8' });
    expect(status).toBe(0);
    const { settings, tally, handles, listeners, warnings, bars } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as SoakDocument & { bars: unknown[] };
    expect(tally).toMatchObject({ calls: 400, failed: 0, refused: 8 });
    expect(tally.givenUp).toBe(8);
    expect(handles.end).toBeLessThanOrEqual(handles.start);
    expect(listeners.end).toBeLessThanOrEqual(listeners.start);
    expect(warnings).toBe(0);
    expect(settings).toEqual({ v8Flags: ['--compact-on-every-full-gc'], environment: { MALLOC_TRIM_THRESHOLD_: '131072' } });
    expect(bars).toHaveLength(5);
  }, 300_000);
});

describe('the bars of a soak', () => {
  const good: SoakDocument = {
    node: 'v20', settings: { v8Flags: [], environment: {} }, requests: 10, sessions: 2, seconds: 1, tally: { calls: 10, givenUp: 0, refused: 0, failed: 0 }, rssMiB: { start: 80, first: 100, end: 105, growth: 0.05 }, heapMiB: { start: 1, first: 2, end: 2 }, heapTotalMiB: { start: 1, first: 2, end: 2 }, externalMiB: { start: 1, first: 2, end: 2 },
    sessionBytes: 4096, handles: { start: 1, end: 1 }, listeners: { start: 12, end: 12 }, warnings: 0,
  };
  const met = (more: Partial<SoakDocument>): boolean[] => soakBars({ ...good, ...more }).map((bar) => bar.met);

  it('hold at the bar and not beyond it', () => {
    expect(met({})).toEqual([true, true, true, true, true]);
    expect(met({ tally: { ...good.tally, failed: 1 } })[0]).toBe(false);
    expect(met({ rssMiB: { ...good.rssMiB, growth: 0.051 } })[1]).toBe(false);
    expect(met({ handles: { start: 1, end: 2 } })[2]).toBe(false);
    expect(met({ listeners: { start: 12, end: 13 } })[3]).toBe(false);
    expect(met({ warnings: 1 })[3]).toBe(false);
    expect(met({ sessionBytes: 4097 })[4]).toBe(false);
  });
});
