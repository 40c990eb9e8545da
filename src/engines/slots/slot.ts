import type { Coordinate, TenantId } from '../../core/index.ts';
import type { Job } from './job.ts';

/** A register: one sequence of the token engine and what it holds. */
export interface Slot {
  readonly sequence: number;
  /** Exactly what the sequence holds; while a call runs, what it held before. */
  tokens: Int32Array;
  tenant: TenantId | undefined;
  by: Coordinate | undefined;
  /** A call runs here, or its state is being moved. */
  busy: boolean;
  job: Job | undefined;
  lastUsedMs: number;
}

export function emptySlot(sequence: number): Slot {
  return { sequence, tokens: new Int32Array(0), tenant: undefined, by: undefined, busy: false, job: undefined, lastUsedMs: -1 };
}
