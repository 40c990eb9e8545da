/**
 * Belady's optimum: evict the block whose next use in a prompt lies farthest ahead, deepest first (Belady 1966). It
 * is the optimum where all blocks cost the same; it reads the whole trace beforehand, so it is a bound, no policy.
 *
 * Blocks with the same next use lie on the chain of that one call, so they are kept as runs of that chain, per next
 * use: a call adds a handful of runs, and an eviction takes the deepest block of the farthest run.
 */
import type { Lease, RetentionIndex, StateBytes, Touch, UnitId } from '../../../core/index.ts';
import type { Trace } from '../../trace/index.ts';
import { MaxHeap } from './max-heap.ts';
import { NEVER, type NextUses } from './next-uses.ts';

/** `count` blocks from `deepest` up to the root's side. */
interface ChainRun {
  deepest: number;
  count: number;
}

export class BeladyIndex implements RetentionIndex {
  readonly #trace: Trace;
  readonly #nextUses: NextUses;
  readonly #position: () => number;
  readonly #resident: Uint8Array;
  readonly #nextUse: Int32Array;
  readonly #runs = new Map<number, ChainRun[]>();
  /** Next uses that have runs; one that was emptied may linger. */
  readonly #farthest = new MaxHeap();
  /** The call in hand joins after its evictions: its blocks are no victims yet. */
  #pendingChain = new Int32Array(0);
  #pendingPosition = -1;

  constructor(trace: Trace, nextUses: NextUses, position: () => number) {
    this.#trace = trace;
    this.#nextUses = nextUses;
    this.#position = position;
    this.#resident = new Uint8Array(trace.blockCount);
    this.#nextUse = new Int32Array(trace.blockCount).fill(NEVER);
  }

  define(): void { /* the trace has told */ }

  touch(touch: Touch): void {
    if (touch.origin === 'prompt') {
      this.#addPending();
      this.#runs.delete(this.#position());
      return;
    }
    this.#pendingChain = touch.units.slice();
    this.#pendingPosition = this.#position();
  }

  setResident(unit: UnitId, resident: boolean): void { this.#resident[unit] = resident ? 1 : 0; }

  forget(unit: UnitId): void { this.#resident[unit] = 0; }

  value(unit: UnitId): number { return 1 / (1 + this.#nextUse[unit]); }

  *victims(_blocks: number, pinned: (unit: UnitId) => boolean): Iterable<UnitId> {
    const { parents } = this.#trace;
    for (;;) {
      const at = this.#farthest.top();
      if (at === undefined) return;
      const run = this.#deepestRun(at);
      if (run === undefined) {
        this.#farthest.pop();
        this.#runs.delete(at);
        continue;
      }
      const unit = run.deepest as UnitId;
      run.deepest = parents[run.deepest];
      run.count--;
      // A run may be stale: its blocks gone, or touched again as an answer and so part of a newer run.
      if (this.#resident[unit] === 0 || this.#nextUse[unit] !== at || pinned(unit)) continue;
      this.#resident[unit] = 0; // Another run may name it too, and the engine answers only after it has read the list.
      yield unit;
    }
  }

  leases(): readonly Lease[] { return []; }

  stateBytes(): StateBytes {
    return { learned: 0, working: this.#resident.byteLength + this.#nextUse.byteLength, ghosts: 0 };
  }

  /** Of the runs with this next use, the one that reaches deepest; empty ones are dropped. */
  #deepestRun(at: number): ChainRun | undefined {
    const runs = this.#runs.get(at);
    if (runs === undefined) return undefined;
    if (at === NEVER) {
      // Many runs, and no hit depends on their order.
      while (runs.at(-1)?.count === 0) runs.pop();
      return runs.at(-1);
    }
    let deepest: ChainRun | undefined;
    let kept = 0;
    for (const run of runs) {
      if (run.count === 0) continue;
      runs[kept++] = run;
      if (deepest === undefined || this.#trace.depths[run.deepest] > this.#trace.depths[deepest.deepest]) deepest = run;
    }
    runs.length = kept;
    return deepest;
  }

  #addPending(): void {
    if (this.#pendingPosition === -1) return;
    const chain = this.#pendingChain;
    for (const { from, to, at } of this.#nextUses[this.#pendingPosition]) {
      for (let depth = from; depth < to; depth++) this.#nextUse[chain[depth]] = at;
      const run = { deepest: chain[to - 1], count: to - from };
      const runs = this.#runs.get(at);
      if (runs === undefined) {
        this.#runs.set(at, [run]);
        this.#farthest.push(at);
      } else runs.push(run);
    }
    this.#pendingPosition = -1;
  }
}
