/** Identity as CacheScout has it: an agent is the first blocks of its prompts. */
import type { TransitionGraph } from './transition-graph.ts';

export class AgentFingerprints {
  readonly #graph: TransitionGraph;
  readonly #fingerprintBlocks: number;
  /** Agent by the unit that ends the fingerprint; a unit stands for itself and all before it. */
  readonly #agents = new Map<number, number>();

  constructor(graph: TransitionGraph, fingerprintBlocks: number) {
    this.#graph = graph;
    this.#fingerprintBlocks = fingerprintBlocks;
  }

  /** The agent of a prompt, made if it is new; -1 for an empty prompt or when no more agents are tracked. */
  agentOf(prompt: Int32Array): number {
    if (prompt.length === 0) return -1;
    const unit = prompt[Math.min(this.#fingerprintBlocks, prompt.length) - 1];
    const known = this.#agents.get(unit);
    if (known !== undefined) return known;
    const agent = this.#graph.addAgent();
    if (agent >= 0) this.#agents.set(unit, agent);
    return agent;
  }

  /** The engine may give the unit's id to other tokens now. */
  forget(unit: number): void { this.#agents.delete(unit); }

  get bytes(): number { return this.#agents.size * 16; }
}
