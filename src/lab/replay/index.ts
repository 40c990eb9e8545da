/** Replay of traces against retention policies and bounds; the rules are in docs/traces.md. */
export type { Contender } from './contender.ts';
export { BOUND_NAMES, boundNamed, contenderFor } from './contenders.ts';
export { freshLearners, type LearnerSourceFactory } from './learners.ts';
export { DEFAULT_PREFILL_COST, PREFILL_COSTS, prefillCostOf, prefillMs, type PrefillCostModel } from './prefill-cost.ts';
export { replay, type ReplayInput, type ReplayOutcome, type ReplayTiming } from './replay.ts';
export { jobsOf, reportsOf, type ReplayPlan } from './replay-report.ts';
export { percentiles } from './statistics.ts';
export { replayTable } from './replay-table.ts';
export { TraceReplays, type ReplayRow, type TraceFacts, type TraceReport } from './replay-trace.ts';
export { resolveContender, resolveContenders } from './resolve-contenders.ts';
export { scheduleCalls, type ScheduledCall } from './schedule.ts';
export { capacityAt, workingSetBlocks } from './capacity.ts';
export { openReplayCache } from './cache/open-cache.ts';
export type { ResultCache } from './cache/result-cache.ts';
export type { ParameterChoice, ReplayJob, ReplayResult, TraceSource } from './parallel/job.ts';
export { failsWith } from './parallel/run-jobs.ts';
export { runReplays, type ReplaysProgress, type RunReplaysOptions } from './parallel/run-replays.ts';
export { workerCount } from './parallel/worker-count.ts';
