/** How much of a side's time at least one of its calls was under way. */
export interface CallSpan {
  readonly endedAtMs: number;
  readonly endToEndMs: number;
}

/** A stretch of a side's time, in ms since it began. */
export interface TimeWindow { readonly fromMs: number; readonly untilMs: number }

export function utilisation(calls: readonly CallSpan[], { fromMs, untilMs }: TimeWindow): number {
  const spans = calls.map((call) => ({ from: call.endedAtMs - call.endToEndMs, to: call.endedAtMs })).sort((a, b) => a.from - b.from);
  let busyMs = 0;
  let reachedMs = fromMs;
  for (const { from, to } of spans) {
    const endMs = Math.min(to, untilMs);
    busyMs += Math.max(0, endMs - Math.max(from, reachedMs));
    reachedMs = Math.max(reachedMs, endMs);
  }
  return untilMs <= fromMs ? 0 : busyMs / (untilMs - fromMs);
}
