/** Workloads whose truth is known: traces to test learners, policies and bounds with. */
export { callDurationMs, syntheticLines, syntheticTrace, type GenerateOptions } from './generate.ts';
export { TrueLearner, trueLearners } from './true-learner.ts';
export { checkTruth, endChance, ringTruth, type RingOptions, type Spread, type SyntheticTruth, type TrueAgent } from './truth.ts';
export { UNSEEN_WORKLOADS, unseenLines, type UnseenWorkload } from './unseen.ts';
