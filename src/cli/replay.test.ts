import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
const environment = { PATH: process.env.PATH, ENTRESOL_TRACES: folder, ENTRESOL_CACHE_DIR: join(folder, 'cache') };
function entresol(...rawArguments: string[]): { status: number | null; stdout: string; stderr: string } {
  const done = spawnSync(process.execPath, [join(root, 'dist/cli/main.mjs'), ...rawArguments], { cwd: folder, encoding: 'utf8', env: environment });
  // Progress is shown every few seconds: whether a line of it came depends on the machine.
  return { ...done, stderr: done.stderr.replaceAll(/^\d+ of \d+ replays([,;] .*)?\n/gm, '') };
}
const withoutTimes = (document: string): unknown => JSON.parse(document, (key, value: unknown) => (/PerSecond|Ms(P50|P99)$/.test(key) ? undefined : value));

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

  it('computes nothing twice: not the same trace by another name, not another trace\'s, but everything again without the cache', () => {
    const other = join(folder, 'other.jsonl');
    writeFileSync(other, readFileSync(trace));
    const run = (name: string, ...more: string[]) => entresol('replay', name, '--policy', 'lru,cache-sage', '--capacity', '0.7,0.9', '--block-size', '4', '--json', ...more);
    const first = run('small');
    expect([first.status, first.stderr]).toEqual([0, '']);
    const again = run('small', '--workers', '1');
    expect([again.stdout, again.stderr]).toEqual([first.stdout, expect.stringMatching(/^4 of 4 replays were computed before/)]);
    const renamed = run('other');
    expect(renamed.stderr).toMatch(/^4 of 4 replays were computed before/);
    expect(renamed.stdout).toBe(first.stdout.replace('"small"', '"other"'));
    const anew = run('small', '--no-cache', '--workers', '1');
    expect(anew.stderr).toBe('');
    expect(withoutTimes(anew.stdout)).toEqual(withoutTimes(first.stdout));
    expect(run('small', '--concurrency', '1').stderr).toBe('');
    appendFileSync(other, `\n${call('c', 0, [['q', 20]])}`);
    expect(run('other').stderr).toBe('');
  });

  it('computes anew what a changed policy file, or a file that it imports, decides', () => {
    writeFileSync(join(folder, 'order.ts'), 'export const SIGN: number = 1;\n');
    writeFileSync(join(folder, 'mine.ts'), `import { definePolicy, rankedRetention } from 'entresol';
      import { SIGN } from './order.ts';
      export default definePolicy({ name: 'mine', summary: 'for tests', decisions: ['retention'], create: () => ({ score: { retention: rankedRetention(() => SIGN) } }) });`);
    const run = () => entresol('replay', 'small', '--policy', './mine.ts', '--capacity', '0.8', '--block-size', '4', '--json');
    expect([run().status, run().stderr]).toEqual([0, expect.stringMatching(/^1 of 1 replays were computed before/)]);
    writeFileSync(join(folder, 'order.ts'), 'export const SIGN: number = -1;\n');
    expect(run().stderr).toBe('');
  });

  it('a policy that ends its worker is a fault, not a wait without end', () => {
    writeFileSync(join(folder, 'leaving.ts'), `import { definePolicy } from 'entresol';
      export default definePolicy({ name: 'leaving', summary: 'for tests', decisions: ['retention'], create: () => process.exit(3) });`);
    const { status, stderr } = entresol('replay', 'small', '--policy', './leaving.ts', '--capacity', '0.85');
    expect([status, stderr]).toEqual([1, expect.stringMatching(/ENT_POLICY_INVALID at .*leaving\.ts: the policy ended its worker \(exit code 3\)/)]);
  });

  const policy = (create: string): string => `import { definePolicy, rankedRetention } from 'entresol';
interface Shape { readonly worth: number }
export default definePolicy({ name: 'faulty', summary: 'for tests', decisions: ['retention'],
  create: ${create} });`;
  it.each([
    ['syntax', 'export default {', /faulty\.ts: the file does not load: .*faulty\.ts:1:/],
    ['its export', 'export const policy = 1;', /faulty\.ts: expected a default export made by definePolicy/],
    ['create()', policy("() => { throw new Error('no room'); }"), /faulty\.ts:4: create\(\) of faulty threw: no room\./],
    ['what create() gives', policy('() => undefined'), /faulty\.ts: Policy faulty has no score\.retention/],
    ['a worth', policy("() => ({ score: { retention: rankedRetention(() => { throw new TypeError('worthless'); }) } })"), /faulty\.ts:4: faulty threw at step \d+ of session \w+: worthless\./],
    ['a worth that is no number', policy('() => ({ score: { retention: rankedRetention(() => Number.NaN) } })'), /faulty\.ts: faulty threw at step .*: the worth of unit \d+ is NaN, expected a number\./],
    ['its victims', policy('() => ({ score: { retention: { ...rankedRetention(() => 1), victims: () => [] } } })'), /faulty\.ts: victims\(\) named 0 units/],
  ])('a fault in %s of a policy file names the file, the line where one is known, and what was wrong', (_what, text, message) => {
    writeFileSync(join(folder, 'faulty.ts'), text);
    const { status, stderr, stdout } = entresol('replay', 'small', '--policy', 'lru,./faulty.ts', '--capacity', '0.1', '--concurrency', '1', '--block-size', '4', '--json');
    expect(stderr).toMatch(/^ENT_POLICY_INVALID at \//m);
    expect(stderr).toMatch(message);
    expect([status, stdout]).toEqual([1, '']);
  });

  it('stops on Ctrl-C, says what is done, and goes on from there', async () => {
    // The policy sends the signal itself, in the midst of its only replay.
    writeFileSync(join(folder, 'stopping.ts'), `import { definePolicy, rankedRetention } from 'entresol';
      export default definePolicy({ name: 'stopping', summary: 'for tests', decisions: ['retention'], create: () => {
        if (process.env.STOP === 'yes') { process.kill(process.pid, 'SIGINT'); for (;;) { /* until the thread is ended */ } }
        return { score: { retention: rankedRetention(() => 1) } };
      } });`);
    const run = (stop: string) => spawnSync(process.execPath, [join(root, 'dist/cli/main.mjs'), 'replay', 'small', '--policy', 'lru,./stopping.ts', '--capacity', '0.85', '--workers', '1', '--json'], { cwd: folder, encoding: 'utf8', env: { ...environment, STOP: stop } });
    const stopped = run('yes');
    expect([stopped.status, stopped.stdout]).toEqual([130, '']);
    expect(stopped.stderr).toContain('stopped: 1 of 2 replays are done and kept');
    const resumed = run('no');
    expect(resumed.status).toBe(0);
    expect(resumed.stderr).toMatch(/^1 of 2 replays were computed before/);
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
