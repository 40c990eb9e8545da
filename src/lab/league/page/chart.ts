/** One chart: a line per policy against capacity, and the values under the pointer in their order. */
import UPlot from 'uplot';
import type { Look } from './looks.ts';

export interface Curve {
  readonly name: string;
  readonly look: Look;
  /** One per capacity. */
  readonly values: readonly (number | null)[];
}

export interface Chart {
  /** Takes the width of its place again. */
  fit(): void;
  destroy(): void;
}

const HEIGHT = 260;
const MARGIN = 0.06;

export function drawChart(place: HTMLElement, capacities: readonly number[], curves: readonly Curve[], format: (value: number) => string): Chart {
  const styles = getComputedStyle(document.documentElement);
  const ink = styles.getPropertyValue('--muted').trim();
  const grid = { stroke: styles.getPropertyValue('--line').trim(), width: 1 };
  const first = capacities[0];
  const last = capacities.at(-1) as number;
  const margin = MARGIN * (last - first || 1);
  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.hidden = true;
  const widthOf = (): number => Math.max(240, place.clientWidth);
  const plot = new UPlot({
    width: widthOf(),
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { x: { time: false, range: [first - margin, last + margin] } },
    axes: [
      { stroke: ink, grid, ticks: grid, size: 34, splits: () => [...capacities], values: (_, splits) => splits.map((split) => String(split)) },
      { stroke: ink, grid, ticks: grid, size: 68, values: (_, splits) => splits.map((split) => format(split)) },
    ],
    series: [{}, ...curves.map(({ name, look }) => ({ label: name, stroke: look.colour, width: look.width, dash: look.dash, points: { show: true, size: look.width + 3, fill: look.colour } }))],
    hooks: {
      setCursor: [(chart) => {
        const { idx, left = -1 } = chart.cursor;
        tip.hidden = typeof idx !== 'number' || left < 0;
        if (typeof idx === 'number' && left >= 0) fillTip(tip, capacities[idx], curves, idx, format);
        tip.classList.toggle('on-the-left', left > chart.over.clientWidth / 2);
      }],
    },
  }, [[...capacities], ...curves.map(({ values }) => [...values])] as UPlot.AlignedData, place);
  place.append(tip);
  return {
    fit: () => { if (Math.abs(plot.width - widthOf()) > 1) plot.setSize({ width: widthOf(), height: HEIGHT }); },
    destroy: () => { plot.destroy(); tip.remove(); },
  };
}

function fillTip(tip: HTMLElement, capacity: number, curves: readonly Curve[], at: number, format: (value: number) => string): void {
  const rows = curves.flatMap(({ name, look, values }) => (values[at] === null ? [] : [{ name, look, value: values[at] }]))
    .toSorted((one, other) => other.value - one.value);
  const head = document.createElement('strong');
  head.textContent = `capacity ${capacity}`;
  tip.replaceChildren(head, ...rows.map(({ name, look, value }) => {
    const line = document.createElement('div');
    const dot = document.createElement('i');
    dot.style.background = look.colour;
    const figure = document.createElement('b');
    figure.textContent = format(value);
    line.append(dot, name, figure);
    return line;
  }));
}
