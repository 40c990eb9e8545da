/** The load: slices of calls, as fast as they are answered or at a steady rate. */
import { Conversation, conversationShape, type ConversationShape } from './conversation.ts';
import { LoadConnection } from './load-connection.ts';

export interface SliceOrder {
  readonly url: string;
  readonly bodyBytes: number;
  readonly stream: boolean;
  /** Every call opens a conversation, or goes on with one that has been seen. */
  readonly cold: boolean;
  readonly durationMs: number;
  /** Calls at once; with a rate, connections are opened as they are needed. */
  readonly connections: number;
  /** Absent: as fast as they are answered. */
  readonly ratePerSecond?: number;
  /** More header lines, each with its CRLF: for a gateway of others, which is told in each call where it goes. */
  readonly headers?: string;
}

export interface SliceResult {
  readonly calls: number;
  readonly failed: number;
  readonly elapsedMs: number;
  /** From the first byte sent to the last one received, of every call. */
  readonly lastByteMs: readonly number[];
}

export interface AbortsOrder { readonly url: string; readonly count: number; readonly tag: string }
/** When the client let go of each call, by id; milliseconds since the epoch. */
export type AbortTimes = Readonly<Record<string, number>>;

/** A conversation grows by half a kilobyte a turn; then another one begins. */
const TURNS_KNOWN = 128;
const ACCEPTABLE = 200;

/** The calls of one connection: turns of one conversation after the other. */
class Caller {
  readonly connection: LoadConnection;
  readonly #shape: ConversationShape;
  readonly #cold: boolean;
  readonly #headers: string;
  readonly #name: () => string;
  #conversation: Conversation | undefined;

  constructor(url: URL, shape: ConversationShape, { cold, headers = '' }: SliceOrder, name: () => string) {
    this.connection = new LoadConnection(url);
    this.#shape = shape;
    this.#cold = cold;
    this.#headers = headers;
    this.#name = name;
  }

  /** Undefined if the call failed. */
  async call(): Promise<number | undefined> {
    if (this.#cold || this.#conversation === undefined || this.#conversation.turns >= TURNS_KNOWN) this.#conversation = new Conversation(this.#shape, this.#name());
    const { status, lastByteMs } = await this.connection.exchange('/v1/chat/completions', this.#headers, this.#conversation.next());
    return status === ACCEPTABLE ? lastByteMs : undefined;
  }
}

export class LoadGenerator {
  readonly #shapes = new Map<string, ConversationShape>();
  #named = 0;

  async slice(order: SliceOrder): Promise<SliceResult> {
    const shape = this.#shapeOf(order);
    const url = new URL(order.url);
    const caller = (): Caller => new Caller(url, shape, order, () => `${process.pid}-${(this.#named += 1)}`);
    const samples: number[] = [];
    const callers = Array.from({ length: order.connections }, caller);
    // The first call of each connection is no turn of a known conversation, and pays for connecting.
    for (const one of callers) await one.call();
    const startedAtMs = performance.now();
    const tally = { failed: 0 };
    const once = async (one: Caller): Promise<void> => {
      const lastByteMs = await one.call().catch(() => undefined);
      if (lastByteMs === undefined) tally.failed += 1;
      else samples.push(lastByteMs);
    };
    if (order.ratePerSecond === undefined) {
      await Promise.all(callers.map(async (one) => {
        while (performance.now() - startedAtMs < order.durationMs && !one.connection.closed) await once(one);
      }));
    } else await this.#steadily(order, order.ratePerSecond, callers, caller, once);
    const elapsedMs = performance.now() - startedAtMs;
    for (const one of callers) one.connection.destroy();
    return { calls: samples.length, failed: tally.failed, elapsedMs, lastByteMs: samples };
  }

  /** Sends when a call is due, whether the ones before have been answered or not. */
  #steadily(order: SliceOrder, ratePerSecond: number, callers: Caller[], more: () => Caller, once: (one: Caller) => Promise<void>): Promise<void> {
    const idle = [...callers];
    const startedAtMs = performance.now();
    const total = Math.floor((order.durationMs / 1000) * ratePerSecond);
    let sent = 0;
    let open = 0;
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        const due = Math.min(total, Math.floor(((performance.now() - startedAtMs) / 1000) * ratePerSecond));
        // One at a time: calls that are late do not come as a burst.
        if (sent < due) {
          sent += 1;
          open += 1;
          let one = idle.pop();
          if (one === undefined) {
            one = more();
            callers.push(one);
          }
          const mine = one;
          void once(mine).then(() => {
            open -= 1;
            idle.push(mine);
            if (sent === total && open === 0) resolve();
          });
        }
        if (sent === total) clearInterval(timer);
      }, 1);
    });
  }

  /** Calls that the client gives up: every other one before any byte of an answer, the others in the middle of a stream. */
  async aborts({ url, count, tag }: AbortsOrder): Promise<AbortTimes> {
    const shape = this.#shapeOf({ bodyBytes: 1024, stream: true });
    const times: Record<string, number> = {};
    for (let index = 0; index < count; index++) {
      const id = `${tag}-${index}`;
      const connection = new LoadConnection(new URL(url));
      const answered = connection.exchange('/v1/chat/completions', `x-bench-hold: ${index % 2 === 0 ? 'before' : 'within'} ${id}\r\n`, new Conversation(shape, id).next());
      answered.catch(() => undefined);
      await new Promise((resolve) => { setTimeout(resolve, 20); });
      times[id] = performance.timeOrigin + performance.now();
      connection.destroy();
      await new Promise((resolve) => { setTimeout(resolve, 10); });
    }
    return times;
  }

  #shapeOf({ bodyBytes, stream }: { readonly bodyBytes: number; readonly stream: boolean }): ConversationShape {
    const key = `${bodyBytes} ${stream}`;
    let shape = this.#shapes.get(key);
    if (shape === undefined) {
      shape = conversationShape(bodyBytes, stream);
      this.#shapes.set(key, shape);
    }
    return shape;
  }
}
