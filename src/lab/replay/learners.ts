/** Where the replay gets its learners from; the one place that knows. */
import type { LearnerSource } from '../../core/index.ts';
import { createLearnerSource } from '../../learner/index.ts';

/** Makes fresh learners for one replay; nothing learned on one capacity helps another. */
export type LearnerSourceFactory = () => LearnerSource;

export const freshLearners: LearnerSourceFactory = () => createLearnerSource();
