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

/** The healthy one with the least to do, the first of equals. */
export function leastBusy(engines: readonly Engine[]): Engine {
  const loads = engines.map((engine) => {
    const { healthy, runningRequests, waitingRequests } = asReplica(engine);
    return (healthy ? 0 : 1e9) + runningRequests + waitingRequests;
  });
  return engines[loads.indexOf(Math.min(...loads))];
}

/**
 * Replicas: where a policy says, else the least busy.
 * @param place the answer of the placement policies: indices, best first; undefined if none places
 * @throws EntresolError `ENT_ENGINE_UNAVAILABLE` if policies rule out every replica that can be reached
 */
export function chooseEngine(engines: readonly Engine[], request: RequestView, place: (request: RequestView, replicas: readonly Replica[]) => readonly number[] | undefined): Engine {
  const placed = place(request, engines.map(asReplica));
  if (placed === undefined) return leastBusy(engines);
  if (placed.length === 0) throw new EntresolError('ENT_ENGINE_UNAVAILABLE', 'No replica that placement policies allow can be reached.');
  return engines[placed[0]];
}
