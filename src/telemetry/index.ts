/** Logs, latency histograms, metrics, and the accounts of agents. */
export * from './logger.ts';
export * from './latency-histogram.ts';
export * from './metrics.ts';
export * from './agent-accounts.ts';
export * from './tally-counter.ts';
