/** The league as one page that needs nothing else: data, charts and styles are in it, and it may reach no network. */
import { readFileSync } from 'node:fs';
import { EntresolError } from '../../core/index.ts';
import { builtPath } from '../../engines/embedded/child-path.ts';
import type { LeagueDocument, LeagueMeans, LeagueRow } from './document.ts';
import { STYLE } from './page-style.ts';
import { BELADY_NOTE, FIT_NOTE, fittedLines, leftOutLines } from './notes.ts';

const BUILT_SCRIPT = 'dist/lab/league-page.iife.js';
/** Lines shown at first; the rest can be switched on. */
const SHOWN_AT_FIRST = 9;

const MEASURES = [
  { key: 'hit-rate', title: 'Hit rate against capacity' },
  { key: 'share', title: 'Share of the distance from LRU to Belady closed' },
  { key: 'prefill', title: 'Prefill time saved' },
] as const;

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
const percent = (value: number | null, digits = 1): string => (value === null ? '–' : `${(100 * value).toFixed(digits)} %`);
const bytes = (value: number): string => (value >= 1e6 ? `${(value / 1e6).toFixed(1)} MB` : value >= 10_000 ? `${(value / 1000).toFixed(1)} kB` : `${value} B`);

export function leaguePage(league: LeagueDocument): string {
  const script = builtPath(BUILT_SCRIPT);
  if (script === undefined) throw new EntresolError('ENT_INTERNAL', `${BUILT_SCRIPT} is not built; run npm run build.`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>Entresol league: ${league.policies.length} policies, ${league.traces.length} traces</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Retention league</h1>
<p class="muted">${league.policies.length} policies and bounds on ${league.traces.length} traces at ${league.capacities.join(', ')} of the working set, ${league.timings.join(' and ')} timing. Entresol ${escaped(league.version)}.</p>
${league.failed.length === 0 ? '' : `<p><strong>Left out:</strong></p><ul>${leftOutLines(league).map((line) => `<li>${escaped(line)}</li>`).join('')}</ul>`}
<p>A policy's <em>share</em> is how much of the distance from LRU to Belady's optimum it closes: (hit rate − LRU) / (Belady − LRU), over pairs of trace and capacity with more than one point between the two. ${BELADY_NOTE}</p>
<h2>On the whole</h2>
<div class="wide">${summaryTable(league)}</div>
<p class="muted">Worst: points of hit rate against LRU in the pair that lies farthest below it, controls included. Prefill saved: over LRU's. Led: traces on whose mean share no other policy is better. Bytes: the largest of all pairs. Times: the median over pairs of the 99th percentile per call, measured while other replays ran beside.</p>
<h2>By trace</h2>
<div class="controls">${controls(league)}</div>
<div id="traces">${league.traces.map((facts) => traceSection(league, facts)).join('\n')}</div>
<h2>What was fitted on what</h2>
<p>${FIT_NOTE}</p>
<ul>${fittedLines(league).map((line) => `<li>${escaped(line)}</li>`).join('')}</ul>
<footer>Made by <code>entresol league</code>. Charts by uPlot, © Leon Sorokin, MIT licence (its text is in the source of this page).</footer>
</main>
<script type="application/json" id="league">${JSON.stringify(league).replaceAll('<', '\\u003c')}</script>
<script>${readFileSync(script, 'utf8').replaceAll('</script', '<\\/script')}</script>
</body>
</html>
`;
}

function summaryTable(league: LeagueDocument): string {
  const { means, timings, policies } = league;
  const main = timings[0];
  const of = (name: string): LeagueMeans => means[name][main] as LeagueMeans;
  const ranked = policies.toSorted((one, other) => (of(other.name).share ?? 0) - (of(one.name).share ?? 0));
  const longest = (field: (row: LeagueMeans) => number): number => Math.max(1e-9, ...policies.map(({ name }) => field(of(name))));
  const bar = (value: number, most: number): string => `<span class="track"><span class="bar" style="width:${Math.round((100 * Math.max(0, value)) / most)}%"></span></span>`;
  const most = { state: longest((row) => row.stateBytes + row.otherStateBytes), decide: longest((row) => row.decideUs), observe: longest((row) => row.observeUs) };
  const rows = ranked.map(({ name, bound }) => {
    const row = of(name);
    const worst = row.worst.gainPoints;
    const shares = timings.map((timing) => means[name][timing]?.share ?? null);
    const cells = [
      ...shares.map((share) => `<td>${name === 'infinite' ? '–' : `${bar(share ?? 0, 1)}${percent(share)}`}</td>`),
      `<td>${percent(row.hitRate)}</td>`,
      bound ? '<td>–</td>' : `<td${worst < -0.2 ? ' class="bad"' : ''} title="${escaped(row.worst.trace)} at ${row.worst.capacity}">${worst.toFixed(2)}</td>`,
      `<td>${bound ? '–' : row.tracesLed}</td>`,
      `<td>× ${row.prefillSavedOverLru.toFixed(2)}</td>`,
      `<td>${bound ? '–' : bytes(row.stateBytes)}</td>`,
      `<td>${bound ? '–' : `${bar(row.stateBytes + row.otherStateBytes, most.state)}${bytes(row.otherStateBytes)}`}</td>`,
      `<td>${bound ? '–' : `${bar(row.decideUs, most.decide)}${row.decideUs.toFixed(0)} µs`}</td>`,
      `<td>${bound ? '–' : `${bar(row.observeUs, most.observe)}${row.observeUs.toFixed(0)} µs`}</td>`,
    ];
    return `<tr class="${name === 'cache-sage' ? 'ours' : bound ? 'bound' : ''}"><td>${escaped(name)}</td>${cells.join('')}</tr>`;
  });
  const heads = ['policy', ...timings.map((timing) => `share, ${timing}`), 'hit rate', 'worst', 'led', 'prefill saved', 'learned', 'other state', 'decide p99', 'observe p99'];
  return `<table><thead><tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function controls(league: LeagueDocument): string {
  const timings = league.timings.map((timing, index) => `<label><input type="radio" name="timing" value="${timing}"${index === 0 ? ' checked' : ''}>${timing} timing</label>`);
  const share = (name: string): number => league.means[name][league.timings[0]]?.share ?? 0;
  const first = new Set(['lru', 'belady', 'cache-sage', ...league.policies.filter(({ bound }) => !bound).map(({ name }) => name).toSorted((one, other) => share(other) - share(one)).slice(0, SHOWN_AT_FIRST - 3)]);
  const policies = league.policies.map(({ name }) => `<label><input type="checkbox" data-policy="${escaped(name)}"${first.has(name) ? ' checked' : ''}><span class="swatch" data-swatch="${escaped(name)}"></span>${escaped(name)}</label>`);
  return [...(timings.length > 1 ? timings : []), ...policies].join('');
}

function traceSection(league: LeagueDocument, facts: LeagueDocument['traces'][number]): string {
  const { trace, calls, workingSetBlocks, blockSize, concurrency, control } = facts;
  const figures = MEASURES.map(({ key, title }) => `<figure data-trace="${escaped(trace)}" data-measure="${key}"><figcaption>${title}</figcaption><div class="chart"></div></figure>`);
  return `<article>
<h3>${escaped(trace)}${control ? ' (control: no agents, not in the means)' : ''}</h3>
<div class="facts">${calls.toLocaleString('en')} calls, ${concurrency} session${concurrency === 1 ? '' : 's'} at once, working set ${workingSetBlocks.toLocaleString('en')} blocks of ${blockSize} tokens</div>
<div class="charts">${figures.join('')}</div>
${league.timings.map((timing) => `<details><summary>Figures, ${timing} timing</summary><div class="wide">${traceTable(league, trace, timing)}</div></details>`).join('')}
</article>`;
}

function traceTable(league: LeagueDocument, trace: string, timing: LeagueRow['timing']): string {
  const rows = league.rows.filter((row) => row.trace === trace && row.timing === timing);
  const bounds = new Set(league.policies.filter(({ bound }) => bound).map(({ name }) => name));
  const best = new Map(league.capacities.map((capacity) => [capacity, Math.max(...rows.filter((row) => row.capacity === capacity && !bounds.has(row.policy)).map(({ hitRate }) => hitRate))]));
  const body = league.policies.map(({ name, bound }) => `<tr class="${name === 'cache-sage' ? 'ours' : bound ? 'bound' : ''}"><td>${escaped(name)}</td>${league.capacities.map((capacity) => {
    const row = rows.find((each) => each.policy === name && each.capacity === capacity) as LeagueRow;
    return `<td${!bound && row.hitRate === best.get(capacity) ? ' class="best"' : ''}>${percent(row.hitRate, 2)}</td><td>${name === 'infinite' ? '–' : percent(row.share, 0)}</td><td>${(row.prefillMsSaved / 1000).toFixed(1)} s</td>`;
  }).join('')}</tr>`);
  const heads = league.capacities.map((capacity) => `<th>hit rate at ${capacity}</th><th>share</th><th>prefill saved</th>`);
  return `<table><thead><tr><th>policy</th>${heads.join('')}</tr></thead><tbody>${body.join('')}</tbody></table>`;
}
