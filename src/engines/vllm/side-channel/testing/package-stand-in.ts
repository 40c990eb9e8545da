/** The package's end of the side channel on a real socket, as far as PROTOCOL.md has it: for what a real one cannot be made to do. */
import { Packr } from 'msgpackr';
import * as zeromq from 'zeromq';
import type { Secret } from '../../../../core/index.ts';
import { isFields, PROTOCOL, type Fields } from '../messages.ts';
import { isSigned, sign } from '../signing.ts';

const packr = new Packr({ useRecords: false, variableMapSize: true, mapsAsObjects: true });
export const codec = { pack: (value: unknown): Buffer => packr.pack(value), unpack: (bytes: Uint8Array): unknown => packr.unpack(bytes) as unknown };

export interface StandInOptions {
  /** Where it listens; absent: a free port. */
  readonly endpoint?: string;
  readonly secret?: Secret;
  /** What its hello says beyond the least. */
  readonly hello?: Fields;
  /** In place of its own answer to a message; undefined: its own. */
  answer?(message: Fields): readonly Fields[] | undefined;
}

export class PackageStandIn {
  readonly received: Fields[] = [];
  readonly #options: StandInOptions;
  readonly #router = new zeromq.Router({ linger: 0 });
  readonly #engine = Buffer.from(crypto.getRandomValues(new Uint8Array(16)));
  readonly #numbers = new Map<string, number>();
  readonly #waiting: { readonly type: string; readonly count: number; resolve(): void }[] = [];
  #channel = Buffer.alloc(0);
  #answering: Promise<void> = Promise.resolve();
  #latest: Buffer | undefined;

  private constructor(options: StandInOptions) {
    this.#options = options;
  }

  static async start(options: StandInOptions = {}): Promise<PackageStandIn> {
    const made = new PackageStandIn(options);
    for (;;) {
      try {
        await made.#router.bind(options.endpoint ?? 'tcp://127.0.0.1:*');
        break;
      } catch (error) {
        // The port of one that has just stopped takes a moment to be free.
        if (options.endpoint === undefined || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
        await new Promise((resolve) => { setTimeout(resolve, 10); });
      }
    }
    made.#answering = made.#answer();
    return made;
  }

  get endpoint(): string { return this.#router.lastEndpoint ?? ''; }

  /** How many messages of a type have come. */
  count(type: string): number { return this.received.filter((message) => message.type === type).length; }

  /** Resolves once so many messages of the type have come. */
  async until(type: string, count = 1): Promise<void> {
    if (this.count(type) < count) await new Promise<void>((resolve) => { this.#waiting.push({ type, count, resolve }); });
  }

  /** To who was heard last. */
  async send(message: Fields): Promise<void> {
    const { secret } = this.#options;
    if (this.#latest === undefined) throw new Error('nobody was heard yet');
    const peer = this.#latest.toString('hex');
    this.#numbers.set(peer, (this.#numbers.get(peer) ?? 0) + 1);
    const payload = codec.pack(secret === undefined ? message : { ...message, channel: this.#channel, n: this.#numbers.get(peer) });
    await this.raw([sign(secret, 'to-peer', payload), payload]);
  }

  raw(frames: readonly Buffer[]): Promise<void> { return this.#router.send([this.#latest ?? Buffer.alloc(0), ...frames]); }

  async stop(): Promise<void> {
    this.#router.close();
    await this.#answering;
  }

  async #answer(): Promise<void> {
    for await (const [peer, mac, payload] of this.#router) {
      const message = codec.unpack(payload);
      if (!isSigned(this.#options.secret, 'to-package', payload, mac) || !isFields(message)) continue;
      this.#latest = peer;
      this.received.push(message);
      for (const answer of this.#options.answer?.(message) ?? this.#own(message)) if (!this.#router.closed) await this.send(answer);
      for (const { type, count, resolve } of this.#waiting) if (this.count(type) >= count) resolve();
    }
  }

  #own({ type, id }: Fields): readonly Fields[] {
    if (type === 'hello') {
      this.#channel = Buffer.from(crypto.getRandomValues(new Uint8Array(16)));
      return [{
        type: 'hello', id, protocol: PROTOCOL, package: '0.1.0', vllm: '0.32.0', mode: 'active', engine: this.#engine, blockSize: 16, hashAlgorithm: 'sha256', numGpuBlocks: 101, rank: 0,
        maxLeaseMs: 900_000, maxLeases: 65_536, requestFields: true, hostTier: false, ...this.#options.hello, channel: this.#channel,
      }];
    }
    return id === undefined ? [] : [{ type: 'accepted', id }];
  }
}
