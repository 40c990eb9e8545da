/** Kinds of task. Each has its own habit of who speaks after whom, so that no single table fits all sessions. */
import type { RoleName } from './roles.ts';

/** To whom an agent hands over, with probabilities that sum to 1. */
export type HandOver = Readonly<Record<RoleName, Readonly<Partial<Record<RoleName, number>>>>>;

export interface TaskKind {
  readonly name: 'build' | 'repair' | 'report' | 'measure';
  readonly share: number;
  readonly handOver: HandOver;
}

/** Probability that an agent's answer calls a tool. The result goes into its history and, with its answer, to the next agent. */
export const TOOL_USE: Readonly<Record<RoleName, number>> = {
  planner: 0.4, researcher: 0.8, coder: 0.5, tester: 0.5, reviewer: 0.5, writer: 0.4,
};

export const TASK_KINDS: readonly TaskKind[] = [
  {
    name: 'build',
    share: 0.35,
    handOver: {
      planner: { coder: 0.7, researcher: 0.3 },
      researcher: { coder: 0.8, planner: 0.2 },
      coder: { tester: 0.75, reviewer: 0.25 },
      tester: { coder: 0.45, reviewer: 0.55 },
      reviewer: { coder: 0.3, planner: 0.4, writer: 0.3 },
      writer: { planner: 0.7, reviewer: 0.3 },
    },
  },
  {
    name: 'repair',
    share: 0.25,
    handOver: {
      planner: { tester: 0.6, researcher: 0.4 },
      researcher: { coder: 0.75, planner: 0.25 },
      coder: { tester: 0.85, reviewer: 0.15 },
      tester: { coder: 0.7, researcher: 0.15, planner: 0.15 },
      reviewer: { planner: 0.5, writer: 0.25, tester: 0.25 },
      writer: { planner: 1 },
    },
  },
  {
    name: 'report',
    share: 0.25,
    handOver: {
      planner: { researcher: 0.9, writer: 0.1 },
      researcher: { writer: 0.6, planner: 0.25, reviewer: 0.15 },
      coder: { planner: 1 },
      tester: { reviewer: 1 },
      reviewer: { writer: 0.55, planner: 0.25, researcher: 0.2 },
      writer: { reviewer: 0.8, researcher: 0.2 },
    },
  },
  {
    name: 'measure',
    share: 0.15,
    handOver: {
      planner: { researcher: 0.4, coder: 0.6 },
      researcher: { coder: 0.7, planner: 0.3 },
      coder: { tester: 0.6, writer: 0.4 },
      tester: { coder: 0.4, writer: 0.6 },
      reviewer: { planner: 0.7, tester: 0.3 },
      writer: { reviewer: 0.7, planner: 0.3 },
    },
  },
];
