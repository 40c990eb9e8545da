/** Who follows whom, learned online, and how many hops each agent is away (CacheScout, arXiv 2608.14624, section 3). */
export interface GraphConstants {
  /** ε of equation 3: smoothing of the transition counts. */
  readonly smoothing: number;
  /** τ of equation 7: transitions rarer than this are no edges. */
  readonly edgeThreshold: number;
  /** E_max of equation 8: hops from which on an agent counts as unreachable. */
  readonly farthestHops: number;
  /** Rows and columns of the matrix; agents beyond are not tracked. */
  readonly maximumAgents: number;
}

const UNREACHED = -1;

export class TransitionGraph {
  readonly #constants: GraphConstants;
  /** One row of counts per agent. */
  readonly #counts: Uint32Array[] = [];
  readonly #rowSums: number[] = [];
  #hops = new Int32Array(0);

  constructor(constants: GraphConstants) {
    this.#constants = constants;
  }

  get agents(): number { return this.#counts.length; }

  /** The number of a new agent, or -1 when the matrix is full. */
  addAgent(): number {
    if (this.agents >= this.#constants.maximumAgents) return -1;
    this.#counts.push(new Uint32Array(this.#constants.maximumAgents));
    this.#rowSums.push(0);
    return this.agents - 1;
  }

  /** Counts a change from one agent to another; staying is never counted. */
  observe(from: number, to: number): void {
    if (from === to) return;
    this.#counts[from][to]++;
    this.#rowSums[from]++;
  }

  /** Equation 3. */
  probability(from: number, to: number): number {
    const { smoothing } = this.#constants;
    return (this.#counts[from][to] + smoothing) / (this.#rowSums[from] + smoothing * this.agents);
  }

  /** Breadth first along the edges from all of `sources` at once: the smallest number of hops to every agent. */
  measureHops(sources: Iterable<number>): void {
    const { edgeThreshold, farthestHops } = this.#constants;
    const hops = new Int32Array(this.agents).fill(UNREACHED);
    const queue: number[] = [];
    for (const source of sources) {
      if (hops[source] === 0) continue;
      hops[source] = 0;
      queue.push(source);
    }
    for (let head = 0; head < queue.length; head++) {
      const from = queue[head];
      if (hops[from] >= farthestHops) break;
      for (let to = 0; to < hops.length; to++) {
        if (hops[to] !== UNREACHED || this.probability(from, to) < edgeThreshold) continue;
        hops[to] = hops[from] + 1;
        queue.push(to);
      }
    }
    this.#hops = hops;
  }

  /** Equation 8: 1 for a current agent, 0 for one that is out of reach. */
  survival(agent: number): number {
    const { farthestHops } = this.#constants;
    const hops = agent < this.#hops.length ? this.#hops[agent] : UNREACHED;
    return hops === UNREACHED ? 0 : 1 - Math.min(hops, farthestHops) / farthestHops;
  }

  /** The matrix as it would be saved: four bytes a count. */
  get bytes(): number { return this.agents * this.agents * 4; }
}
