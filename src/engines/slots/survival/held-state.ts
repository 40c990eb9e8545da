import type { Coordinate, TenantId, Tier } from '../../../core/index.ts';
import type { Slot } from '../slot.ts';
import type { SavedState } from '../token-engine.ts';
import type { Unit } from './unit-trie.ts';

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
