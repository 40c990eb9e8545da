/** Which engine serves a call. */
import { EntresolError, type Dialect, type Engine, type Replica, type RequestView } from '../core/index.ts';

/** @throws EntresolError `ENT_UNKNOWN_ROUTE` if no engine speaks the dialect */
export function enginesFor(engines: readonly Engine[], dialect: Dialect | 'other', path: string): readonly Engine[] {
  const able = engines.filter(({ capabilities }) => (dialect === 'other' ? capabilities.passThrough === true : capabilities.dialects.includes(dialect)));
  if (able.length === 0) throw new EntresolError('ENT_UNKNOWN_ROUTE', `No engine here serves ${path}.`, { at: path });
  return able;
}

export function asReplica(engine: Engine): Replica {
  const { runningRequests, waitingRequests } = engine.load();
  return { id: engine.replica, healthy: engine.healthy(), runningRequests, waitingRequests, residentTokens: 0 };
}

/**
 * Replicas: where a policy says, else the healthy one with the least to do, the first of equals.
 * @param place the answer of the placement policies: indices, best first; undefined if none places
 */
export function chooseEngine(engines: readonly Engine[], request: RequestView, place: (request: RequestView, replicas: readonly Replica[]) => readonly number[] | undefined): Engine {
  if (engines.length === 1) return engines[0];
  const replicas = engines.map(asReplica);
  const placed = place(request, replicas)?.[0];
  if (placed !== undefined) return engines[placed];
  const load = (index: number): number => (replicas[index].healthy ? 0 : 1e9) + replicas[index].runningRequests + replicas[index].waitingRequests;
  return engines.reduce((best, engine, index) => (load(index) < load(engines.indexOf(best)) ? engine : best), engines[0]);
}
