import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LeagueDocument } from '../lab/league/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'entresol-league-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Sessions of equal length take turns, so LRU always drops what comes next, and what was used last is best dropped. */
function cyclicTrace(name: string, sessions: number): void {
  const lines: string[] = [];
  for (let session = 0; session < sessions; session++) {
    for (let step = 0; step < 6; step++) {
      lines.push(JSON.stringify({
        workload: 'w', session: `${name}-${session}`, step, agent: 'coder', t_ms: step * (3900 + 20 * session), dur_ms: 500, prompt_tokens: 40 + 4 * step, output_tokens: 4,
        base: step === 0 ? null : [step - 1, step], segments: [step === 0 ? [`${name}-${session}`, 40] : [`${name}-${session}-${step}`, 4]], out: [[`o-${name}-${session}-${step}`, 4]], tools: [],
      }));
    }
  }
  writeFileSync(join(folder, `${name}.jsonl`), lines.join('\n'));
}
cyclicTrace('one', 4);
cyclicTrace('two', 8);
cyclicTrace('three', 12);
// Worth by last use: sign 1 is LRU, sign -1 its opposite, which is right for cyclic returns.
writeFileSync(join(folder, 'signed.ts'), `import { definePolicy, rankedRetention } from 'entresol';
  export default definePolicy({ name: 'signed', summary: 'for tests', decisions: ['retention'],
    parameters: { sign: { default: 1, candidates: [1, -1], description: 'which end goes first' } },
    create: ({ parameters }) => ({ score: { retention: rankedRetention((unit) => parameters.sign * unit.lastUseMs) } }) });`);

const environment = { PATH: process.env.PATH, ENTRESOL_TRACES: folder, ENTRESOL_CACHE_DIR: join(folder, 'cache') };
function league(...rawArguments: string[]): { status: number | null; stdout: string; stderr: string } {
  const done = spawnSync(process.execPath, [join(root, 'dist/cli/main.mjs'), 'league', ...rawArguments], { cwd: folder, encoding: 'utf8', env: environment });
  // Progress is shown every few seconds: whether a line of it came depends on the machine.
  return { ...done, stderr: done.stderr.replaceAll(/^\d+ of \d+ replays([,;] .*)?\n/gm, '') };
}
const SMALL = ['--trace', 'one,two,three', '--capacity', '0.5,0.75', '--block-size', '4', '--concurrency', '4'];

