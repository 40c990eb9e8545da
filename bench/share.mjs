/**
 * How much of the distance from LRU to Belady's optimum a policy closes, over every trace with agents that is found:
 * (policy − LRU) / (Belady − LRU), mean over pairs of trace and capacity with more than one point of headroom.
 *
 *   npm run build && node bench/share.mjs [--policy cache-sage] [--timing exact|live] [--capacity 0.1,0.2,0.35,0.5] [--trace a,b] [--json] [--assert]
 *   node bench/share.mjs --full-rescoring --trace metagpt-sop,trail-swe [--assert]
 *
 * With --full-rescoring each pair is replayed a second time with everything valued anew at each decision (slow: take short
 * traces), and the share that the incremental order loses against it is printed; --assert then wants at most one point.
 *
 * Traces without agents are replayed too, as controls, whole and their beginnings: they count for the worst only. Belady is the
 * optimum for equal cost per block only. With --assert: exit 1 unless the mean is at least 0.65 by the exact rules, 0.6 live, and, by the exact
 * rules, no pair with more than one point of headroom lies more than 0.2 points below LRU, controls and their beginnings among them; the worst
 * of all pairs is printed beside it.
 * What was computed is kept: piece by piece, trace by trace, capacity by capacity, comes to the same.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchOptions } from './options.mjs';

const LEAST_HEADROOM = 0.01;
const BAR = { share: { exact: 0.65, live: 0.6 }, pointsBelowLru: { exact: 0.2, live: Infinity }, lostToStaleness: 0.01 };
/** No agents in them: controls, which count for the worst but not for the mean. One session stands for everything. */
const CONTROLS = { 'mooncake-conversation': ['--block-size', '512', '--concurrency', '1'] };
const CALLS_OF_CONTROLS = [2000, 4000, Infinity];
/** Long prompts and many calls. */
const OPTIONS_OF = { 'claude-code-team': ['--block-size', '256', '--max-calls', '8000'] };

const values = benchOptions(import.meta.url, {
  policy: { type: 'string', default: 'cache-sage' },
  timing: { type: 'string', default: 'exact' },
  capacity: { type: 'string', default: '0.1,0.2,0.35,0.5' },
  trace: { type: 'string', default: '' },
  'full-rescoring': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  assert: { type: 'boolean', default: false },
});
const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['traces', '../shared/traces', ...(process.env.ENTRESOL_TRACES ?? '').split(':').filter(Boolean)].map((folder) => resolve(root, folder));
const found = new Map();
for (const folder of folders.filter(existsSync)) {
  for (const file of readdirSync(folder)) {
    const name = basename(file, '.jsonl.gz');
    if (file.endsWith('.jsonl.gz') && !found.has(name)) found.set(name, resolve(folder, file));
  }
}
if (found.size === 0) {
  process.stderr.write('ENT_TRACE_MISSING: no trace found. Traces are looked for in traces/, ../shared/traces and $ENTRESOL_TRACES.\n');
  process.exit(1);
}

const only = values.trace.split(',').filter(Boolean);
const runs = [...found].sort().filter(([name]) => only.length === 0 || only.includes(name)).flatMap(([name, path]) => (CONTROLS[name] === undefined
  ? [{ name, path, control: false, options: OPTIONS_OF[name] ?? [] }]
  : CALLS_OF_CONTROLS.map((calls) => ({
    name: calls === Infinity ? name : `${name.split('-')[0]}, ${calls} calls`, path, control: true, options: [...CONTROLS[name], ...(calls === Infinity ? [] : ['--max-calls', `${calls}`])],
  }))));

function replay(path, policies, options) {
  const out = execFileSync(process.execPath, [
    'dist/cli/main.mjs', 'replay', path, '--policy', policies.join(','), '--capacity', values.capacity, '--timing', values.timing, '--json', ...options,
  ], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 26 });
  return JSON.parse(out.trim().split('\n').at(-1)).traces[0].results;
}

