/** Where the application is: one current agent for all sessions, as published, or one per session. */
export interface CurrentAgents {
  /** Notes that this session's call goes to `agent`; answers the agent before it, or -1. */
  enter(session: string, agent: number, step: number): number;
  /** The current agents to measure hops from. */
  sources(step: number): Iterable<number>;
}

/** Algorithm 1: a single `a_t`, whoever's call it is. */
export class GlobalCurrentAgent implements CurrentAgents {
  #current = -1;

  enter(_session: string, agent: number): number {
    const before = this.#current;
    this.#current = agent;
    return before;
  }

  *sources(): Iterable<number> {
    if (this.#current >= 0) yield this.#current;
  }
}

/** One per session; sessions that have not called for `activeSteps` steps no longer count. */
export class SessionCurrentAgents implements CurrentAgents {
  readonly #activeSteps: number;
  /** In the order of their last calls, oldest first. */
  readonly #sessions = new Map<string, { agent: number; step: number }>();

  constructor(activeSteps: number) {
    this.#activeSteps = activeSteps;
  }

  enter(session: string, agent: number, step: number): number {
    const before = this.#sessions.get(session)?.agent ?? -1;
    this.#sessions.delete(session);
    this.#sessions.set(session, { agent, step });
    for (const [id, entry] of this.#sessions) {
      if (step - entry.step <= this.#activeSteps) break;
      this.#sessions.delete(id);
    }
    return before;
  }

  *sources(): Iterable<number> {
    for (const { agent } of this.#sessions.values()) if (agent >= 0) yield agent;
  }
}