describe('entresol league', () => {
  let done: ReturnType<typeof league>;
  let found: LeagueDocument;
  beforeAll(() => {
    done = league(...SMALL, '--policy', 'cache-sage,infinite,./signed.ts', '--out', 'out', '--json');
    found = JSON.parse(done.stdout.trim().split('\n').at(-1) ?? '') as LeagueDocument;
  });

  it('has a row for every policy, trace, capacity and timing, LRU and Belady added', () => {
    expect([done.status, done.stderr]).toEqual([0, '']);
    expect(found.policies.map(({ name }) => name)).toEqual(['cache-sage', 'infinite', 'signed', 'lru', 'belady']);
    expect(found.rows).toHaveLength(5 * 3 * 2 * 2);
    for (const row of found.rows) {
      for (const field of ['hitRate', 'prefillMsSaved', 'stateBytes', 'decideUs', 'observeUs'] as const) expect(row[field]).toBeGreaterThanOrEqual(0);
    }
    expect(found.traces.map(({ trace, calls }) => [trace, calls])).toEqual([['one', 24], ['two', 48], ['three', 72]]);
  });

  it('measures shares from LRU to Belady', () => {
    const at = (policy: string) => found.rows.find((row) => row.policy === policy && row.trace === 'three' && row.capacity === 0.5 && row.timing === 'exact');
    const [lru, signed, belady] = ['lru', 'signed', 'belady'].map((policy) => at(policy)?.hitRate ?? Number.NaN);
    expect(belady - lru).toBeGreaterThan(0.1);
    expect(at('signed')?.share).toBeCloseTo((signed - lru) / (belady - lru), 9);
    expect([at('lru')?.share, at('belady')?.share]).toEqual([0, 1]);
    expect(found.means.belady.exact).toMatchObject({ share: 1, pairs: found.rows.filter(({ policy, timing, share }) => policy === 'lru' && timing === 'exact' && share !== null).length });
  });

  it('fits a free constant for each trace on the others alone, and says so', () => {
    const fitted = found.fittedOn.signed;
    if (!fitted.fitted) throw new Error('nothing was fitted');
    expect(fitted.byTiming.exact).toEqual({
      // -1 wins on trace one alone, by far; the other two are better off with the default.
      one: { parameters: {}, traces: ['two', 'three'] }, two: { parameters: { sign: -1 }, traces: ['one', 'three'] }, three: { parameters: { sign: -1 }, traces: ['one', 'two'] },
    });
    expect(found.fittedOn['cache-sage']).toEqual({ fitted: false });
    const plain = JSON.parse(league(...SMALL, '--policy', './signed.ts', '--no-fit', '--json').stdout) as LeagueDocument;
    expect(plain.fittedOn.signed).toEqual({ fitted: false });
    const hitRates = ({ rows }: LeagueDocument, trace: string): number[] => rows.filter((row) => row.policy === 'signed' && row.trace === trace).map(({ hitRate }) => hitRate);
    expect(hitRates(found, 'one')).toEqual(hitRates(plain, 'one'));
    expect(hitRates(found, 'two')).not.toEqual(hitRates(plain, 'two'));
  });

  it('writes JSON, Markdown and a page that carries its data and reaches nothing', () => {
    expect(readdirSync(join(folder, 'out')).toSorted()).toEqual(['league.html', 'league.json', 'league.md']);
    expect(JSON.parse(readFileSync(join(folder, 'out/league.json'), 'utf8'))).toEqual(found);
    expect(readFileSync(join(folder, 'out/league.md'), 'utf8')).toMatch(/\n\| signed +\| +-?\d+\.\d %/);
    const page = readFileSync(join(folder, 'out/league.html'), 'utf8');
    const carried = /<script type="application\/json" id="league">(.*?)<\/script>/s.exec(page)?.[1] ?? '';
    expect(JSON.parse(carried)).toEqual(found);
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/<(script|link|img|iframe)[^>]+(src|href)="(?!data:)/);
    expect(page).toContain('Copyright (c) 2022 Leon Sorokin');
    expect(page.match(/<figure /g)).toHaveLength(9);
  });

  it('prints Markdown without --out, and takes all from the cache the second time', () => {
    const again = league(...SMALL, '--policy', 'cache-sage,infinite', '--with', './signed.ts', '--workers', '1');
    expect([again.status, again.stderr]).toEqual([0, expect.stringMatching(/^(\d+) of \1 replays were computed before/)]);
    expect(again.stdout).toBe(readFileSync(join(folder, 'out/league.md'), 'utf8'));
  });

  it('goes on without a trace that is broken and a policy that throws, says so, and exits 1', () => {
    writeFileSync(join(folder, 'torn.jsonl'), `${readFileSync(join(folder, 'one.jsonl'), 'utf8').split('\n')[0]}\n{"workload":`);
    const policy = (name: string, create: string): void => writeFileSync(join(folder, `${name}.ts`), `import { definePolicy } from 'entresol';
      export default definePolicy({ name: '${name}', summary: 'for tests', decisions: ['retention'], create: () => { ${create} } });`);
    policy('throwing', "throw new Error('no room');");
    policy('leaving', 'process.exit(3);');
    const failed = league('--trace', 'one,torn,two', '--capacity', '0.5', '--timing', 'exact', '--block-size', '4', '--concurrency', '4', '--policy', 'cache-sage,./throwing.ts,./leaving.ts', '--out', 'partial', '--json');
    const partial = JSON.parse(failed.stdout) as LeagueDocument;
    expect(failed.status).toBe(1);
    expect(failed.stderr).toMatch(/^left out trace torn: ENT_TRACE_INVALID at .*torn\.jsonl:2: /m);
    expect(partial.failed.map(({ trace, policy: name }) => trace ?? name).toSorted()).toEqual(['leaving', 'throwing', 'torn']);
    expect([partial.traces.map(({ trace }) => trace), partial.policies.map(({ name }) => name), partial.rows.length]).toEqual([['one', 'two'], ['cache-sage', 'lru', 'belady'], 6]);
    expect(readFileSync(join(folder, 'partial/league.md'), 'utf8')).toMatch(/\*\*Left out:\*\*[^]*- policy throwing: ENT_POLICY_INVALID at .*throwing\.ts:2: create\(\) of throwing threw: no room\./);
    expect(readFileSync(join(folder, 'partial/league.html'), 'utf8')).toContain('<strong>Left out:</strong>');
    expect(league('--trace', 'torn', '--policy', 'lru').stderr).toMatch(/^ENT_TRACE_INVALID at .*torn\.jsonl:2/m);
  });

  it.each([
    [['--timing', 'later'], 2, /ENT_USAGE at --timing: expected exact, live or both, found "later"/],
    [['--trace', 'nowhere'], 1, /ENT_TRACE_MISSING at nowhere/],
    [['--policy', 'lru,lru'], 2, /ENT_USAGE at --policy: two policies are called lru/],
    [['--capacity', 'much'], 2, /ENT_USAGE at --capacity/],
    [['--out', 'one.jsonl/x', '--policy', 'lru'], 2, /ENT_USAGE at --out: the folder cannot be made/],
    [['one'], 2, /ENT_USAGE at one: expected no "one"; traces are named with --trace/],
  ])('%j exits %i and says why', (rawArguments, status, message) => {
    const failed = league(...rawArguments);
    expect([failed.status, failed.stdout]).toEqual([status, '']);
    expect(failed.stderr).toMatch(message);
  });
});
