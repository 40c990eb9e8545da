/** Public surface of the package: write a policy, host policies, replay a trace, embed the gateway. */
export * from './core/index.ts';
export { Runtime, renderExplanation, DEFAULT_LIMITS, loadPolicy } from './runtime/index.ts';
export { createLearnerSource } from './learner/index.ts';
export { POLICIES } from './policies/registry.ts';
export type {
  AdmissionAnswer, DecisionRecord, EnginePort, Explanation, IntentRecord, IntentSummary, PolicyAnswer, PolicyPart, PolicySetting, PolicyStatus,
  RuntimeLimits, RuntimeOptions, Session, Timers,
} from './runtime/index.ts';
export { FileStore, MemoryStore } from './store/index.ts';
export type { Store, StoreEntry } from './store/index.ts';
