/**
 * The connection to the package in one engine process: says hello until it is answered and again when the engine has
 * restarted, signs, numbers and checks messages. What goes wrong is counted; nothing is thrown at those who use it.
 */
import type { Dealer } from 'zeromq';
import type { Secret } from '../../../core/index.ts';
import type { ZeroMq } from '../../kv-events/libraries.ts';
import { isWellFormed } from '../../kv-events/well-formed.ts';
import { isFields, PROTOCOL, readCallEvent, readHello, type CallDone, type CallTouch, type Fields, type Hello } from './messages.ts';
import { isSigned, sign } from './signing.ts';

export type ChannelTrouble = 'side-channel-garbage' | 'side-channel-unauthenticated' | 'side-channel-refused' | 'side-channel-silent' | 'side-channel-touches-lost';

export interface Codec {
  pack(value: unknown): Buffer;
  unpack(bytes: Uint8Array): unknown;
}

export interface ChannelOptions {
  readonly endpoint: string;
  readonly secret?: Secret;
  readonly zeromq: ZeroMq;
  readonly codec: Codec;
  readonly client: string;
  /** How often it says hello where it is connected and yet not answered, or where the news of the connection is lost. */
  readonly helloMs?: number;
  /** @param fresh another engine process than the last, or the first */
  onHello(hello: Hello, fresh: boolean): void;
  onCallEvents(events: readonly (CallTouch | CallDone)[]): void;
  /** It does not answer any more. */
  onSilent(): void;
  trouble(kind: ChannelTrouble, detail?: string): void;
}

export interface Residents {
  /** Copies by key, of the accelerator's memory. */
  readonly held: ReadonlyMap<bigint, number>;
  readonly pendingEvents: number;
}

const HELLO_MS = 1000;
/** ZeroMQ may take a moment after the handshake to take a message. */
const UNSENT_HELLO_MS = 20;
const PING_MS = 15_000;
const ANSWER_MS = 5000;
const LARGEST_MESSAGE_BYTES = 1024 * 1024;
/** What waits to be sent; a peer that takes nothing is not worth more. */
const SEND_WATER_MARK = 256;
/** A farewell may still go out. */
const LINGER_MS = 200;

interface Pending {
  readonly parts: Fields[];
  readonly timer: NodeJS.Timeout;
  settle(answers: readonly Fields[] | undefined): void;
}

