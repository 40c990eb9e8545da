/** A publisher of KV events on real sockets, as vLLM's is: PUB, and a ROUTER that replays what it still has. */
import { Packr } from 'msgpackr';
import * as zeromq from 'zeromq';
import { readSequence, sequenceFrame } from '../replay.ts';

export interface PublisherOptions {
  readonly topic?: string;
  /** Where it listens; absent: free ports. */
  readonly ports?: { readonly events: number; readonly replay: number };
  /** Messages that it can replay. */
  readonly buffer?: number;
  readonly rank?: number;
  /** As vLLM since 0.32: the topic is part of what is replayed. */
  readonly replaysTopic?: boolean;
}

const packr = new Packr({ useRecords: false, variableMapSize: true });

/** The port of one that has just stopped takes a moment to be free. */
async function bound(socket: zeromq.Publisher | zeromq.Router, port: number | undefined): Promise<void> {
  for (;;) {
    try {
      await socket.bind(`tcp://127.0.0.1:${port ?? '*'}`);
      return;
    } catch (error) {
      if (port === undefined || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      await new Promise((resolve) => { setTimeout(resolve, 10); });
    }
  }
}

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #socket = new zeromq.Publisher({ sendHighWaterMark: 200_000, linger: 0 });
  readonly #router = new zeromq.Router({ linger: 0, sendHighWaterMark: 200_000 });
  readonly #sent: { readonly sequence: number; readonly payload: Buffer }[] = [];
  #answering: Promise<void> = Promise.resolve();
  #next = 0;
  /** Its clock, beside the right time. */
  clockAheadSeconds = 0;

  private constructor(options: PublisherOptions) {
    this.#options = options;
  }

  static async start(options: PublisherOptions = {}): Promise<Publisher> {
    const publisher = new Publisher(options);
    await bound(publisher.#socket, options.ports?.events);
    await bound(publisher.#router, options.ports?.replay);
    publisher.#answering = publisher.#answer();
    return publisher;
  }

  get endpoint(): string { return this.#socket.lastEndpoint ?? ''; }
  get replayEndpoint(): string { return this.#router.lastEndpoint ?? ''; }
  get ports(): { events: number; replay: number } { return { events: Number(this.endpoint.split(':').at(-1)), replay: Number(this.replayEndpoint.split(':').at(-1)) }; }
  get next(): number { return this.#next; }

  /** @param lost it goes into the buffer and not out: what a full queue does */
  publish(events: readonly unknown[], lost = false): Promise<void> {
    return this.publishPayload(packr.pack([Date.now() / 1000 + this.clockAheadSeconds, events, this.#options.rank ?? 0]), lost);
  }

  /** Whatever it is, under the next number. */
  async publishPayload(payload: Buffer, lost = false): Promise<void> {
    const sequence = this.#next++;
    this.#sent.push({ sequence, payload });
    if (this.#sent.length > (this.#options.buffer ?? 10_000)) this.#sent.shift();
    if (!lost) await this.raw([Buffer.from(this.#options.topic ?? ''), sequenceFrame(sequence), payload]);
  }

  raw(frames: readonly (Buffer | string)[]): Promise<void> { return this.#socket.send([...frames]); }

  async stop(): Promise<void> {
    this.#socket.close();
    this.#router.close();
    await this.#answering;
  }

  async #answer(): Promise<void> {
    for await (const [peer, , start] of this.#router) {
      const from = readSequence(start) ?? 0;
      const topic = this.#options.replaysTopic === false ? [] : [Buffer.from(this.#options.topic ?? '')];
      for (const { sequence, payload } of this.#sent) if (sequence >= from) await this.#router.send([peer, '', ...topic, sequenceFrame(sequence), payload]);
      await this.#router.send([peer, '', ...topic.map(() => ''), Buffer.alloc(8, 0xff), '']);
    }
  }
}
