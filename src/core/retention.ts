/**
 * The cut between policies and engines for KV caches.
 *
 * An engine cuts token sequences into *units* that form a prefix tree (paged engines: their blocks; engines that
 * save whole sequence states: blocks of their choosing). It tells the index which units each call used, and asks
 * for values (ms of prefill saved per block-second) or for victims. The index never sees tokens.
 *
 * Life of a unit: `define` once (parent first) → any number of `touch`es, `setResident` on each change → `forget`
 * when it is neither resident nor worth remembering; after that the engine may reuse its id.
 */
import type { Coordinate } from './coordinate.ts';
import type { UnitId } from './ids.ts';
import type { Outcome } from './intents.ts';

export interface CacheUnit {
  readonly id: UnitId;
  /** The unit before it in the same prefix; absent for the first. */
  readonly parent?: UnitId;
  readonly sizeBlocks: number;
  /** Cost of computing it again when its parent is there, in ms. Late units cost more: they attend to more. */
  readonly marginalPrefillMs: number;
  /** Cost of bringing it back from a lower tier, in ms, where there is one. */
  readonly restoreMs?: number;
}

/** The use of a chain of units by one call. */
export interface Touch {
  readonly by: Coordinate;
  /** The call's whole chain so far, root first. Valid during the call of `touch` only: copy what you keep. */
  readonly units: Int32Array;
  /** Index of the first unit that this touch is about: 0 for `prompt`, the number of prompt units for `output`. */
  readonly first: number;
  /** `prompt`: the call arrived with these. `output`: the call has ended and its answer completed these (possibly none). */
  readonly origin: 'prompt' | 'output';
}

/** One per tenant and engine. All times are the services' clock. */
export interface RetentionIndex {
  define(unit: CacheUnit): void;
  touch(touch: Touch, nowMs: number): void;
  setResident(unit: UnitId, resident: boolean): void;
  forget(unit: UnitId): void;
  /** What keeping this unit is worth now: ms of prefill saved per block-second, ≥ 0. A prefix is worth at least what hangs from it. */
  value(unit: UnitId, nowMs: number): number;
  /**
   * Resident units to evict, lowest value first, children before parents, at least `blocks` blocks in all if there
   * are as many unpinned. The engine calls `setResident(id, false)` for what it drops, after it has read the list.
   */
  victims(blocks: number, pinned: (unit: UnitId) => boolean, nowMs: number): Iterable<UnitId>;
  /** For engines in another process: at most `max` leases, most valuable first, that decay by themselves if we die. */
  leases(nowMs: number, max: number): readonly Lease[];
  /**
   * The same leases in parts, some of which may be empty, least valuable first and children before parents: between two
   * parts the caller may do something else, also tell the index of more. For large caches; absent: all are made at once.
   */
  leaseParts?(nowMs: number, max: number): Iterable<readonly Lease[]>;
  /** Bytes of state: learned tables as snapshotted, working memory, ghost caches. */
  stateBytes(): StateBytes;
}

export interface StateBytes {
  readonly learned: number;
  readonly working: number;
  readonly ghosts: number;
}

/** Worth of a unit over time: `value` holds until `untilMs`, then the next step. */
export interface Lease {
  readonly unit: UnitId;
  readonly steps: readonly { readonly untilMs: number; readonly value: number }[];
}

/** How an engine takes retention: it pulls (asks the index itself), or leases are pushed to it. */
export type RetentionPort =
  | { readonly mode: 'pull' }
  | { readonly mode: 'push'; readonly levels: number; publish(leases: readonly Lease[]): Promise<readonly Outcome[]> };