export class SideChannel {
  readonly #options: ChannelOptions;
  readonly #pending = new Map<number, Pending>();
  #socket: Dealer | undefined;
  #hello: Hello | undefined;
  #engine: string | undefined;
  #nextId = 1;
  #sent = 0;
  #received = -1;
  #lastSequence: number | undefined;
  #sending: Promise<unknown> = Promise.resolve();
  #following: Promise<unknown> = Promise.resolve();
  #connected = false;
  /** Which greeting is the latest: an answer to another changes nothing. */
  #greeting = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Messages that could not be sent: the peer is away, or takes none. */
  unsent = 0;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  get endpoint(): string { return this.#options.endpoint; }
  /** What the package said of itself; undefined while it does not answer. */
  get hello(): Hello | undefined { return this.#hello; }

  start(): void {
    const { endpoint, zeromq } = this.#options;
    // Immediate: nothing is queued for an engine that is away; it would be stale by the time that it is back.
    const socket = new zeromq.Dealer({ sendHighWaterMark: SEND_WATER_MARK, receiveHighWaterMark: 100_000, sendTimeout: 0, linger: LINGER_MS, immediate: true, maxMessageSize: 64 * LARGEST_MESSAGE_BYTES, reconnectInterval: 100, reconnectMaxInterval: 2000 });
    this.#socket = socket;
    const watched = this.#watch(socket);
    socket.connect(endpoint);
    this.#following = Promise.all([this.#follow(socket), watched]);
    // A message before the connection is there is refused: the handshake is what to greet at.
    this.#timer = setTimeout(() => this.#greet(), this.#options.helloMs ?? HELLO_MS).unref();
  }

  /** No answer is wanted. @returns whether the package is there to take it */
  tell(message: Fields): boolean {
    if (this.#hello === undefined) return false;
    this.#send(message);
    return true;
  }

  /** Undefined: refused, or no answer in time. */
  async ask(message: Fields, timeoutMs = ANSWER_MS): Promise<Fields | undefined> {
    return (await this.#asked(message, timeoutMs))?.[0];
  }

  /** What the engine holds. Undefined: it does not say. */
  async dump(timeoutMs = ANSWER_MS): Promise<Residents | undefined> {
    const parts = await this.#asked({ type: 'dump' }, timeoutMs);
    if (parts === undefined) return undefined;
    const held = new Map<bigint, number>();
    let pendingEvents = 0;
    for (const { keys, copies, medium, pendingEvents: pending, group } of parts) {
      pendingEvents += typeof pending === 'number' ? pending : 0;
      if (medium !== 'GPU' || (group !== 0 && group !== undefined) || !(keys instanceof Uint8Array) || !(copies instanceof Uint8Array)) continue;
      const view = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
      for (let index = 0; index < copies.length && 8 * index + 8 <= view.byteLength; index++) held.set(view.getBigUint64(8 * index), copies[index]);
    }
    return { held, pendingEvents };
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#hello !== undefined) this.#send({ type: 'bye' });
    await this.#sending;
    for (const { settle } of this.#pending.values()) settle(undefined);
    this.#socket?.close();
    this.#socket = undefined;
    await this.#following;
  }

  #asked(message: Fields, timeoutMs: number): Promise<readonly Fields[] | undefined> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      const settle = (answers: readonly Fields[] | undefined): void => {
        const pending = this.#pending.get(id);
        if (pending === undefined) return;
        clearTimeout(pending.timer);
        this.#pending.delete(id);
        resolve(answers);
      };
      this.#pending.set(id, { parts: [], settle, timer: setTimeout(() => settle(undefined), timeoutMs).unref() });
      // What has not gone out is not answered either.
      this.#send({ ...message, id }, () => settle(undefined));
    });
  }

  #send(message: Fields, unsent?: () => void): void {
    this.#sending = this.#sending.then(async () => {
      const { secret, codec } = this.#options;
      const channel = this.#hello?.channel;
      const payload = codec.pack(secret === undefined ? message : { ...message, n: ++this.#sent, ...(channel === undefined || message.type === 'hello' ? {} : { channel }) });
      try {
        await this.#socket?.send([sign(secret, 'to-package', payload), payload]);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
        this.unsent += 1;
        unsent?.();
      }
    }).catch((error: unknown) => { this.#options.trouble('side-channel-garbage', error instanceof Error ? error.message : String(error)); });
  }

  /** Says hello until it is answered, then that we are here. */
  #greet(): void {
    clearTimeout(this.#timer);
    this.#greeting += 1;
    const greeting = this.#greeting;
    const { client, helloMs = HELLO_MS } = this.#options;
    const { unsent } = this;
    const asked = this.#hello === undefined
      ? this.ask({ type: 'hello', protocols: [PROTOCOL], client, touches: true }, helloMs)
      : this.ask({ type: 'ping' });
    void asked.then((answer) => {
      if (this.#socket === undefined || greeting !== this.#greeting) return;
      if (answer === undefined && this.#hello !== undefined) this.#lost();
      const soonMs = this.#connected && this.unsent > unsent ? UNSENT_HELLO_MS : helloMs;
      this.#timer = setTimeout(() => this.#greet(), this.#hello === undefined ? soonMs : PING_MS).unref();
    });
  }

  /** The connection itself says first when the engine comes and goes. */
  async #watch(socket: Dealer): Promise<void> {
    for await (const event of socket.events) {
      if (event.type === 'handshake') {
        this.#connected = true;
        if (this.#hello === undefined) this.#greet();
      }
      if (event.type === 'disconnect') {
        this.#connected = false;
        if (this.#hello !== undefined) this.#lost();
      }
      if (event.type === 'end') return;
    }
  }

  #lost(): void {
    this.#hello = undefined;
    for (const { settle } of this.#pending.values()) settle(undefined);
    this.#options.trouble('side-channel-silent');
    this.#options.onSilent();
  }

  async #follow(socket: Dealer): Promise<void> {
    for await (const frames of socket) {
      const message = this.#read(frames as Buffer[]);
      if (message !== undefined) this.#receive(message);
    }
  }

  #read(frames: readonly Buffer[]): Fields | undefined {
    const { secret, codec, trouble } = this.#options;
    const [mac, payload] = frames;
    if (frames.length !== 2 || !isWellFormed(payload)) {
      trouble('side-channel-garbage');
      return undefined;
    }
    if (!isSigned(secret, 'to-peer', payload, mac)) {
      trouble('side-channel-unauthenticated');
      return undefined;
    }
    try {
      const message = codec.unpack(payload);
      if (isFields(message) && this.#isFresh(message)) return message;
    } catch {
      // Well formed and yet nothing that can be read: counted below like what is not.
    }
    trouble('side-channel-garbage');
    return undefined;
  }

  /** With a secret: it was made for this channel, and comes after the last. */
  #isFresh({ type, n, channel }: Fields): boolean {
    if (this.#options.secret === undefined || type === 'hello' || type === 'refused') return true;
    const known = this.#hello?.channel;
    if (typeof n !== 'number' || n <= this.#received || known === undefined || !(channel instanceof Uint8Array) || !known.equals(channel)) return false;
    this.#received = n;
    return true;
  }

  #receive(message: Fields): void {
    if (message.type === 'touches' && Array.isArray(message.events)) {
      this.#callEvents(message.events);
      return;
    }
    const pending = typeof message.id === 'number' ? this.#pending.get(message.id) : undefined;
    if (message.type === 'refused') {
      this.#refused(message);
      pending?.settle(undefined);
      return;
    }
    if (message.type === 'hello') this.#greeted(message);
    if (pending === undefined) return;
    pending.parts.push(message);
    const { parts } = message;
    if (typeof parts !== 'number' || pending.parts.length >= parts) pending.settle(pending.parts);
  }

  #refused({ why }: Fields): void {
    // The engine has restarted, or has forgotten us.
    if (why === 'hello first') {
      if (this.#hello !== undefined) this.#lost();
      this.#greet();
    } else this.#options.trouble('side-channel-refused', typeof why === 'string' ? why.slice(0, 200) : undefined);
  }

  #greeted(message: Fields): void {
    const hello = readHello(message);
    if (hello === undefined) {
      this.#options.trouble('side-channel-garbage');
      return;
    }
    const fresh = hello.engine !== this.#engine;
    this.#engine = hello.engine;
    this.#hello = hello;
    this.#received = -1;
    if (fresh) this.#lastSequence = undefined;
    this.#options.onHello(hello, fresh);
  }

  #callEvents(values: readonly unknown[]): void {
    const events: (CallTouch | CallDone)[] = [];
    for (const value of values) {
      const event = readCallEvent(value);
      if (event === undefined) {
        this.#options.trouble('side-channel-garbage');
        continue;
      }
      if (this.#lastSequence !== undefined && event.sequence > this.#lastSequence + 1) this.#options.trouble('side-channel-touches-lost', `${event.sequence - this.#lastSequence - 1}`);
      this.#lastSequence = event.sequence;
      events.push(event);
    }
    this.#options.onCallEvents(events);
  }
}
