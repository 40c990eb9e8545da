/** The loop that hosts policies: delivers events, asks decisions, combines, dispatches intents, guards time and faults. */
export { Runtime } from './runtime.ts';
export type { PolicySetting, RuntimeLimits, RuntimeOptions } from './options.ts';
export { DEFAULT_LIMITS } from './options.ts';
export type { AdmissionAnswer } from './holds.ts';
export type { EnginePort } from './engine-table.ts';
export type { Explanation } from './explanation.ts';
export { renderExplanation } from './explanation.ts';
export type { DecisionRecord, IntentRecord, IntentSummary, PolicyAnswer, PolicyPart } from './request-record.ts';
export type { PolicyStatus } from './policy-status.ts';
export type { Session } from './sessions.ts';
export { steadyClock } from './steady-clock.ts';
export { processClock, processStopwatch, processTimers, type Cancel, type Stopwatch, type Timers } from './timers.ts';
export { loadPolicy } from './load-policy.ts';
