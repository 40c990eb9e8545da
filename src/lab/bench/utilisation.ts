/** How much of a side's time at least one of its calls was under way. */
export interface CallSpan {
  readonly endedAtMs: number;
  readonly endToEndMs: number;
}

/** @param untilMs end of the side's time, which began at 0 */
export function utilisation(calls: readonly CallSpan[], untilMs: number): number {
  const spans = calls.map((call) => ({ from: call.endedAtMs - call.endToEndMs, to: call.endedAtMs })).sort((a, b) => a.from - b.from);
  let busyMs = 0;
  let reachedMs = 0;
  for (const { from, to } of spans) {
    busyMs += Math.max(0, to - Math.max(from, reachedMs));
    reachedMs = Math.max(reachedMs, to);
  }
  return untilMs <= 0 ? 0 : Math.min(1, busyMs / untilMs);
}
