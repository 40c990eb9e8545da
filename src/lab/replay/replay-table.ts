import type { ReplayRow, TraceReport } from './replay-trace.ts';

interface Column {
  readonly title: string;
  cell(row: ReplayRow, report: TraceReport): string;
}

/** Share of the distance from LRU to Belady that a policy closes; empty where either is missing or they are within a tenth of a point. */
function closedShare(row: ReplayRow, report: TraceReport): string {
  const hitRateOf = (policy: string): number | undefined => report.results.find((other) => other.policy === policy && other.capacity === row.capacity)?.hitRate;
  const lru = hitRateOf('lru');
  const belady = hitRateOf('belady');
  if (lru === undefined || belady === undefined || belady - lru < 0.001 || row.policy === 'infinite') return '';
  return `${((100 * (row.hitRate - lru)) / (belady - lru)).toFixed(1)} %`;
}

const COLUMNS: readonly Column[] = [
  { title: 'capacity', cell: (row) => String(row.capacity) },
  { title: 'blocks', cell: (row) => String(row.capacityBlocks) },
  { title: 'policy', cell: (row) => row.policy },
  { title: 'hit rate', cell: (row) => `${(100 * row.hitRate).toFixed(2)} %` },
  { title: 'LRU to Belady', cell: closedShare },
  { title: 'prefill saved', cell: (row) => `${(row.prefillMsSaved / 1000).toFixed(1)} s` },
  { title: 'learned', cell: (row) => (row.stateBytes === 0 ? '' : `${row.stateBytes} B`) },
  { title: 'decide p99', cell: (row) => `${row.decideMsP99.toFixed(3)} ms` },
  { title: 'calls/s', cell: (row) => String(row.callsPerSecond) },
];

/** A report for people. */
export function replayTable(report: TraceReport): string {
  const cells = [COLUMNS.map(({ title }) => title), ...report.results.map((row) => COLUMNS.map((column) => column.cell(row, report)))];
  const widths = COLUMNS.map((_, index) => Math.max(...cells.map((row) => row[index].length)));
  const lines = cells.map((row) => row.map((cell, index) => (index === 2 ? cell.padEnd(widths[index]) : cell.padStart(widths[index]))).join('  ').trimEnd());
  const head = `${report.trace}: ${report.requests} calls, working set ${report.workingSetBlocks} blocks of ${report.blockSize} tokens, ${report.concurrency} sessions at once, ${report.timing} timing`;
  return [head, ...lines].join('\n');
}
