import { BoundedMap, type CacheFacts, type Coordinate, type Engine, type EngineEvent, type ReplicaId } from '../core/index.ts';

/** What the runtime needs of an engine: what it declares, and how it is asked. */
export type EnginePort = Pick<Engine, 'replica' | 'capabilities' | 'perform' | 'sessionEnded'>;

const MAXIMUM_REPLICAS = 4096;

/** Registered engines, in the order of registration, and how each was last seen. */
export class EngineTable {
  readonly #engines = new Map<ReplicaId, EnginePort>();
  readonly #removed = new BoundedMap<ReplicaId, true>(MAXIMUM_REPLICAS);

  /** By replica and what it tells (`engine-up` and `engine-down` replace each other): what a policy that is made later must hear. */
  readonly #latest = new Map<string, EngineEvent>();

  observe(event: EngineEvent): void {
    if (event.type !== 'engine-up' && event.type !== 'engine-down' && event.type !== 'engine-load') return;
    const key = `${event.type === 'engine-load' ? 'load' : 'health'} ${event.replica}`;
    this.#latest.delete(key);
    for (const oldest of this.#latest.keys()) {
      if (this.#latest.size < 2 * MAXIMUM_REPLICAS) break;
      this.#latest.delete(oldest);
    }
    this.#latest.set(key, event);
  }

  latest(): Iterable<EngineEvent> { return this.#latest.values(); }

  add(engine: EnginePort): void {
    this.#engines.set(engine.replica, engine);
    this.#removed.delete(engine.replica);
  }

  remove(replica: ReplicaId): void {
    this.#engines.delete(replica);
    this.#removed.set(replica, true);
  }

  /** It was here, and was taken away. */
  removed(replica: ReplicaId): boolean { return this.#removed.peek(replica) !== undefined; }

  get(replica: ReplicaId): EnginePort | undefined { return this.#engines.get(replica); }
  all(): readonly EnginePort[] { return [...this.#engines.values()]; }

  sessionEnded(by: Coordinate): void { for (const engine of this.#engines.values()) engine.sessionEnded?.(by); }

  /** The cache that a tenant's own policies steer: that of the first engine whose retention can be steered. */
  firstCache(): CacheFacts | undefined {
    const engines = this.all();
    return (engines.find((engine) => engine.capabilities.retention !== undefined) ?? engines.find((engine) => engine.capabilities.cache !== undefined))?.capabilities.cache;
  }
}
