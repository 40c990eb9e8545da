/**
 * Ids of units, which the retention indices of a replica know blocks by. A replica's mirror may be followed by another
 * while it is still being let go of (the engine was started anew, the configuration was read again): they share the ids,
 * so that no index hears of one id for two blocks.
 */
import { unitId, type ReplicaId, type UnitId } from '../../../core/index.ts';

export class UnitIds {
  readonly #free: UnitId[] = [];
  #next = 0;
  users = 0;

  take(): UnitId { return this.#free.pop() ?? unitId(this.#next++); }
  give(unit: UnitId): void { this.#free.push(unit); }
}

const ofReplicas = new Map<ReplicaId, UnitIds>();

/** To be let go of with `releaseUnitIds`. */
export function unitIdsOf(replica: ReplicaId): UnitIds {
  const known = ofReplicas.get(replica) ?? new UnitIds();
  ofReplicas.set(replica, known);
  known.users += 1;
  return known;
}

/** All that were taken have been given back. */
export function releaseUnitIds(replica: ReplicaId): void {
  const known = ofReplicas.get(replica);
  if (known !== undefined && --known.users === 0) ofReplicas.delete(replica);
}
