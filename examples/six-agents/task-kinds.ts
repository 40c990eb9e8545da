/** Kinds of task. In each the planner supervises, but hands out to others, so that no single table fits all sessions. */
import type { RoleName } from './roles.ts';

/** To whom an agent hands over, with probabilities that sum to 1. */
export type HandOver = Readonly<Record<RoleName, Readonly<Partial<Record<RoleName, number>>>>>;

export interface TaskKind {
  readonly name: 'build' | 'repair' | 'report' | 'audit';
  readonly share: number;
  readonly handOver: HandOver;
}

/** Probability that an agent's answer calls a tool. The result goes into its history and, with its answer, to the next agent. */
export const TOOL_USE: Readonly<Record<RoleName, number>> = {
  planner: 0.15, researcher: 0.4, coder: 0.25, tester: 0.25, reviewer: 0.4, writer: 0.3,
};

/** Workers report to the planner; now and then one hands on to its neighbour. */
const REPORT = 0.94;
const WORKERS: Omit<HandOver, 'planner'> = {
  researcher: { planner: REPORT, coder: 1 - REPORT },
  coder: { planner: REPORT, tester: 1 - REPORT },
  tester: { planner: REPORT, coder: 1 - REPORT },
  reviewer: { planner: REPORT, writer: 1 - REPORT },
  writer: { planner: REPORT, reviewer: 1 - REPORT },
};

export const TASK_KINDS: readonly TaskKind[] = [
  { name: 'build', share: 0.25, handOver: { ...WORKERS, planner: { coder: 0.6, tester: 0.25, reviewer: 0.1, researcher: 0.05 } } },
  { name: 'repair', share: 0.25, handOver: { ...WORKERS, planner: { tester: 0.6, coder: 0.2, researcher: 0.2 } } },
  { name: 'report', share: 0.25, handOver: { ...WORKERS, planner: { researcher: 0.6, writer: 0.3, reviewer: 0.1 } } },
  { name: 'audit', share: 0.25, handOver: { ...WORKERS, planner: { reviewer: 0.6, writer: 0.3, researcher: 0.1 } } },
];
