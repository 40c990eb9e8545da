/**
 * What an engine holds, by its KV events alone: for engines that tell what they store and drop, and not which call used
 * it. Policies hear of it (`kv-stored`, `kv-removed`); no retention index is fed, for nobody knows whose blocks they are.
 */
import type { UnitId } from '../../core/index.ts';
import { EntresolError } from '../../core/index.ts';
import type { UpstreamServer } from '../upstream/adapter.ts';
import { Mirror } from '../vllm/mirror/mirror.ts';
import { releaseUnitIds, unitIdsOf } from '../vllm/mirror/unit-ids.ts';
import { loadDecoder, loadZeroMq } from './libraries.ts';
import { KvSubscription } from './subscription.ts';

export interface ResidentSource {
  readonly rank: number;
  /** As ZeroMQ has it: `tcp://host:5557`. */
  readonly endpoint: string;
  readonly replayEndpoint?: string;
  /** Only messages whose topic begins so; empty: all. */
  readonly topic: string;
}

export class ResidentFollower {
  readonly #server: UpstreamServer;
  readonly #mirror: Mirror;
  readonly #subscriptions: KvSubscription[] = [];
  #closed = false;

  constructor(server: UpstreamServer) {
    this.#server = server;
    const told = (type: 'kv-stored' | 'kv-removed', units: readonly UnitId[]): void => {
      server.host.emit({ type, atMs: server.host.clock.nowMs(), replica: server.replica, units });
    };
    this.#mirror = new Mirror({
      ids: unitIdsOf(server.replica), index: () => undefined, nowMs: () => server.host.clock.nowMs(), marginalPrefillMs: () => 0,
      onStored: (units) => told('kv-stored', units), onRemoved: (units) => told('kv-removed', units),
      trouble: (kind) => server.host.trouble(kind),
    });
  }

  /** Copies of blocks that it holds now, over all ranks. */
  get residentBlocks(): number {
    let blocks = 0;
    for (const cache of this.#mirror.ranks()) blocks += cache.copies;
    return blocks;
  }

  /** Messages that were followed, and those that are gone for good. */
  get counts(): { readonly messages: number; readonly lost: number } {
    return this.#subscriptions.reduce((sum, { counts }) => ({ messages: sum.messages + counts.messages, lost: sum.lost + counts.lost }), { messages: 0, lost: 0 });
  }

  /** Where events cannot be read here, that is logged and counted, and calls are served without. */
  async follow(sources: readonly ResidentSource[]): Promise<void> {
    const { host } = this.#server;
    try {
      const [zeromq, decoder] = await Promise.all([loadZeroMq(), loadDecoder()]);
      for (const { rank, ...source } of sources) {
        if (this.#closed) return;
        const subscription = new KvSubscription({
          ...source, zeromq, decoder,
          onBatch: ({ events }) => { if (!this.#closed) this.#mirror.apply(rank, events); },
          // Who could be asked what it still holds? What is not sure is not there.
          onLost: () => { if (!this.#closed) this.#mirror.clear(rank); },
          onRestart: () => { if (!this.#closed) this.#mirror.clear(rank); },
          trouble: (kind, detail) => host.trouble(kind, detail),
        });
        this.#subscriptions.push(subscription);
        subscription.start();
      }
    } catch (error) {
      if (!(error instanceof EntresolError) || error.code !== 'ENT_KV_EVENTS_UNSUPPORTED') throw error;
      host.log('warn', error.describe());
      host.trouble('kv-events-unsupported');
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // At once: who follows after this one tells of the same blocks under ids of its own.
    this.#mirror.dispose();
    releaseUnitIds(this.#server.replica);
    await Promise.all(this.#subscriptions.map((subscription) => subscription.stop()));
  }
}
