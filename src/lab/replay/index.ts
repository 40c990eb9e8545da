/** Replay of traces against retention policies and bounds; the rules are in docs/traces.md. */
export { BOUND_NAMES, boundNamed, contenderFor, type Contender } from './contender.ts';
export { freshLearners, type LearnerSourceFactory } from './learners.ts';
export { DEFAULT_PREFILL_COST, prefillMs, type PrefillCostModel } from './prefill-cost.ts';
export { replay, type ReplayInput, type ReplayOutcome, type ReplayTiming } from './replay.ts';
export { replayTable } from './replay-table.ts';
export { replayTrace, type ReplayRow, type ReplayTraceOptions, type TraceReport } from './replay-trace.ts';
export { resolveContenders } from './resolve-contenders.ts';
export { scheduleCalls, type ScheduledCall } from './schedule.ts';
export { capacityAt, workingSetBlocks } from './capacity.ts';
