import type { Coordinate, SessionId, TenantId, Tier, UnitId } from '../../../core/index.ts';
import type { Slot } from '../slot.ts';
import type { SavedState } from '../token-engine.ts';

/** One copy of a prefix's KV: in a slot, or saved in the store. */
export interface HeldState {
  readonly tenant: TenantId;
  /** Who used it last. */
  by: Coordinate;
  /** Exactly what it holds. */
  tokens: Int32Array;
  /** The full blocks of `tokens`. */
  units: readonly Unit[];
  tier: Tier;
  /** Where it lies: one of the two. */
  readonly slot?: Slot;
  readonly saved?: SavedState;
  /** Being read: not to be evicted. */
  locks: number;
  /** Worth more until then; yields all the same to what is worth still more. */
  leaseUntilMs: number;
}

/** One block of a prefix, known by its own tokens and all before it. */
export interface Unit {
  readonly id: UnitId;
  readonly tenant: TenantId;
  readonly parent: Unit | undefined;
  /** Position in its prefix, from 0. */
  readonly index: number;
  readonly key: number;
  children: number;
  /** Calls that wait or run with this as their prompt's last unit. */
  pins: number;
  /** States that hold this unit now. Whoever holds a unit holds its ancestors. */
  readonly holders: Set<HeldState>;
  firstSession: SessionId | undefined;
  /** Calls of two or more sessions have used it. */
  shared: boolean;
  lastTouchMs: number;
}
