import type { Engine } from '../core/index.ts';
import type { Runtime } from '../runtime/index.ts';

/** The engines of a server: started together, replaced one by one while it runs, stopped together. */
export class EngineFleet {
  /** Shared with the gateway, which reads it at each call. */
  readonly #engines: Engine[];
  readonly #runtime: Runtime;
  /** They serve what they had begun, or had been chosen for. */
  #retired: Engine[] = [];

  constructor(engines: Engine[], runtime: Runtime) {
    this.#engines = engines;
    this.#runtime = runtime;
  }

  /** @throws what an engine's start throws; those that had started are stopped by `stop` */
  async start(): Promise<void> {
    await this.#startAll(this.#engines);
  }

  /** @param next those that stay are the same objects */
  async replace(next: readonly Engine[]): Promise<void> {
    const arriving = next.filter((engine) => !this.#engines.includes(engine));
    await this.#startAll(arriving);
    const leaving = this.#engines.filter((engine) => !next.includes(engine));
    this.#engines.splice(0, this.#engines.length, ...next);
    this.#retired = this.#retired.filter((engine) => engine.load().runningRequests > 0);
    for (const engine of leaving) {
      if (!next.some(({ replica }) => replica === engine.replica)) this.#runtime.removeEngine(engine.replica);
      this.#retired.push(engine);
      engine.retire?.();
    }
  }

  /** Beside each other: each may wait for a server that does not answer. */
  async #startAll(engines: readonly Engine[]): Promise<void> {
    await Promise.all(engines.map((engine) => engine.start(this.#runtime.registerEngine(engine))));
  }

  async stop(graceMs: number): Promise<void> {
    await Promise.all([...this.#engines, ...this.#retired].map((engine) => engine.stop(graceMs)));
  }
}
