/** Mixed calls of many sessions: small and large, streamed and whole, compressed, given up, broken. Every answer is checked. */
import { gzipSync } from 'node:zlib';
import { Conversation, conversationShape, type ConversationShape } from './conversation.ts';
import { LoadConnection } from './load-connection.ts';

export interface SoakOrder {
  readonly url: string;
  readonly firstSession: number;
  readonly sessions: number;
  readonly connections: number;
}

export interface SoakTally { calls: number; givenUp: number; refused: number; failed: number }

/** Of a hundred calls: how many are given up while they are answered, are no JSON, come compressed. */
const GIVEN_UP = 2;
const BROKEN = 2;
const COMPRESSED = 5;
const KINDS = 100;

const BODY_BYTES = [1024, 1024, 1024, 4096, 4096, 16_384, 1024, 4096, 1024, 65_536];

/** One connection's calls. */
class SoakCaller {
  readonly #url: string;
  readonly #tally: SoakTally;
  #connection: LoadConnection | undefined;

  constructor(url: string, tally: SoakTally) {
    this.#url = url;
    this.#tally = tally;
  }

  end(): void { this.#connection?.destroy(); }

  /** @param kind which of the kinds of calls, of a hundred */
  async call(conversation: Conversation, session: string, kind: number): Promise<void> {
    if (this.#connection === undefined || this.#connection.closed) this.#connection = new LoadConnection(new URL(this.#url));
    const connection = this.#connection;
    const own = `x-entresol-session: ${session}\r\n`;
    this.#tally.calls += 1;
    if (kind < GIVEN_UP) {
      const answered = connection.exchange('/v1/chat/completions', `${own}x-bench-hold: ${kind % 2 === 0 ? 'before' : 'within'} soak\r\n`, conversation.next());
      setTimeout(() => connection.destroy(), 5);
      await answered.then(() => { this.#tally.failed += 1; }, () => { this.#tally.givenUp += 1; });
      return;
    }
    const broken = kind < GIVEN_UP + BROKEN;
    const compressed = !broken && kind < GIVEN_UP + BROKEN + COMPRESSED;
    const pieces = conversation.next();
    const body = broken ? [Buffer.from('{"messages":[')] : compressed ? [gzipSync(Buffer.concat([...pieces]))] : pieces;
    const expected = broken ? 400 : 200;
    await connection.exchange('/v1/chat/completions', compressed ? `${own}content-encoding: gzip\r\n` : own, body).then(({ status }) => {
      if (status !== expected) this.#tally.failed += 1;
      else if (broken) this.#tally.refused += 1;
    }, () => { this.#tally.failed += 1; });
  }
}

/** All sessions of a soak: each keeps its conversation between its calls. */
export class SoakLoad {
  readonly #shapes: readonly ConversationShape[];
  readonly #conversations = new Map<number, Conversation>();
  #sent = 0;

  constructor() {
    this.#shapes = BODY_BYTES.flatMap((bodyBytes) => [conversationShape(bodyBytes, true), conversationShape(bodyBytes, false)]);
  }

  /** The next call of each of some sessions. */
  async run({ url, firstSession, sessions, connections }: SoakOrder): Promise<SoakTally> {
    const tally: SoakTally = { calls: 0, givenUp: 0, refused: 0, failed: 0 };
    let next = firstSession;
    await Promise.all(Array.from({ length: connections }, async () => {
      const caller = new SoakCaller(url, tally);
      while (next < firstSession + sessions) {
        const session = next++;
        await caller.call(this.#conversation(session), `soak-${session}`, (this.#sent += 1) % KINDS);
      }
      caller.end();
    }));
    return tally;
  }

  #conversation(session: number): Conversation {
    let conversation = this.#conversations.get(session);
    if (conversation === undefined) {
      conversation = new Conversation(this.#shapes[session % this.#shapes.length], `soak-${session}`);
      this.#conversations.set(session, conversation);
    }
    return conversation;
  }
}
