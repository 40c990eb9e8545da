/** Styles of the league page: light and dark by the reader's setting, readable from a phone to a wide screen. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #ffffff; --card: #f7f7f8; --ink: #1b1b1d; --muted: #5c5c66; --line: #dcdce2; --accent: #0067c0; --bar: #9cc4ea; --bad: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root { --page: #141417; --card: #1d1d22; --ink: #ececf0; --muted: #a4a4b0; --line: #34343c; --accent: #4cc2ff; --bar: #2c5f8a; --bad: #ff8a80; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1500px; margin: 0 auto; padding: 24px 20px 60px; }
h1 { margin: 0 0 4px; font-size: 28px; }
h2 { margin: 36px 0 8px; font-size: 20px; }
h3 { margin: 0; font-size: 16px; }
p { max-width: 75ch; margin: 6px 0; }
.muted, figcaption, .facts { color: var(--muted); }
.controls { position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: 6px 14px; padding: 10px 0; background: var(--page); border-bottom: 1px solid var(--line); font-size: 13px; }
@media (max-width: 700px) { .controls { position: static; } }
.controls label { display: inline-flex; align-items: center; gap: 5px; cursor: pointer; white-space: nowrap; }
.controls input { margin: 0; }
.swatch { display: inline-block; width: 16px; height: 4px; border-radius: 2px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { padding: 5px 9px; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { color: var(--muted); font-weight: 600; vertical-align: bottom; }
th:first-child, td:first-child { position: sticky; left: 0; background: var(--page); text-align: left; }
article th:first-child, article td:first-child { background: var(--card); }
tr.ours td { color: var(--accent); font-weight: 700; }
tr.bound td { color: var(--muted); }
td.bad { color: var(--bad); }
td.best { font-weight: 700; }
td .track { display: inline-block; width: 48px; margin-right: 8px; text-align: left; }
td .bar { display: inline-block; height: 9px; border-radius: 2px; background: var(--bar); vertical-align: middle; }
tr.ours .bar { background: var(--accent); }
article { margin: 18px 0; padding: 16px; border: 1px solid var(--line); border-radius: 10px; background: var(--card); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); gap: 14px; margin: 10px 0; }
figure { min-width: 0; margin: 0; }
figcaption { font-size: 13px; }
.chart { position: relative; min-height: 60px; }
.tip { position: absolute; top: 4px; right: 4px; z-index: 1; padding: 6px 9px; border: 1px solid var(--line); border-radius: 6px; background: var(--page); font-size: 12px; pointer-events: none; }
.tip.on-the-left { right: auto; left: 72px; }
.tip[hidden] { display: none; }
.tip div { display: flex; align-items: center; gap: 6px; line-height: 1.35; }
.tip b { margin-left: auto; padding-left: 10px; font-variant-numeric: tabular-nums; }
.tip i { width: 9px; height: 9px; border-radius: 50%; }
details { margin-top: 6px; }
summary { cursor: pointer; color: var(--muted); }
footer { margin-top: 40px; color: var(--muted); font-size: 13px; }
`;
