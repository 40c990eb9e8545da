/** Per unit, the agents that used it and the first session each used it in: linked cells over typed arrays. */
import { grownInt32 } from '../../../core/growing.ts';
import { NONE } from '../../lru/recency-lists.ts';

export class UseCells {
  #heads = new Int32Array(1024).fill(NONE);
  #next = new Int32Array(1024);
  #agents = new Int32Array(1024);
  #sessions = new Int32Array(1024);
  #made = 0;
  #free = NONE;

  /** Makes room for ids up to and including `unit`. */
  reserve(unit: number): void {
    this.#heads = grownInt32(this.#heads, unit + 1, NONE);
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
    this.#next = grownInt32(this.#next, this.#made + 1);
    this.#agents = grownInt32(this.#agents, this.#made + 1);
    this.#sessions = grownInt32(this.#sessions, this.#made + 1);
    return this.#made++;
  }
}
