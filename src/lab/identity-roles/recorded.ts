/** Many users of each recorded application, several at once: what a gateway sees of them, without a header. */
import type { ClientExample } from '../../core/identity/clients.examples.ts';
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

/** An agent of one prompt and one set of tools is one role, whichever client speaks for it. */
function byTools(call: SpokenCall, application: string): SpokenCall {
  const tools = ([call.body.tools ?? []].flat() as { readonly name?: string; readonly function?: { readonly name: string } }[]).map(({ name, function: inner }) => name ?? inner?.name);
  return { ...call, application, role: `${call.role} with ${tools.toSorted().join()}` };
}

/** The users of all clients at once, of one tenant. */
export function replayedTogether(recordings: readonly Recording[], sessions: number, seed: number): SpokenCall[] {
  const byClient = recordings.map((recording, index) => replayed(recording, sessions, seed + index));
  return [...interleaved(byClient, seededRandom(seed))].map((call) => byTools(call, 'all clients at once'));
}

/** The first requests of harnesses and frameworks, of which only such a wire is known: every user's of every one of them. */
export function firstRequests(examples: Readonly<Record<string, ClientExample>>, sessions: number, seed: number): SpokenCall[] {
  const recordings = Object.entries(examples).map(([client, { agent, body }]): Recording => ({ client, conversations: { first: [{ role: agent, body, answer: { text: '', toolCalls: [] } }] } }));
  return replayedTogether(recordings, sessions, seed).map((call) => ({ ...call, application: 'first requests of harnesses' }));
}
