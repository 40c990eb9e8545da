/** Which engine serves a call. */
import { EntresolError, type Dialect, type Engine, type Replica, type RequestView } from '../core/index.ts';

/** Dialects that are translated to chat completions where no engine speaks them. */
const TRANSLATED: ReadonlySet<Dialect> = new Set(['messages', 'responses']);

/** Engines that can serve a call, and how. */
export interface AbleEngines {
  readonly engines: readonly Engine[];
  /** They do not speak the client's dialect: the call goes to them as a chat completion. */
  readonly translated: boolean;
}

/** Several of one kind are replicas of each other; of several kinds the first on the command line serves. */
function replicasOfFirst(engines: readonly Engine[]): readonly Engine[] {
  if (engines.length === 1) return engines;
  return engines.filter((engine) => engine.kind === engines[0].kind);
}

/**
 * Engines for a model: those whose list names it, else those whose list has a pattern that fits, else those without a
 * list. A name that no list mentions is passed on: to the first, if all have lists.
 */
export function enginesForModel(engines: readonly Engine[], model: string): readonly Engine[] {
  if (engines.length === 1) return engines;
  const listing = (fits: (entry: string) => boolean): Engine[] => engines.filter(({ capabilities }) => capabilities.serves?.some(fits) === true);
  const named = listing((entry) => entry === model);
  if (named.length > 0) return named;
  const fitting = listing((entry) => entry.endsWith('*') && model.startsWith(entry.slice(0, -1)));
  if (fitting.length > 0) return fitting;
  const open = engines.filter(({ capabilities }) => capabilities.serves === undefined);
  return open.length > 0 ? open : engines.slice(0, 1);
}

/** A promise only where a server has to be asked. */
function speakersOf(engines: readonly Engine[], dialect: Dialect, headers: readonly string[]): readonly Engine[] | Promise<readonly Engine[]> {
  const declared = engines.filter((engine) => engine.capabilities.dialects.includes(dialect));
  const spoken = declared.map((engine) => engine.speaks?.(dialect, headers) ?? true);
  if (spoken.every((answer) => typeof answer === 'boolean')) return declared.filter((_, index) => spoken[index]);
  return Promise.all(spoken).then((answers) => declared.filter((_, index) => answers[index]));
}

/**
 * Those that speak the dialect; else, for Messages and Responses, those of one's own that speak chat completions: a
 * hosted API serves its own dialect only.
 * @param headers of the client, with its credential, for a server that has to be asked: only then the answer is a promise
 * @throws EntresolError `ENT_UNKNOWN_ROUTE` if no engine can serve the dialect
 */
export function enginesFor(engines: readonly Engine[], dialect: Dialect, path: string, headers: readonly string[]): AbleEngines | Promise<AbleEngines> {
  const speakers = speakersOf(engines, dialect, headers);
  return speakers instanceof Promise ? speakers.then((known) => ableOf(known, engines, dialect, path)) : ableOf(speakers, engines, dialect, path);
}

function ableOf(speakers: readonly Engine[], engines: readonly Engine[], dialect: Dialect, path: string): AbleEngines {
  if (speakers.length > 0) return { engines: replicasOfFirst(speakers), translated: false };
  const chat = TRANSLATED.has(dialect) ? engines.filter(({ capabilities }) => capabilities.hosted !== true && capabilities.dialects.includes('chat')) : [];
  if (chat.length === 0) throw new EntresolError('ENT_UNKNOWN_ROUTE', `No engine here serves ${path}.`, { at: path });
  return { engines: replicasOfFirst(chat), translated: true };
}

/** What only Anthropic's API has, or what its clients ask for: both sides list models under the same path. */
function isAnthropic(path: string, headers: readonly string[]): boolean {
  return path.startsWith('/v1/messages/') || headers.some((name, index) => index % 2 === 0 && name.toLowerCase() === 'anthropic-version');
}

/**
 * Upstreams for a path that is not read here: of Anthropic's API those that speak messages, else those that speak more.
 * @throws EntresolError `ENT_UNKNOWN_ROUTE` if there are none
 */
export function passThroughEngines(engines: readonly Engine[], path: string, headers: readonly string[]): readonly Engine[] {
  const able = engines.filter(({ capabilities }) => capabilities.passThrough === true);
  if (able.length === 0) throw new EntresolError('ENT_UNKNOWN_ROUTE', `No engine here serves ${path}.`, { at: path });
  const wanted: Dialect = isAnthropic(path, headers) ? 'messages' : 'chat';
  const speakers = able.filter(({ capabilities }) => capabilities.dialects.includes(wanted));
  return replicasOfFirst(speakers.length > 0 ? speakers : able);
}

export function asReplica(engine: Engine): Replica {
  const { runningRequests, waitingRequests } = engine.load();
  return { id: engine.replica, healthy: engine.healthy(), runningRequests, waitingRequests, residentTokens: 0 };
}

/** The healthy one with the least to do, the first of equals. */
export function leastBusy(engines: readonly Engine[]): Engine {
  if (engines.length === 1) return engines[0];
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
