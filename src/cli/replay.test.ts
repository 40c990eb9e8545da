import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { TraceReport } from '../lab/replay/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'entresol-replay-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const call = (session: string, step: number, segments: [string, number][]): string => JSON.stringify({
  workload: 'w', session, step, agent: 'planner', t_ms: step * 1000, dur_ms: 500, base: null, segments, out: [['o', 8]], tools: [],
  prompt_tokens: segments.reduce((sum, [, tokens]) => sum + tokens, 0), output_tokens: 8,
});
const trace = join(folder, 'small.jsonl');
writeFileSync(trace, [call('a', 0, [['s', 20], ['x', 20]]), call('a', 1, [['s', 20], ['y', 20]]), call('b', 0, [['s', 20], ['z', 20]])].join('\n'));

/** The command as it is installed: the built CLI in a process of its own. */
function entresol(...rawArguments: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(root, 'dist/cli/main.mjs'), ...rawArguments], { cwd: folder, encoding: 'utf8', env: { PATH: process.env.PATH, ENTRESOL_TRACES: folder } });
}

describe('entresol replay', () => {
  it('prints one JSON document as the last line of standard output', () => {
    const { status, stdout, stderr } = entresol('replay', 'small', '--policy', 'lru,belady,infinite', '--capacity', '0.5,2', '--block-size', '4', '--concurrency', '2', '--json');
    expect([status, stderr]).toEqual([0, '']);
    const { traces } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { traces: TraceReport[] };
    expect(traces).toHaveLength(1);
    const [report] = traces;
    expect(report).toMatchObject({ trace: 'small', requests: 3, blockSize: 4, concurrency: 2, timing: 'exact' });
    expect(report.results.map(({ policy, capacity }) => [policy, capacity])).toEqual([['lru', 0.5], ['belady', 0.5], ['infinite', 0.5], ['lru', 2], ['belady', 2], ['infinite', 2]]);
    // The second and the third call find the 20 tokens that all three share.
    expect(report.results.at(-1)?.hitRate).toBeCloseTo(40 / 120, 5);
    for (const row of report.results) expect(row.callsPerSecond).toBeGreaterThan(0);
  });

  it('prints a table for people', () => {
    const { status, stdout } = entresol('replay', trace, '--policy', 'lru,belady', '--capacity', '2', '--block-size', '4');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^small: 3 calls, working set \d+ blocks of 4 tokens, 16 sessions at once, exact timing\n/);
    expect(stdout).toMatch(/\n +2 +\d+ +belady +33\.33 %/);
  });

  it('replays a TypeScript policy file, and --max-calls and --timing', () => {
    const docs = readFileSync(join(root, 'docs/traces.md'), 'utf8');
    writeFileSync(join(folder, 'fifo.ts'), /```ts\n([\s\S]*?)```/.exec(docs)?.[1] ?? '');
    const { status, stdout, stderr } = entresol('replay', trace, '--policy', './fifo.ts,lru', '--capacity', '0.2', '--block-size', '4', '--max-calls', '2', '--timing', 'live', '--json');
    expect([status, stderr]).toEqual([0, '']);
    const { traces } = JSON.parse(stdout) as { traces: TraceReport[] };
    expect(traces[0]).toMatchObject({ requests: 2, timing: 'live', results: [{ policy: 'fifo' }, { policy: 'lru' }] });
  });

  it.each([
    [['replay'], 2, /ENT_USAGE at TRACE: expected at least one trace/],
    [['replay', trace, '--capacity', 'half'], 2, /ENT_USAGE at --capacity: expected a number from 0 to 1000, found "half"/],
    [['replay', trace, '--concurrency', '0'], 2, /ENT_USAGE at --concurrency: expected a whole number from 1/],
    [['replay', trace, '--block-size', '1.5'], 2, /ENT_USAGE at --block-size/],
    [['replay', trace, '--timing', 'later'], 2, /ENT_USAGE at --timing: expected exact or live, found "later"/],
    [['replay', trace, '--polcy', 'lru'], 2, /ENT_USAGE: Unknown option '--polcy'/],
    [['replay', trace, '--policy', 'lru,lru'], 2, /two policies are called lru/],
    [['replay', trace, '--policy', 'lur'], 2, /ENT_POLICY_UNKNOWN at lur: .*Known: .*lru/],
    [['replay', trace, '--policy', './none.ts'], 1, /ENT_POLICY_INVALID at .*none\.ts: there is no such file/],
    [['replay', 'nowhere', '--policy', 'lru'], 1, /ENT_TRACE_MISSING at nowhere: .*looked for/],
  ])('%j exits %i and says why', (rawArguments, expectedStatus, message) => {
    const { status, stderr, stdout } = entresol(...rawArguments);
    expect(stderr).toMatch(message);
    expect([status, stdout]).toEqual([expectedStatus, '']);
  });

  it('names file, line and field of a broken trace', () => {
    const broken = join(folder, 'broken.jsonl');
    writeFileSync(broken, `${call('a', 0, [['s', 20]])}\n${call('a', 1, [['s', 20]]).replace('"planner"', '7')}\n`);
    const { status, stderr } = entresol('replay', broken, '--policy', 'lru');
    expect(status).toBe(1);
    expect(stderr).toBe(`ENT_TRACE_INVALID at ${broken}:2: field agent: expected a non-empty string, found 7. Correct the named line and field; the format is in docs/traces.md.\n`);
  });
});
