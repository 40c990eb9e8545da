/** What only someone who has seen the whole trace can say about a session: for the bound `belady-online`. */
import type { SessionId, TouchKind } from '../../../../core/index.ts';
import { longestChain, writeChain, type Trace, type TraceCall } from '../../../trace/index.ts';
import type { ScheduledCall } from '../../schedule.ts';

/** Number that stands for "no later call of the session". */
const NEVER = 0x7fffffff;
const futures = new WeakMap<readonly ScheduledCall[], Future>();
const PROVEN: TouchKind = 0;
const OUTPUT: TouchKind = 2;

/** Of the blocks that a call used, by how they came to it: how many does which later call of the session use first? */
interface LaterUses {
  readonly proven: ReadonlyMap<number, number>;
  readonly fresh: ReadonlyMap<number, number>;
  readonly answered: ReadonlyMap<number, number>;
}

interface SessionFuture {
  readonly timesMs: readonly number[];
  readonly uses: readonly LaterUses[];
}

export class Future {
  readonly #sessions = new Map<string, SessionFuture>();

  constructor(trace: Trace, schedule: readonly ScheduledCall[]) {
    const timesMs = new Float64Array(trace.calls.length);
    for (const { call, atSeconds } of schedule) timesMs[call] = atSeconds * 1000;
    const nextUse = new Int32Array(trace.blockCount).fill(NEVER);
    const buffer = new Int32Array(longestChain(trace));
    for (const { id, firstCall, callCount } of trace.sessions) {
      const calls = trace.calls.slice(firstCall, firstCall + callCount);
      this.#sessions.set(id, { timesMs: [...timesMs.subarray(firstCall, firstCall + callCount)], uses: laterUses(trace, calls, nextUse, buffer) });
    }
  }

  /** When the session calls after its first `calls` calls; Infinity if it has ended. */
  nextCallMs(session: SessionId, calls: number): number { return this.#sessions.get(session)?.timesMs[calls] ?? Infinity; }

  /**
   * Of what the session last used at its call number `step` and no call before its call number `from` uses: the share that its
   * `calls` calls from there on use; 0 if nothing is left.
   */
  touchShare(session: SessionId, kind: TouchKind, step: number, from: number, calls: number): number {
    const uses = this.#sessions.get(session)?.uses[step];
    if (uses === undefined) return 0;
    let left = 0;
    let touched = 0;
    for (const [call, blocks] of usesOfKind(uses, kind)) {
      if (call < from) continue;
      left += blocks;
      if (call < from + calls) touched += blocks;
    }
    return left === 0 ? 0 : touched / left;
  }
}

/** The future of a schedule, made once. */
export function futureOf(trace: Trace, schedule: readonly ScheduledCall[]): Future {
  const known = futures.get(schedule);
  if (known !== undefined) return known;
  const future = new Future(trace, schedule);
  futures.set(schedule, future);
  return future;
}

function usesOfKind(uses: LaterUses, kind: TouchKind): ReadonlyMap<number, number> {
  if (kind === PROVEN) return uses.proven;
  return kind === OUTPUT ? uses.answered : uses.fresh;
}

/** @param nextUse by block, all `NEVER`; is left so */
function laterUses(trace: Trace, calls: readonly TraceCall[], nextUse: Int32Array, buffer: Int32Array): LaterUses[] {
  const firstUse = new Map<number, number>();
  for (const [number, call] of calls.entries()) {
    writeChain(trace, call, buffer);
    for (const block of buffer.subarray(0, call.blocks)) if (!firstUse.has(block)) firstUse.set(block, number);
  }
  const result: LaterUses[] = [];
  for (let number = calls.length - 1; number >= 0; number--) {
    const call = calls[number];
    writeChain(trace, call, buffer);
    const uses = { proven: new Map<number, number>(), fresh: new Map<number, number>(), answered: new Map<number, number>() };
    for (let depth = 0; depth < call.blocks; depth++) {
      const block = buffer[depth];
      const isNew = firstUse.get(block) === number;
      const kind = !isNew ? uses.proven : depth < call.promptBlocks ? uses.fresh : uses.answered;
      kind.set(nextUse[block], (kind.get(nextUse[block]) ?? 0) + 1);
    }
    for (let depth = 0; depth < call.promptBlocks; depth++) nextUse[buffer[depth]] = number;
    result[number] = uses;
  }
  for (const block of firstUse.keys()) nextUse[block] = NEVER;
  return result;
}
