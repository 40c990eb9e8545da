/** Runs in the reader's browser: draws the charts of the league page from the document that the page carries. */
import type { LeagueDocument, LeagueRow } from '../document.ts';
import { drawChart, type Chart, type Curve } from './chart.ts';
import { lookOf, type Look } from './looks.ts';

/** uPlot's stylesheet, put in by the build. */
declare const UPLOT_STYLE: string;

const league = JSON.parse(byId('league').textContent) as LeagueDocument;
const dark = matchMedia('(prefers-color-scheme: dark)');
const hidden = new Set<string>();
let charts: Chart[] = [];
let looks = new Map<string, Look>();

interface Measure {
  readonly key: string;
  value(row: LeagueRow): number | null;
  format(value: number): string;
}
const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
function seconds(value: number): string {
  if (value >= 10_000) return `${(value / 3600).toFixed(1)} h`;
  return value >= 1000 ? `${Math.round(value).toLocaleString('en')} s` : `${value.toFixed(1)} s`;
}
const MEASURES: readonly Measure[] = [
  { key: 'hit-rate', value: (row) => row.hitRate, format: percent },
  { key: 'share', value: (row) => (row.policy === 'infinite' ? null : row.share), format: percent },
  { key: 'prefill', value: (row) => row.prefillMsSaved / 1000, format: seconds },
];

function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

function curvesOf(trace: string, timing: string, measure: Measure): Curve[] {
  return league.policies.filter(({ name }) => !hidden.has(name)).map(({ name }) => ({
    name,
    look: looks.get(name) as Look,
    values: league.capacities.map((capacity) => {
      const row = league.rows.find((each) => each.trace === trace && each.timing === timing && each.capacity === capacity && each.policy === name);
      return row === undefined ? null : measure.value(row);
    }),
  })).filter(({ values }) => values.some((value) => value !== null));
}

function chosenTiming(): string {
  return document.querySelector<HTMLInputElement>('input[name=timing]:checked')?.value ?? league.timings[0];
}

function draw(): void {
  for (const chart of charts) chart.destroy();
  const plain = league.policies.filter(({ name, bound }) => !bound && name !== 'cache-sage' && name !== 'lru').map(({ name }) => name);
  looks = new Map(league.policies.map(({ name, bound }, index) => [name, lookOf(name, bound ? index : plain.indexOf(name), bound, dark.matches)]));
  charts = [...document.querySelectorAll<HTMLElement>('figure[data-trace]')].flatMap((figure) => {
    const measure = MEASURES.find(({ key }) => key === figure.dataset.measure) as Measure;
    const curves = curvesOf(figure.dataset.trace as string, chosenTiming(), measure);
    const place = figure.querySelector<HTMLElement>('.chart') as HTMLElement;
    place.textContent = '';
    if (curves.length > 0) return drawChart(place, league.capacities, curves, measure.format);
    place.textContent = 'Nothing to show: no capacity leaves more than one point between LRU and Belady, or no policy is chosen.';
    return [];
  });
  for (const swatch of document.querySelectorAll<HTMLElement>('[data-swatch]')) {
    const look = looks.get(swatch.dataset.swatch as string);
    swatch.style.background = look === undefined ? 'none' : look.dash.length > 0 ? `repeating-linear-gradient(90deg, ${look.colour} 0 4px, transparent 4px 6px)` : look.colour;
  }
}

for (const box of document.querySelectorAll<HTMLInputElement>('input[data-policy]')) {
  if (!box.checked) hidden.add(box.dataset.policy as string);
  box.addEventListener('change', () => {
    if (box.checked) hidden.delete(box.dataset.policy as string);
    else hidden.add(box.dataset.policy as string);
    draw();
  });
}
for (const choice of document.querySelectorAll('input[name=timing]')) choice.addEventListener('change', draw);
dark.addEventListener('change', draw);
new ResizeObserver(() => { for (const chart of charts) chart.fit(); }).observe(byId('traces'));

const style = document.createElement('style');
style.textContent = UPLOT_STYLE;
document.head.prepend(style);
draw();
