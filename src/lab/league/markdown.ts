/** The league for reading in a terminal or a repository. */
import type { LeagueDocument, LeagueMeans } from './document.ts';
import { BELADY_NOTE, FIT_NOTE, fittedLines, leftOutLines } from './notes.ts';

const percent = (value: number | null | undefined, digits = 1): string => (value === null || value === undefined ? '–' : `${(100 * value).toFixed(digits)} %`);

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [heads, ...rows];
  const widths = heads.map((_, column) => Math.max(3, ...cells.map((row) => row[column].length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(heads), rule, ...rows.map(line)].join('\n');
}

function summary({ policies, means, timings }: LeagueDocument): string {
  const of = (name: string): LeagueMeans => means[name][timings[0]] as LeagueMeans;
  const ranked = policies.toSorted((one, other) => (of(other.name).share ?? 0) - (of(one.name).share ?? 0));
  const heads = ['policy', ...timings.map((timing) => `share, ${timing}`), 'pairs', 'hit rate', 'worst against LRU', 'traces led', 'prefill saved', 'learned', 'other state', 'decide p99', 'observe p99'];
  return table(heads, ranked.map(({ name, bound }) => {
    const row = of(name);
    const own = (text: string): string => (bound ? '–' : text);
    return [
      name, ...timings.map((timing) => (name === 'infinite' ? '–' : percent(means[name][timing]?.share))), String(row.pairs), percent(row.hitRate),
      `${row.worst.gainPoints.toFixed(2)} (${row.worst.trace} at ${row.worst.capacity})`, own(String(row.tracesLed)), `× ${row.prefillSavedOverLru.toFixed(3)}`,
      own(`${row.stateBytes} B`), own(`${row.otherStateBytes} B`), own(`${row.decideUs.toFixed(0)} µs`), own(`${row.observeUs.toFixed(0)} µs`),
    ];
  }));
}

function traceTable(league: LeagueDocument, trace: string): string {
  const { timings, capacities, policies, rows } = league;
  const columns = timings.flatMap((timing) => capacities.map((capacity) => ({ timing, capacity })));
  const heads = ['policy', ...columns.map(({ timing, capacity }) => `${timing} ${capacity}`)];
  return table(heads, policies.map(({ name }) => [name, ...columns.map(({ timing, capacity }) => {
    const row = rows.find((each) => each.trace === trace && each.policy === name && each.timing === timing && each.capacity === capacity);
    if (row === undefined) return '–';
    return `${percent(row.hitRate, 2)}${row.share === null || name === 'infinite' ? '' : ` (${(100 * row.share).toFixed(0)})`}`;
  })]));
}

export function leagueMarkdown(league: LeagueDocument): string {
  const sections = league.traces.map(({ trace, calls, workingSetBlocks, blockSize, concurrency, control }) => [
    `### ${trace}${control ? ' (control: no agents, not in the means)' : ''}`,
    `${calls} calls, working set ${workingSetBlocks} blocks of ${blockSize} tokens, ${concurrency} sessions at once.`,
    traceTable(league, trace),
  ].join('\n\n'));
  return `${[
    '# Retention league',
    `${league.policies.length} policies and bounds on ${league.traces.length} traces at ${league.capacities.join(', ')} of the working set, ${league.timings.join(' and ')} timing. Entresol ${league.version}.`,
    ...(league.failed.length === 0 ? [] : ['**Left out:**', leftOutLines(league).map((line) => `- ${line}`).join('\n')]),
    'Share: (hit rate − LRU) / (Belady − LRU), mean over pairs of trace and capacity with more than one point between the two. Prefill saved: over LRU\'s. Bytes: the largest of all pairs. Times: the median over pairs of the 99th percentile per call, measured while other replays ran beside.',
    BELADY_NOTE,
    summary(league),
    '## What was fitted on what',
    FIT_NOTE,
    fittedLines(league).map((line) => `- ${line}`).join('\n'),
    '## By trace',
    'Hit rate, and in brackets the share closed in per cent.',
    ...sections,
  ].join('\n\n')}\n`;
}
