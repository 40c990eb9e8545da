import type { Placement } from '../slot-rule.ts';
import type { HeldState } from './held-state.ts';

/** Where a call goes, and how what it reuses comes there. */
export interface SurvivalPlacement extends Placement<HeldState | undefined> {
  readonly kind: 'extend' | 'branch' | 'restore' | 'fresh';
  readonly reuse: number;
}
