/** The shared model of agent activity: one learner per (tenant, workload), bounded, pure. */
export { WorkloadLearner } from './workload-learner.ts';
export { createLearnerSource, type Learners, type LearnerSourceOptions } from './learner-source.ts';
export { TIME_BINS, SUM_BINS, BIN_LOW_MS, BIN_MIDDLE_MS, BIN_HIGH_MS, addMass, timeBin } from './time-grid.ts';
export { hashText } from './hash.ts';
export { NumberTable } from './number-table.ts';
export { RecencyOrder } from './recency-order.ts';
export { TableReader, TableWriter } from './table-codec.ts';
