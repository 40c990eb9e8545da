/** Replay rules 1, 2 and 9: which call comes when. */
import type { Trace, TraceCall } from '../trace/index.ts';

export interface ScheduledCall {
  /** Index into `Trace.calls`. */
  readonly call: number;
  readonly atSeconds: number;
}

const SHORTEST_GAP_SECONDS = 0.2;
const LONGEST_GAP_SECONDS = 300;
/** Rates that stand in where the source has no clock. */
const PREFILL_TOKENS_PER_SECOND = 8000;
const DECODE_TOKENS_PER_SECOND = 60;

/** How long the call itself takes where the trace does not say. */
export function assumedDurationSeconds(call: TraceCall): number {
  return call.promptTokens / PREFILL_TOKENS_PER_SECOND + call.outputTokens / DECODE_TOKENS_PER_SECOND;
}

/** Rule 2: seconds between two successive calls of a session. */
function gapSeconds(call: TraceCall, next: TraceCall): number {
  if (call.startMs !== null && next.startMs !== null) {
    return Math.min(LONGEST_GAP_SECONDS, Math.max(SHORTEST_GAP_SECONDS, (next.startMs - call.startMs) / 1000));
  }
  return 1 + call.promptTokens / PREFILL_TOKENS_PER_SECOND + call.outputTokens / DECODE_TOKENS_PER_SECOND;
}

/** All calls in time order, ties by slot. Sessions run in file order in `concurrency` slots. */
export function scheduleCalls(trace: Trace, concurrency: number): ScheduledCall[] {
  const { calls, sessions } = trace;
  let nextSession = Math.min(concurrency, sessions.length);
  const slots = sessions.slice(0, nextSession).map((session, slot) => ({ session, call: session.firstCall, atSeconds: slot }));
  const schedule: ScheduledCall[] = [];
  while (slots.length > 0) {
    let first = 0;
    for (let slot = 1; slot < slots.length; slot++) if (slots[slot].atSeconds < slots[first].atSeconds) first = slot;
    const slot = slots[first];
    schedule.push({ call: slot.call, atSeconds: slot.atSeconds });
    if (slot.call < slot.session.firstCall + slot.session.callCount - 1) {
      slot.atSeconds += gapSeconds(calls[slot.call], calls[slot.call + 1]);
      slot.call++;
    } else if (nextSession < sessions.length) {
      slot.session = sessions[nextSession++];
      slot.call = slot.session.firstCall;
      slot.atSeconds += 1;
    } else {
      // Slots stay in the order of their numbers, so the first of equal times is the lowest slot.
      slots.splice(first, 1);
    }
  }
  return schedule;
}