const rows = [];
for (const { name, path, control, options } of runs) {
  process.stderr.write(`${name}\n`);
  const results = replay(path, ['lru', 'belady', values.policy], options);
  const full = values['full-rescoring'] ? replay(path, [values.policy], [...options, '--parameter', 'tolerance=0']) : undefined;
  for (const capacity of values.capacity.split(',').map(Number)) {
    const rate = (policy) => results.find((result) => result.policy === policy && result.capacity === capacity);
    const [lru, belady, own] = [rate('lru'), rate('belady'), rate(basename(values.policy, '.ts'))];
    const headroom = belady.hitRate - lru.hitRate;
    rows.push({
      trace: name, control, capacity, capacityBlocks: own.capacityBlocks, lru: lru.hitRate, policy: own.hitRate, belady: belady.hitRate,
      ...(full === undefined ? {} : { full: full.find((result) => result.capacity === capacity) }),
      headroomPoints: 100 * headroom, share: headroom > LEAST_HEADROOM ? (own.hitRate - lru.hitRate) / headroom : null,
      gainPoints: 100 * (own.hitRate - lru.hitRate), prefillSavedOverLru: own.prefillMsSaved / lru.prefillMsSaved, callsPerSecond: own.callsPerSecond, decideMsP99: own.decideMsP99, stateBytes: own.stateBytes,
    });
  }
}

const shares = rows.flatMap(({ share, control }) => (share === null || control ? [] : [share]));
const worstOf = (pairs) => (pairs.length === 0 ? undefined : pairs.reduce((least, row) => (row.gainPoints < least.gainPoints ? row : least)));
const worst = worstOf(rows.filter(({ share }) => share !== null));
const worstOfAll = worstOf(rows);
const named = (row) => (row === undefined ? null : { trace: row.trace, capacity: row.capacity, gainPoints: row.gainPoints, headroomPoints: row.headroomPoints });
const summary = {
  policy: values.policy, timing: values.timing, pairs: shares.length, meanShare: shares.reduce((sum, share) => sum + share, 0) / shares.length,
  worst: named(worst), worstOfAll: named(worstOfAll),
};
const sideBySide = rows.filter(({ share, control, full }) => share !== null && !control && full !== undefined);
if (values['full-rescoring']) {
  const fullShare = sideBySide.reduce((sum, { lru, belady, full }) => sum + (full.hitRate - lru) / (belady - lru), 0) / sideBySide.length;
  summary.fullRescoring = { meanShare: fullShare, lost: fullShare - summary.meanShare };
}
const print = values.json ? process.stderr : process.stdout;
const percent = (value) => (100 * value).toFixed(2).padStart(6);
print.write(`${'trace'.padEnd(20)} capacity    LRU ${values.policy.padStart(10)} Belady  closed\n`);
for (const row of rows) {
  const closed = row.share === null ? '     –' : `${(100 * row.share).toFixed(1).padStart(5)} %`;
  const beside = row.full === undefined ? '' : `   rescored in full ${percent(row.full.hitRate)}${row.share === null ? '' : `, ${((100 * (row.full.hitRate - row.lru)) / (row.belady - row.lru)).toFixed(1)} %`}`;
  print.write(`${row.trace.padEnd(20)} ${String(row.capacity).padEnd(8)} ${percent(row.lru)} ${percent(row.policy).padStart(10)} ${percent(row.belady)}  ${closed}${beside}\n`);
}
const inWords = (row) => (row === undefined ? 'no pair' : `${row.gainPoints.toFixed(2)} points (${row.trace} at ${row.capacity}, headroom ${row.headroomPoints.toFixed(2)})`);
if (shares.length > 0) print.write(`\nmean share closed ${(100 * summary.meanShare).toFixed(1)} % over ${summary.pairs} pairs with more than 1 point of headroom\n`);
print.write(`worst against LRU, of pairs with more than 1 point of headroom: ${inWords(worst)}\nworst of all pairs: ${inWords(worstOfAll)}\n`);
if (summary.fullRescoring !== undefined) {
  print.write(`full rescoring ${(100 * summary.fullRescoring.meanShare).toFixed(1)} % over the same pairs: the incremental order loses ${(100 * summary.fullRescoring.lost).toFixed(1)} points\n`);
}
if (values.json) process.stdout.write(`${JSON.stringify({ summary, rows })}\n`);
const missed = summary.meanShare < BAR.share[values.timing] || (worst !== undefined && worst.gainPoints < -BAR.pointsBelowLru[values.timing]) || (summary.fullRescoring?.lost ?? 0) > BAR.lostToStaleness;
if (values.assert && missed) process.exit(1);
