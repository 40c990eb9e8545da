/** Where the replay gets its learners from; the one place that knows. */
import type { Event, Learner, LearnerSource } from '../../core/index.ts';

/** Makes fresh learners for one replay; nothing learned on one capacity helps another. */
export type LearnerSourceFactory = () => LearnerSource;

/** Knows nothing and learns nothing. */
class BlankLearner implements Learner {
  observe(_event: Event): void { /* learns nothing */ }
  predict(): { kind: 'unknown' } { return { kind: 'unknown' }; }
  snapshot(): Uint8Array { return new Uint8Array(0); }
  restore(): void { /* has no state */ }
  learnedBytes(): number { return 0; }
}

export const blankLearners: LearnerSourceFactory = () => {
  const learner = new BlankLearner();
  return { of: () => learner };
};
