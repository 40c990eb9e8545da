/**
 * Follows the KV events of one publisher (one data-parallel rank): in order, gaps filled from its replay socket, a
 * publisher that was started anew told from one that was out of reach. Nothing that comes over the wire is thrown.
 */
import type { Subscriber } from 'zeromq';
import type { KvDecoder } from './decode.ts';
import type { KvBatch, KvFault } from './event.ts';
import type { ZeroMq } from './libraries.ts';
import { readSequence, replay, type Replayed } from './replay.ts';
import { Sequence } from './sequence.ts';

export type KvTrouble = KvFault | 'kv-clock-jump' | 'kv-gap' | 'kv-lost' | 'kv-restart' | 'kv-replay-failed';

export interface SubscriptionOptions {
  /** As ZeroMQ has it: `tcp://host:5557`. */
  readonly endpoint: string;
  readonly replayEndpoint?: string;
  /** Only messages whose topic begins so; empty: all. */
  readonly topic: string;
  /** How long the replay socket may be silent. */
  readonly replayTimeoutMs?: number;
  readonly zeromq: ZeroMq;
  readonly decoder: KvDecoder;
  onBatch(batch: KvBatch): void;
  /** The first message has come: all that the publisher still has of those before it follows, whatever was known from elsewhere. */
  onBegin?(): void;
  /** What is known is no longer whole: so many messages are gone for good. */
  onLost(messages: number): void;
  /** The publisher is another one: its caches are empty, or unknown. */
  onRestart(): void;
  trouble(kind: KvTrouble, detail?: string): void;
}

export interface SubscriptionCounts {
  messages: number;
  events: number;
  replayed: number;
  lost: number;
  restarts: number;
  /** Messages of another topic, or that were no messages. */
  ignored: number;
}

/** No message is larger; a publisher that sends one is cut off. */
const LARGEST_MESSAGE_BYTES = 64 * 1024 * 1024;
/** An unknown tag may stand for nothing that concerns us. */
const LOSES_EVENTS: ReadonlySet<KvFault> = new Set(['kv-frame-garbage', 'kv-event-malformed']);
const HIGH_WATER_MARK = 100_000;
/** What the publisher's clock may gain or lose against ours between two messages. */
const LARGEST_DRIFT_SECONDS = 60;
/** After so long without a pause others get their turn. */
const TURN_MS = 5;

