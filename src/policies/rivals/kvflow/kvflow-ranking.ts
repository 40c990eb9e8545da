/**
 * KVFlow's retention (arXiv 2507.07400): an agent's fixed prompt is kept by how few steps of the workflow are left until
 * that agent runs again; what varies from run to run goes first. KVFlow is given the workflow's graph with each request;
 * here it is learned from the transitions within sessions, and every session stands where its last call was.
 */
import type { Touch } from '../../../core/index.ts';
import { grownInt32 } from '../../../core/growing.ts';
import { SessionCurrentAgents } from '../cachescout/current-agents.ts';
import { SharedUnits } from '../cachescout/shared-units.ts';
import { TransitionGraph, type GraphConstants } from '../cachescout/transition-graph.ts';
import type { LeafIndex, LeafRanking } from '../leaves/leaf-index.ts';

export interface KvflowConstants extends GraphConstants {
  readonly activeCalls: number;
}

/** Below every fixed prompt, even one that is out of reach. */
const VARYING = -1;

export class KvflowRanking implements LeafRanking {
  readonly #index: LeafIndex;
  readonly #graph: TransitionGraph;
  readonly #agents = new Map<string, number>();
  readonly #sessions: SessionCurrentAgents;
  /** Units that several sessions use belong to an agent's fixed prompt. */
  readonly #shared = new SharedUnits();
  /** Leaves that were ranked as fixed prompts. */
  readonly #fixedLeaves = new Set<number>();
  /** Number of the agent that used each unit last, plus one. */
  #agentOf = new Int32Array(1024);
  #call = 0;
  /** A session has moved since the steps were counted. */
  #moved = false;

  constructor(index: LeafIndex, constants: KvflowConstants) {
    this.#index = index;
    this.#graph = new TransitionGraph(constants);
    this.#sessions = new SessionCurrentAgents(constants.activeCalls);
  }

  touch({ by, units, first, origin }: Touch): void {
    const agent = this.#numberOf(by.agent);
    if (origin === 'prompt') {
      for (const unit of units) this.#shared.reserve(unit);
      this.#shared.note(units, by.session);
      const before = this.#sessions.enter(by.session, agent, ++this.#call);
      if (before >= 0 && agent >= 0) this.#graph.observe(before, agent);
      this.#moved = true;
    }
    for (let position = first; position < units.length; position++) {
      const unit = units[position];
      this.#agentOf = grownInt32(this.#agentOf, unit + 1);
      this.#agentOf[unit] = agent + 1;
    }
  }

  /** Of a fixed prompt from 0, out of reach, to 1, running now. */
  rank(unit: number): number {
    const agent = (unit < this.#agentOf.length ? this.#agentOf[unit] : 0) - 1;
    if (agent < 0 || !this.#shared.isShared(unit)) return VARYING;
    this.#fixedLeaves.add(unit);
    this.#countSteps();
    return this.#graph.survival(agent);
  }

  advance(): void {
    if (!this.#moved) return;
    for (const unit of this.#fixedLeaves) {
      if (this.#index.units.isLeaf(unit)) this.#index.rankAnew(unit);
      else this.#fixedLeaves.delete(unit);
    }
  }

  dropped(unit: number): void { this.#fixedLeaves.delete(unit); }

  forget(unit: number): void {
    this.#shared.reserve(unit);
    this.#shared.forget(unit);
    if (unit < this.#agentOf.length) this.#agentOf[unit] = 0;
  }

  stateBytes() { return { learned: this.#graph.bytes, working: this.#shared.bytes + this.#agentOf.byteLength, ghosts: 0 }; }

  #numberOf(name: string): number {
    const known = this.#agents.get(name);
    if (known !== undefined) return known;
    const agent = this.#graph.addAgent();
    if (agent >= 0) this.#agents.set(name, agent);
    return agent;
  }

  /** From the current agents of all sessions that run: the fewest steps to each agent. */
  #countSteps(): void {
    if (!this.#moved) return;
    this.#graph.measureHops(this.#sessions.sources());
    this.#moved = false;
  }
}
