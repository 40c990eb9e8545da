/**
 * How policies do on workloads that they were not made for: synthetic ones, with structures that no given trace has
 * (`entresol trace make`). Share of the distance from LRU to Belady that each closes, per workload the mean over pairs with more than one
 * point of headroom, and the mean over all pairs. Defaults throughout, nothing is fitted. What was computed is kept.
 *
 *   npm run build && node bench/unseen-workloads.mjs [--policy a,b] [--workload drift,fan-out] [--timing exact|live] [--capacity 0.1,0.2,0.35,0.5] [--seed 1] [--json] [--assert]
 *
 * With --assert: exit 1 unless the mean of cache-sage over all pairs is at least 0.55.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchOptions } from './options.mjs';

const BAR = 0.55;
const POLICIES = 'cache-sage,lfu,sieve,s3-fifo,w-tinylfu,lhd,lecar,anchor-pin,cachescout,cachescout-session,kvflow,continuum,saga,lpc';

const values = benchOptions(import.meta.url, {
  policy: { type: 'string', default: POLICIES },
  workload: { type: 'string', default: '' },
  timing: { type: 'string', default: 'exact' },
  capacity: { type: 'string', default: '0.1,0.2,0.35,0.5' },
  seed: { type: 'string', default: '1' },
  json: { type: 'boolean', default: false },
  assert: { type: 'boolean', default: false },
});
const root = fileURLToPath(new URL('..', import.meta.url));
const entresol = (...words) => JSON.parse(execFileSync(process.execPath, ['dist/cli/main.mjs', ...words, '--json'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 26 }).trim().split('\n').at(-1));

const folder = mkdtempSync(join(tmpdir(), 'entresol-unseen-'));
const rows = [];
try {
  const { traces } = entresol('trace', 'make', ...values.workload.split(',').filter(Boolean), '--out', folder, '--seed', values.seed);
  for (const { name, path } of traces) {
    process.stderr.write(`${name}\n`);
    const league = entresol('league', '--trace', path, '--no-fit', '--timing', values.timing, '--capacity', values.capacity, '--policy', `lru,belady,${values.policy}`);
    rows.push(...league.rows.map(({ capacity, policy, share, gainPoints }) => ({ workload: name, capacity, policy, share, gainPoints })));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const mean = (shares) => (shares.length === 0 ? null : shares.reduce((sum, share) => sum + share, 0) / shares.length);
const workloads = [...new Set(rows.map(({ workload }) => workload))];
const summary = values.policy.split(',').map((policy) => {
  const own = rows.filter((row) => row.policy === policy);
  return {
    policy,
    byWorkload: Object.fromEntries(workloads.map((workload) => [workload, mean(own.filter((row) => row.workload === workload && row.share !== null).map(({ share }) => share))])),
    meanShare: mean(own.flatMap(({ share }) => (share === null ? [] : [share]))),
    pairs: own.filter(({ share }) => share !== null).length,
    worstPoints: Math.min(...own.map(({ gainPoints }) => gainPoints)),
  };
}).sort((first, second) => second.meanShare - first.meanShare);

const print = values.json ? process.stderr : process.stdout;
const percent = (share) => (share === null ? '–' : (100 * share).toFixed(1));
print.write(`| policy | ${workloads.join(' | ')} | mean (${summary[0].pairs} pairs) | worst against LRU, points |\n|${'---|'.repeat(workloads.length + 3)}\n`);
for (const { policy, byWorkload, meanShare, worstPoints } of summary) print.write(`| ${policy} | ${workloads.map((workload) => percent(byWorkload[workload])).join(' | ')} | ${percent(meanShare)} | ${worstPoints.toFixed(2)} |\n`);
if (values.json) process.stdout.write(`${JSON.stringify({ timing: values.timing, seed: Number(values.seed), summary, rows })}\n`);
const own = summary.find(({ policy }) => policy === 'cache-sage');
if (values.assert && !(own?.meanShare >= BAR)) process.exit(1);
