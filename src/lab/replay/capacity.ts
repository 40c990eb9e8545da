/** Replay rule 7. */
import type { Trace } from '../trace/index.ts';

/** Distinct blocks that `concurrency` sessions hold together, weighted by their calls. */
export function workingSetBlocks(trace: Trace, concurrency: number): number {
  let weighted = 0;
  let calls = 0;
  for (const session of trace.sessions) {
    weighted += session.distinctBlocks * session.callCount;
    calls += session.callCount;
  }
  return (concurrency * weighted) / calls;
}

/** Capacity at a fraction of the working set: never less than what nearly every single call needs. */
export function capacityAt(trace: Trace, workingSet: number, fraction: number): number {
  const sizes = Int32Array.from(trace.calls, (call) => call.blocks).sort();
  const p99 = sizes[Math.floor(0.99 * (sizes.length - 1))];
  return Math.max(Math.ceil(1.05 * p99), Math.round(fraction * workingSet));
}
