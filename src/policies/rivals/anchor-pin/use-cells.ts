/** Per unit, the agents that used it and the first session each used it in: linked cells over typed arrays. */
import { NONE, grown } from '../../lru/recency-lists.ts';

export class UseCells {
  #heads = new Int32Array(1024).fill(NONE);
  #next = new Int32Array(1024);
  #agents = new Int32Array(1024);
  #sessions = new Int32Array(1024);
  #made = 0;
  #free = NONE;

  /** Makes room for ids up to and including `unit`. */
  reserve(unit: number): void {
    if (unit < this.#heads.length) return;
    this.#heads = grown(this.#heads, Math.max(unit + 1, this.#heads.length * 2), NONE);
  }

  /** Notes a use and answers whether this agent has now used the unit in two sessions. */
  usedInTwoSessions(unit: number, agent: number, session: number): boolean {
    for (let cell = this.#heads[unit]; cell !== NONE; cell = this.#next[cell]) {
      if (this.#agents[cell] === agent) return this.#sessions[cell] !== session;
    }
    const cell = this.#takeCell();
    this.#agents[cell] = agent;
    this.#sessions[cell] = session;
    this.#next[cell] = this.#heads[unit];
    this.#heads[unit] = cell;
    return false;
  }

  clear(unit: number): void {
    let cell = this.#heads[unit];
    this.#heads[unit] = NONE;
    while (cell !== NONE) {
      const next = this.#next[cell];
      this.#next[cell] = this.#free;
      this.#free = cell;
      cell = next;
    }
  }

  get bytes(): number { return this.#heads.byteLength + this.#next.byteLength * 3; }

  #takeCell(): number {
    if (this.#free !== NONE) {
      const cell = this.#free;
      this.#free = this.#next[cell];
      return cell;
    }
    if (this.#made === this.#next.length) {
      const size = this.#next.length * 2;
      this.#next = grown(this.#next, size, NONE);
      this.#agents = grown(this.#agents, size, 0);
      this.#sessions = grown(this.#sessions, size, 0);
    }
    return this.#made++;
  }
}
