/**
 * For every call, when each of its blocks is next used in a prompt. Along a chain that time never falls with depth
 * (who uses a block uses all before it), so a call needs only the few places where it changes.
 */
import { writeChain, longestChain, type Trace } from '../../trace/index.ts';
import type { ScheduledCall } from '../schedule.ts';

/** Position in the schedule that stands for "never". */
export const NEVER = 0x7fffffff;

/** Blocks `from` to `to − 1` of a call's chain are next used at `at`. */
export interface UseRun {
  readonly from: number;
  readonly to: number;
  readonly at: number;
}

/** Per position in the schedule, the runs of its call from root to leaf. */
export type NextUses = readonly (readonly UseRun[])[];

export function findNextUses(trace: Trace, schedule: readonly ScheduledCall[]): NextUses {
  const nextUse = new Int32Array(trace.blockCount).fill(NEVER);
  const buffer = new Int32Array(longestChain(trace));
  const uses: UseRun[][] = Array.from({ length: schedule.length });
  for (let position = schedule.length - 1; position >= 0; position--) {
    const call = trace.calls[schedule[position].call];
    writeChain(trace, call, buffer);
    const runs: UseRun[] = [];
    for (let from = 0; from < call.blocks;) {
      const at = nextUse[buffer[from]];
      let to = from + 1;
      while (to < call.blocks && nextUse[buffer[to]] === at) to++;
      runs.push({ from, to, at });
      from = to;
    }
    uses[position] = runs;
    for (let depth = 0; depth < call.promptBlocks; depth++) nextUse[buffer[depth]] = position;
  }
  return uses;
}
