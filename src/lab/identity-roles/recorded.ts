/** Many users of each recorded application, several at once: what a gateway sees of them, without a header. */
import { seededRandom } from '../../core/index.ts';
import type { SpokenCall } from './conversations.ts';
import { perturbed } from './perturb.ts';
import type { Recording } from './recordings.ts';

/** So many sessions go on at the same time. */
const AT_ONCE = 8;
/** So many users ask for the same, word for word, as another does. */
const SAME_TASK = 0.2;

/** Sessions in the order of their calls, a few at a time, each call of one that is drawn. */
function* interleaved<Item>(sessions: readonly (readonly Item[])[], random: () => number): Generator<Item> {
  const waiting = [...sessions];
  const open: { readonly calls: readonly Item[]; next: number }[] = [];
  for (;;) {
    while (open.length < AT_ONCE && waiting.length > 0) open.push({ calls: waiting.shift()!, next: 0 });
    if (open.length === 0) return;
    const place = Math.floor(random() * open.length);
    const session = open[place];
    yield session.calls[session.next++];
    if (session.next === session.calls.length) open.splice(place, 1);
  }
}

/** `sessions` users of every application of a client, all of them against one gateway. */
export function replayed({ client, conversations }: Recording, sessions: number, seed: number): SpokenCall[] {
  const random = seededRandom(seed);
  const told: SpokenCall[][] = [];
  let words = 0;
  for (let session = 0; session < sessions; session++) {
    if (session === 0 || random() >= SAME_TASK) words = Math.floor(random() * 2 ** 31);
    for (const [application, calls] of Object.entries(conversations)) {
      told.push(perturbed(calls, random, seededRandom(words)).map((call) => ({ application: client, session: `${client}/${application}/${session}`, ...call })));
    }
  }
  return [...interleaved(told, random)];
}

/**
 * The users of all clients at once, of one tenant. An agent of one prompt and one set of tools is one role, whichever
 * client speaks for it.
 */
export function replayedTogether(recordings: readonly Recording[], sessions: number, seed: number): SpokenCall[] {
  const byClient = recordings.map((recording, index) => replayed(recording, sessions, seed + index));
  const random = seededRandom(seed);
  const toolsOf = ({ body }: SpokenCall): string => [body.tools].flat().map((tool) => { const { name, function: inner } = tool as { name?: string; function?: { name: string } }; return name ?? inner?.name; }).toSorted().join();
  const role = (call: SpokenCall): SpokenCall => ({ ...call, application: 'all clients at once', role: `${call.role} with ${toolsOf(call)}` });
  return [...interleaved(byClient, random)].map(role);
}
