export { statsText } from './stats-text.ts';
export { traceStats, type TraceStats } from './trace-stats.ts';
