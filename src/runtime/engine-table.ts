import type { CacheFacts, Engine, ReplicaId } from '../core/index.ts';

/** What the runtime needs of an engine: what it declares, and how it is asked. */
export type EnginePort = Pick<Engine, 'replica' | 'capabilities' | 'perform'>;

/** Registered engines, in the order of registration. */
export class EngineTable {
  readonly #engines = new Map<ReplicaId, EnginePort>();

  add(engine: EnginePort): void { this.#engines.set(engine.replica, engine); }
  remove(replica: ReplicaId): void { this.#engines.delete(replica); }
  get(replica: ReplicaId): EnginePort | undefined { return this.#engines.get(replica); }
  all(): readonly EnginePort[] { return [...this.#engines.values()]; }

  /** The cache that a tenant's own policies steer: that of the first engine whose retention can be steered. */
  firstCache(): CacheFacts | undefined {
    const engines = this.all();
    return (engines.find((engine) => engine.capabilities.retention !== undefined) ?? engines.find((engine) => engine.capabilities.cache !== undefined))?.capabilities.cache;
  }
}
