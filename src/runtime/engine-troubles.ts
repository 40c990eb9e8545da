import { BoundedMap, type Clock, type ReplicaId } from '../core/index.ts';
import type { LogSink, Metrics } from '../telemetry/index.ts';

/** A server that sends garbage sends much of it: one line a minute for each kind. */
const LOG_EVERY_MS = 60_000;
const MAXIMUM_KINDS = 1024;

interface Told {
  count: number;
  loggedAtMs: number;
  sinceThen: number;
}

/** What servers sent that they should not have: counted, and logged now and then. */
export class EngineTroubles {
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #log: LogSink;
  readonly #told = new BoundedMap<string, Told>(MAXIMUM_KINDS);

  constructor(clock: Clock, metrics: Metrics, log: LogSink) {
    this.#clock = clock;
    this.#metrics = metrics;
    this.#log = log;
  }

  count(replica: ReplicaId, kind: string, detail: string | undefined): void {
    this.#metrics.engineTrouble(replica, kind);
    const key = `${replica} ${kind}`;
    const nowMs = this.#clock.nowMs();
    const told = this.#told.get(key);
    const count = (told?.count ?? 0) + 1;
    if (told !== undefined) told.count = count;
    if (told !== undefined && nowMs - told.loggedAtMs < LOG_EVERY_MS) {
      told.sinceThen += 1;
      return;
    }
    this.#told.set(key, { count, loggedAtMs: nowMs, sinceThen: 0 });
    this.#log('warn', `trouble with the engine: ${kind}`, { replica, kind, ...(detail === undefined ? {} : { detail: detail.slice(0, 300) }), ...(told === undefined || told.sinceThen === 0 ? {} : { unlogged: told.sinceThen }) });
  }

  /** By kind, how often. */
  of(replica: ReplicaId): Readonly<Record<string, number>> {
    const prefix = `${replica} `;
    return Object.fromEntries([...this.#told].flatMap(([key, { count }]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), count]] : [])));
  }
}