export class KvSubscription {
  readonly counts: SubscriptionCounts = { messages: 0, events: 0, replayed: 0, lost: 0, restarts: 0, ignored: 0 };
  readonly #options: SubscriptionOptions;
  readonly #sequence = new Sequence();
  readonly #stopping = new AbortController();
  #socket: Subscriber | undefined;
  #following: Promise<unknown> = Promise.resolve();
  #connected = false;
  /** The connection was lost since the last message: the publisher may be another. */
  #suspect = false;
  /** The last message that was applied: who can show it again is the same publisher. */
  #last: Replayed | undefined;
  /** The publisher's clock less ours, by its last message. */
  #aheadSeconds: number | undefined;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
  }

  get connected(): boolean { return this.#connected; }
  /** The number after that of the last message that was applied; undefined before the first. */
  get next(): number | undefined { return this.#last === undefined ? undefined : this.#last.sequence + 1; }

  start(): void {
    const { endpoint, topic, zeromq } = this.#options;
    // Water marks set after connecting would not hold.
    const socket = new zeromq.Subscriber({ receiveHighWaterMark: HIGH_WATER_MARK, maxMessageSize: LARGEST_MESSAGE_BYTES, linger: 0, reconnectInterval: 100, reconnectMaxInterval: 5000, tcpKeepalive: 1, tcpKeepaliveIdle: 30 });
    this.#socket = socket;
    socket.subscribe(topic);
    const watched = this.#watch(socket);
    socket.connect(endpoint);
    this.#following = Promise.all([this.#follow(socket), watched]);
  }

  /** There is evidence from elsewhere that the publisher may be another. */
  suspect(): void { this.#suspect = true; }

  /** At once, also in the middle of a replay: nothing is told of after it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#socket?.close();
    this.#socket = undefined;
    await this.#following;
  }

  async #watch(socket: Subscriber): Promise<void> {
    for await (const event of socket.events) {
      if (event.type === 'handshake') this.#connected = true;
      if (event.type === 'disconnect') {
        this.#connected = false;
        this.#suspect = true;
      }
      if (event.type === 'end') return;
    }
  }

  async #follow(socket: Subscriber): Promise<void> {
    let turnEndsMs = performance.now() + TURN_MS;
    for await (const frames of socket) {
      await this.#receive(frames as Buffer[]);
      if (performance.now() < turnEndsMs) continue;
      await new Promise((resolve) => { setImmediate(resolve); });
      turnEndsMs = performance.now() + TURN_MS;
    }
  }

  async #receive(frames: readonly Buffer[]): Promise<void> {
    const sequence = frames.length === 3 ? readSequence(frames[1]) : undefined;
    if (sequence === undefined) {
      this.counts.ignored += 1;
      this.#options.trouble('kv-frame-garbage', `a message of ${frames.length} parts`);
      return;
    }
    await this.#catchUp(sequence);
    const batch = this.#apply(sequence, frames[2]);
    if (batch !== undefined) this.#compareClocks(batch);
  }

  /** Brings everything before this message in order. */
  async #catchUp(sequence: number): Promise<void> {
    const last = this.#last;
    const suspect = this.#suspect;
    this.#suspect = false;
    const arrival = this.#sequence.arrive(sequence);
    if (arrival.kind === 'gap') this.#options.trouble('kv-gap', `${arrival.missed} from ${arrival.from}`);
    const doubtful = arrival.kind === 'gap' || (arrival.kind === 'next' && suspect);
    if (last !== undefined && doubtful && await this.#continues(last, sequence - 1, suspect)) return;
    if (this.#stopping.signal.aborted) return;
    if (last !== undefined && (doubtful || arrival.kind === 'restart')) {
      this.counts.restarts += 1;
      this.#options.trouble('kv-restart');
      this.#options.onRestart();
    }
    if (last === undefined) this.#options.onBegin?.();
    if (doubtful || arrival.kind !== 'next') await this.#fill(0, sequence - 1, this.#replayed(0, sequence - 1));
  }

  /**
   * Fills the gap after the last message, if it is the same publisher that goes on: it can show that message again.
   * Where it cannot (no replay socket, or out of its buffer), a lost connection counts as a restart, a gap as a gap.
   * @returns false: it is another one, and nothing was filled
   */
  async #continues(last: Replayed, to: number, suspect: boolean): Promise<boolean> {
    const replayed = this.#replayed(last.sequence, to);
    const shown = await replayed.next();
    const known = shown.done !== true && shown.value.sequence === last.sequence;
    const same = known ? shown.value.payload.equals(last.payload) : !suspect;
    if (same && shown.done !== true && !known) await this.#fill(last.sequence + 1, to, replayed, shown.value);
    else if (same) await this.#fill(last.sequence + 1, to, replayed);
    else await replayed.return(undefined);
    return same;
  }

  /** @param first of `replayed`, where it has been taken from it */
  async #fill(from: number, to: number, replayed: AsyncIterable<Replayed>, first?: Replayed): Promise<void> {
    let next = from;
    const take = ({ sequence, payload }: Replayed): void => {
      if (sequence < next) return;
      if (sequence > next) this.#lose(sequence - next);
      this.counts.replayed += 1;
      this.#apply(sequence, payload);
      next = sequence + 1;
    };
    if (first !== undefined) take(first);
    if (next <= to) for await (const message of replayed) take(message);
    if (next <= to) this.#lose(to + 1 - next);
  }

  async *#replayed(from: number, to: number): AsyncGenerator<Replayed, undefined> {
    const { replayEndpoint, zeromq, replayTimeoutMs } = this.#options;
    if (replayEndpoint === undefined || to < from) return undefined;
    try {
      yield* replay(zeromq, replayEndpoint, from, to, replayTimeoutMs ?? 5000, this.#stopping.signal);
    } catch (error) {
      // Whatever the socket meets, the messages count as lost.
      this.#options.trouble('kv-replay-failed', error instanceof Error ? error.message : String(error));
    }
    return undefined;
  }

  #lose(messages: number): void {
    if (this.#stopping.signal.aborted) return;
    this.counts.lost += messages;
    this.#options.trouble('kv-lost', `${messages} messages`);
    this.#options.onLost(messages);
  }

  #apply(sequence: number, payload: Buffer): KvBatch | undefined {
    if (this.#stopping.signal.aborted) return undefined;
    this.#last = { sequence, payload };
    const batch = this.#options.decoder.decode(payload);
    this.counts.messages += 1;
    this.counts.events += batch.events.length;
    for (const fault of batch.faults) this.#options.trouble(fault);
    if (batch.events.length > 0) this.#options.onBatch(batch);
    // What cannot be read is as good as lost, and asked for again it would come as it is.
    if (batch.faults.some((fault) => LOSES_EVENTS.has(fault))) this.#lose(1);
    return batch;
  }

  /** Nothing here goes by the publisher's clock; that it jumped is worth knowing. Of what is replayed the time is long past. */
  #compareClocks({ atSeconds }: KvBatch): void {
    if (!Number.isFinite(atSeconds) || atSeconds === 0) return;
    const aheadSeconds = atSeconds - performance.now() / 1000;
    const jumpSeconds = aheadSeconds - (this.#aheadSeconds ?? aheadSeconds);
    this.#aheadSeconds = aheadSeconds;
    if (Math.abs(jumpSeconds) > LARGEST_DRIFT_SECONDS) this.#options.trouble('kv-clock-jump', `by ${Math.round(jumpSeconds)} s`);
  }
}
