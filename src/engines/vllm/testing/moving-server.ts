/** Fixed addresses before a vLLM that is started anew on other ports, and its events on the way: some do not arrive. */
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { Publisher, Subscriber } from 'zeromq';

const portOf = (endpoint: string): number => Number(endpoint.split(':').at(-1));

/** One port that leads to another, which may change. */
class Relay {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  to: number;

  private constructor(to: number) {
    this.to = to;
    this.#server = createServer((client) => {
      const upstream = connect(this.to, '127.0.0.1');
      for (const [one, other] of [[client, upstream], [upstream, client]]) {
        this.#open.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => { this.#open.delete(one); other.destroy(); });
        one.pipe(other);
      }
    });
  }

  static async start(to: number): Promise<Relay> {
    const relay = new Relay(to);
    await new Promise<void>((resolve) => { relay.#server.listen(0, '127.0.0.1', resolve); });
    return relay;
  }

  get port(): number { return (this.#server.address() as AddressInfo).port; }
  cut(): void { for (const socket of this.#open) socket.destroy(); }
  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => { this.#server.close(resolve); });
  }
}

export interface Addresses { readonly url: string; readonly eventsEndpoint: string; readonly replayEndpoint: string; readonly controlEndpoint?: string }

export class MovingServer {
  readonly #http: Relay;
  readonly #replay: Relay;
  readonly #control: Relay;
  readonly #passes: () => boolean;
  #subscriber: Subscriber | undefined;
  #publisher: Publisher | undefined;
  #port = 0;
  #passing: Promise<void> = Promise.resolve();
  /** Messages that did not arrive. */
  dropped = 0;

  private constructor(http: Relay, replay: Relay, control: Relay, passes: () => boolean) {
    this.#http = http;
    this.#replay = replay;
    this.#control = control;
    this.#passes = passes;
  }

  /** @param passes whether the next message is to arrive */
  static async before(server: Addresses, passes: () => boolean): Promise<MovingServer> {
    const [http, replay, control] = await Promise.all([server.url, server.replayEndpoint, server.controlEndpoint ?? ':0'].map((endpoint) => Relay.start(portOf(endpoint))));
    const moving = new MovingServer(http, replay, control, passes);
    await moving.#follow(server.eventsEndpoint);
    return moving;
  }

  get url(): string { return `http://127.0.0.1:${this.#http.port}`; }
  get eventsEndpoint(): string { return `tcp://127.0.0.1:${this.#port}`; }
  get replayEndpoint(): string { return `tcp://127.0.0.1:${this.#replay.port}`; }
  get controlEndpoint(): string { return `tcp://127.0.0.1:${this.#control.port}`; }

  /** The server is gone: nothing answers until `moveTo`. */
  async cut(): Promise<void> {
    for (const relay of [this.#http, this.#replay, this.#control]) {
      relay.to = 1;
      relay.cut();
    }
    this.#subscriber?.close();
    this.#publisher?.close();
    await this.#passing;
  }

  async moveTo(server: Addresses): Promise<void> {
    this.#http.to = portOf(server.url);
    this.#replay.to = portOf(server.replayEndpoint);
    this.#control.to = portOf(server.controlEndpoint ?? ':0');
    await this.#follow(server.eventsEndpoint);
  }

  async stop(): Promise<void> {
    await this.cut();
    await Promise.all([this.#http, this.#replay, this.#control].map((relay) => relay.stop()));
  }

  async #follow(endpoint: string): Promise<void> {
    const subscriber = new Subscriber({ receiveHighWaterMark: 200_000, linger: 0 });
    const publisher = new Publisher({ sendHighWaterMark: 200_000, linger: 0 });
    this.#subscriber = subscriber;
    this.#publisher = publisher;
    await publisher.bind(`tcp://127.0.0.1:${this.#port === 0 ? '*' : this.#port}`);
    this.#port = portOf(publisher.lastEndpoint ?? '');
    subscriber.subscribe('');
    subscriber.connect(endpoint.replace('*', '127.0.0.1'));
    this.#passing = (async () => {
      for await (const frames of subscriber) {
        if (!this.#passes()) this.dropped += 1;
        else if (!publisher.closed) await publisher.send(frames);
      }
    })();
  }
}
